"""The page of the ECG: docs/ecg.md and its pictures, from an evaluation on MIT-BIH."""

"""Evaluation of a continuous ECG's bundle on annotated records, after AAMI EC57."""

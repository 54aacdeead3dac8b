"""ECG5000 of the UCR time series archive: z-normalised heartbeats of one patient.

Each row of UCR's text files is one beat of 140 samples. The beats lie end to end, so window = hop =
140 returns them. The gain (4096 counts per standard deviation) and the rate are nominal, because
the beats were stretched to 140 samples. Source: PhysioNet BIDMC CHF record chf07 (Goldberger et al.
2000), Dau et al. 2018.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.data import DataSettings
from training.data.download import Checksums, Files, find_files
from training.data.recording import Dataset, Recording, to_counts

CHANNELS = 1
BEAT = 140  # samples a row
GAIN = 4096.0  # counts per standard deviation: the largest value, 7.4, stays inside int16
NORMAL_CLASS = 1  # every other class is abnormal; 9 in TEST means "abnormal, class not known"
CHECKSUMS = {
    "ECG5000_TRAIN.txt": Checksums(
        "0d96aff193311a6dc6111bf0dbd2f7d2313987fbf7a1da4a383d92563876057b",
        "123917cea06fe6e10ff4fadd2bd7f80b6b1d1b23962e5476e12ca7df1df147a1",
    ),
    "ECG5000_TEST.txt": Checksums(
        "b1662282e8e4ff089fce9eb1fb9cf5dd3cad34ce32d9529bea7197b0b9cdb150",
        "a917a50d58d24ea9c044fa67a56f7b529a7462d0e21c2704770d43dcac6fcca9",
    ),
}
ADDRESSES = (
    "https://www.timeseriesclassification.com/aeon-toolkit/ECG5000.zip",
    "https://www.timeseriesclassification.com/Downloads/ECG5000.zip",
    # A copy with other line endings, at a fixed commit; it is accepted by its values.
    "https://raw.githubusercontent.com/nina-prog/sem-data-analysis-VAE/"
    "6a57b237f289bb1a237621c2d7f9ee455c080e55/ECG5000/",
)
DESCRIPTION = "ECG5000, UCR archive: heartbeats of one patient, each z-normalised to 140 samples"


class Settings(DataSettings):
    """Settings of ECG5000: none besides its name."""

    name: Literal["ecg5000"] = "ecg5000"


def piece(settings: Settings) -> int:
    """Return the frames of a beat."""
    return BEAT


def load(settings: Settings) -> Dataset:
    """Load TRAIN (500 beats, 292 normal) and TEST (4500 beats, 2627 normal).

    TEST is shuffled, always in the same order: UCR's file is sorted by class, so its first
    thousand beats are all normal.
    """
    train, test = find_files(Files("ecg5000", CHECKSUMS, ADDRESSES, _values))
    return Dataset("ecg5000", DESCRIPTION, read_rows(train), read_rows(test, shuffled=True))


def read_rows(path: Path, shuffled: bool = False) -> Recording:
    """Read one UCR text file as a recording.

    Raises:
        DataError: the file is not UCR's; the message names the file and the row.
    """
    rows = _rows(path)
    if rows.shape[1] != BEAT + 1:
        raise DataError(f"{path}: {rows.shape[1]} columns, must be a label and {BEAT} samples")
    if shuffled:
        draw = random.Random(0).random  # draws the same numbers in every version of Python
        rows = rows[sorted(range(len(rows)), key=lambda _: draw())]
    abnormal = (rows[:, 0] != NORMAL_CLASS).astype(np.int8)
    return Recording(
        name=path.stem,
        description=DESCRIPTION,
        counts=to_counts(rows[:, 1:].reshape(-1, 1), GAIN, 0, name=str(path)),
        labels=np.repeat(abnormal, BEAT),
        channels=("ecg",),
        units=("z",),
        gain=(GAIN,),
        offset=(0,),
        rate_hz=float(BEAT),
        rate_is_nominal=True,
    )


def _rows(path: Path) -> NDArray[np.float64]:
    try:
        return np.loadtxt(path, ndmin=2)
    except ValueError as problem:
        raise DataError(f"{path}: {str(problem).splitlines()[0]}") from None


def _values(path: Path) -> bytes:
    return _rows(path).astype("<f8").tobytes()

"""ECG5000 of the UCR time series archive: heartbeats of one patient, cut, stretched to 140 samples
and z-normalised.

Each beat is one row of UCR's text files; here they lie end to end, so that window = hop = 140
gives the beats back. The counts are made up (4096 to a standard deviation), and so is the rate:
the stretching left no seconds. Source: PhysioNet BIDMC CHF record chf07 (Goldberger et al. 2000),
Dau et al. 2018.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

import numpy as np

from training.bundle.errors import DataError
from training.data import DataSettings
from training.data.download import files
from training.data.recording import Dataset, Recording, to_counts

CHANNELS = 1
BEAT = 140  # samples a row
GAIN = 4096.0  # counts per standard deviation: the largest value, 7.4, stays inside int16
NORMAL_CLASS = 1  # every other class is abnormal; 9 in TEST means "abnormal, class not known"
URL = "https://www.timeseriesclassification.com/aeon-toolkit/ECG5000.zip"
HASHES = {
    "ECG5000_TRAIN.txt": "0d96aff193311a6dc6111bf0dbd2f7d2313987fbf7a1da4a383d92563876057b",
    "ECG5000_TEST.txt": "b1662282e8e4ff089fce9eb1fb9cf5dd3cad34ce32d9529bea7197b0b9cdb150",
}
DESCRIPTION = "ECG5000, UCR archive: heartbeats of one patient, each z-normalised to 140 samples"


class Settings(DataSettings):
    """ECG5000 has no settings."""

    name: Literal["ecg5000"] = "ecg5000"


def piece(settings: Settings) -> int:
    """A beat."""
    return BEAT


def load(settings: Settings) -> Dataset:
    """TRAIN (500 beats, 292 normal) and TEST (4500 beats, 2627 normal), the latter shuffled.

    UCR's files hold the classes one after the other, so that whoever streams the first thousand
    beats would see none that is abnormal. The order is always the same.
    """
    train, test = files("ecg5000", HASHES, URL)
    return Dataset("ecg5000", DESCRIPTION, read_rows(train), read_rows(test, shuffled=True))


def read_rows(path: Path, shuffled: bool = False) -> Recording:
    """One UCR text file as a recording; DataError names the file and row."""
    try:
        rows = np.loadtxt(path, ndmin=2)
    except ValueError as problem:
        raise DataError(f"{path}: {str(problem).splitlines()[0]}") from None
    if rows.shape[1] != BEAT + 1:
        raise DataError(f"{path}: {rows.shape[1]} columns, must be a label and {BEAT} samples")
    if shuffled:
        draw = random.Random(0).random  # the same numbers in every version of Python
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

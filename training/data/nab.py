"""Numenta Anomaly Benchmark: temperature of a machine, a value every five minutes, with the
windows of time in which something was wrong.

The series has gaps, which are closed up; the rate is that of its regular stretches. Source:
numenta/NAB (MIT licence); Lavin & Ahmad 2015, Ahmad et al. 2017.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL
from training.data import DataSettings
from training.data.download import files
from training.data.recording import Dataset, Recording, to_counts

CHANNELS = 1
SERIES = "machine_temperature_system_failure.csv"
GAIN = 128.0  # counts per degree
URL = "https://raw.githubusercontent.com/numenta/NAB/master/"
HASHES = {
    SERIES: "92bf5b87fc7f9bba8ca0b7ec63ccaac8cb4a1371a258e8c29a10ae9c018d82a4",
    "combined_windows.json": "1e1fbc4601321aad8d0f8b3784c8134299379f68f6c1f7777565f8ffd57ab6b1",
}
SOURCES = {
    SERIES: f"data/realKnownCause/{SERIES}",
    "combined_windows.json": "labels/combined_windows.json",
}
DESCRIPTION = "Numenta Anomaly Benchmark: temperature of a machine, with labelled failures"


class Settings(DataSettings):
    """Where the training part ends."""

    name: Literal["nab"] = "nab"
    # The first share of the series is trained on (its labelled windows are left out), the rest
    # tested on. Two of the four labelled windows lie behind the middle.
    train_share: Annotated[float, Field(gt=0, lt=1)] = 0.5


def load(settings: Settings) -> Dataset:
    """The series cut in two."""
    series, windows = files("nab", HASHES, URL, sources=SOURCES)
    whole = read_series(series, windows)
    border = round(whole.frames * settings.train_share)
    return Dataset("nab", DESCRIPTION, whole.part(0, border), whole.part(border, whole.frames))


def read_series(path: Path, windows: Path) -> Recording:
    """A NAB series with its labelled windows; DataError names the file and what is wrong."""
    try:
        times, values = _columns(path)
        spans = json.loads(windows.read_text(encoding="utf-8"))[f"realKnownCause/{path.name}"]
        labels = np.zeros(len(times), np.int8)
        for begin, end in spans:
            inside = (times >= np.datetime64(begin)) & (times <= np.datetime64(end))
            labels[inside] = ABNORMAL
        step = float(np.median(np.diff(times)) / np.timedelta64(1, "s"))
    except (KeyError, ValueError, OSError) as problem:
        raise DataError(f"{path}: not a series of the benchmark: {problem}") from None
    return Recording(
        name=path.stem,
        description=DESCRIPTION,
        counts=to_counts(values[:, None], GAIN, 0, name=str(path)),
        labels=labels,
        channels=("temperature",),
        units=("degree",),
        gain=(GAIN,),
        offset=(0,),
        rate_hz=1 / step,
    )


def _columns(path: Path) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    times = np.array([row[0] for row in rows], "datetime64[s]")
    return times, np.array([row[1] for row in rows], np.float64)

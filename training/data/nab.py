"""Numenta Anomaly Benchmark: temperature of a machine every five minutes, with labelled failures.

Gaps in the series are closed, and the rate is that of its regular stretches. Source: numenta/NAB
(MIT licence); Lavin & Ahmad 2015, Ahmad et al. 2017.
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
from training.data.download import Checksums, Files, find_files
from training.data.recording import Dataset, Recording, to_counts

CHANNELS = 1
SERIES = "machine_temperature_system_failure.csv"
GAIN = 128.0  # counts per degree
WINDOWS = "combined_windows.json"
CHECKSUMS = {
    SERIES: Checksums(
        "92bf5b87fc7f9bba8ca0b7ec63ccaac8cb4a1371a258e8c29a10ae9c018d82a4",
        "42cd17e2714e3a5a031acd964d5147404bfd760efbdd8671c50f61615aa2c0b9",
    ),
    WINDOWS: Checksums(
        "1e1fbc4601321aad8d0f8b3784c8134299379f68f6c1f7777565f8ffd57ab6b1",
        "5000a61de5f7da633546c0210adc115849f1cb889b935aa4a01444d1e8faf2f5",
    ),
}
ADDRESSES = (
    "https://raw.githubusercontent.com/numenta/NAB/master/",
    "https://cdn.jsdelivr.net/gh/numenta/NAB@master/",
)
PATHS = {SERIES: f"data/realKnownCause/{SERIES}", WINDOWS: f"labels/{WINDOWS}"}
DESCRIPTION = "Numenta Anomaly Benchmark: temperature of a machine, with labelled failures"


class Settings(DataSettings):
    """Where the training part of the series ends."""

    name: Literal["nab"] = "nab"
    # Share of the series for training, from its beginning; the rest is for testing. Two of the
    # four labelled failures are in the second half.
    train_share: Annotated[float, Field(gt=0, lt=1)] = 0.5


def load(settings: Settings) -> Dataset:
    """Load the series and cut it into training and test part."""
    series, windows = find_files(Files("nab", CHECKSUMS, ADDRESSES, _values, PATHS))
    whole = read_series(series, windows)
    border = round(whole.frames * settings.train_share)
    return Dataset("nab", DESCRIPTION, whole.part(0, border), whole.part(border, whole.frames))


def read_series(path: Path, windows: Path) -> Recording:
    """Read a NAB series with its labelled windows.

    Raises:
        DataError: a file is not of the benchmark.
    """
    try:
        times, values = _columns(path)
        spans = _spans(windows, path.name)
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


def _spans(windows: Path, series: str) -> list[list[str]]:
    spans: list[list[str]] = json.loads(windows.read_text(encoding="utf-8"))[
        f"realKnownCause/{series}"
    ]
    return spans


def _values(path: Path) -> bytes:
    if path.name == WINDOWS:
        return json.dumps(_spans(path, SERIES)).encode()
    times, values = _columns(path)
    return times.astype("<i8").tobytes() + values.astype("<f8").tobytes()

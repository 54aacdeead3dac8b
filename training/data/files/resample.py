"""Resampling of samples at irregular times to equal ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, UNKNOWN
from training.data.files.sheet import MOST_VALUES

GAP = 5.0  # usual steps between two samples that are not joined by a line


def resample(
    path: Path,
    seconds: NDArray[np.float64] | None,
    values: NDArray[np.float64],
    labels: NDArray[np.int8],
    rate_hz: float,
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.int64], int]:
    """Interpolate linearly at `rate_hz` within each stretch without a gap.

    Returns values [frames, channels], labels [frames] (the worst of the samples for which a frame
    stands, or the nearest sample's), cuts between the stretches, and how many samples were left out
    because they stand alone between two gaps.
    Frames next to a missing value are missing.
    Raises DataError: no clock, or far more frames than samples.
    """
    if seconds is None:
        raise DataError(f"{path}: 'resample_hz' needs a column of times in a known unit")
    known = ~np.isnan(seconds)
    seconds, values, labels = seconds[known], values[known], labels[known]
    steps = np.diff(seconds)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    borders = np.flatnonzero((steps <= 0) | (steps > GAP * max(usual, 1 / rate_hz))) + 1
    parts: list[NDArray[np.float64]] = []
    marks: list[NDArray[np.int8]] = []
    frames = alone = 0
    cuts: list[int] = []
    for a, b in zip([0, *borders], [*borders, len(seconds)], strict=True):
        if b - a < 2:
            alone += 1
            continue
        count = int((seconds[b - 1] - seconds[a]) * rate_hz) + 1
        if (frames + count) * values.shape[1] > MOST_VALUES:
            raise DataError(f"{path}: 'resample_hz' {rate_hz:g} gives too many frames; lower it")
        at = seconds[a] + np.arange(count) / rate_hz
        parts.append(
            np.stack([np.interp(at, seconds[a:b], column[a:b]) for column in values.T], axis=1)
        )
        nearest = np.clip(np.searchsorted(seconds[a:b], at - usual / 2), 0, b - a - 1)
        mark = labels[a:b][nearest]
        first, stop = (np.searchsorted(seconds[a:b], at + d / rate_hz) for d in (-0.5, 0.5))
        for label in (UNKNOWN, ABNORMAL):
            total = np.concatenate([[0], np.cumsum(labels[a:b] == label)])
            mark[total[stop] > total[first]] = label
        marks.append(mark)
        cuts.append(frames)
        frames += count
    if not parts:
        raise DataError(f"{path}: no two samples follow each other in time")
    joined = np.concatenate(marks) if marks else np.full(0, UNKNOWN, np.int8)
    return np.concatenate(parts), joined, np.array(cuts[1:], np.int64), alone

"""Missing values, their stand-ins, and stuck and clipped stretches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.files.cells import quoted

# Values that loggers write in place of a missing one.
SENTINELS = frozenset({-127, -200, -32768, 32767, 65535, -2147483648, 2147483647})
FEWEST_STUCK = 20  # equal samples in a row
LISTED = 20  # stretches


@dataclass(frozen=True)
class Stretch:
    """Frames `first` to `stop` - 1 of a channel, in which it has one value."""

    channel: str
    kind: str  # "stuck" or "clipped"
    value: float
    first: int
    stop: int
    share: float  # of all frames that such stretches of the channel take


def sentinel(values: NDArray[np.float64]) -> float | None:
    """Return the value that stands for a missing one, None if there is none.

    It is the smallest or largest value, occurs at least three times and in 0.2 % of the frames,
    lies further from all others than these span, and is usual for this purpose: all nines, or
    an end of an integer's range.
    """
    known = values[~np.isnan(values)]
    if len(known) < 10:
        return None
    for extreme in (float(known.min()), float(known.max())):
        if not _is_conventional(extreme):
            continue
        others = known[known != extreme]
        count = len(known) - len(others)
        if count < max(3, 0.002 * len(known)) or not len(others):
            continue
        low, high = float(others.min()), float(others.max())
        if high > low and min(abs(extreme - low), abs(extreme - high)) > high - low:
            return extreme
    return None


def far_value(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return a value far outside all others and its share, None if there is none.

    It occurs at least three times and in 0.2 % of the frames.
    """
    known = values[~np.isnan(values)]
    if len(known) < 10:
        return None
    for extreme in (float(known.min()), float(known.max())):
        others = known[known != extreme]
        share = 1 - len(others) / len(known)
        if share * len(known) > 2.5 and 0.002 <= share < 0.5 and len(np.unique(others[:1000])) > 10:
            low, high = float(others.min()), float(others.max())
            if min(abs(extreme - low), abs(extreme - high)) > high - low > 0:
                return extreme, share
    return None


def _is_conventional(value: float) -> bool:
    digits = f"{abs(value):.10g}"
    return value in SENTINELS or (len(digits) >= 3 and set(digits) <= {"9"}) or abs(value) >= 1e20


def runs(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first frames and lengths of the runs of equal values; a missing value ends a run."""
    changes = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    first = np.flatnonzero(changes)
    return first, np.diff(first, append=len(values))


def flat_stretches(channels: tuple[str, ...], values: NDArray[np.float64]) -> list[Stretch]:
    """Return stuck and clipped stretches, the longest of each channel first, at most LISTED.

    Stuck: a run of equal values at least 20 frames long and ten times as long as 95 % of the
    frames' runs are. Clipped: three or more equal samples at the channel's smallest or largest
    value, in at least three places, where runs elsewhere are shorter.
    """
    stretches: list[Stretch] = []
    for name, column in zip(channels, values.T, strict=True):
        if len(column) < FEWEST_STUCK or np.isnan(column).all():
            continue
        first, length = runs(column)
        usual = float(np.percentile(length, 95))
        long = np.flatnonzero(length >= max(FEWEST_STUCK, 10 * usual))
        share = float(length[long].sum()) / len(column)
        for at in long[np.argsort(-length[long], kind="stable")][:LISTED]:
            a, n = int(first[at]), int(length[at])
            stretches.append(Stretch(name, "stuck", float(column[a]), a, a + n, share))
        if not len(long) and usual < 3 and len(np.unique(column[:1000])) > 10:
            stretches += _clipped(name, column, first, length)
    return stretches[:LISTED]


def _clipped(
    name: str, column: NDArray[np.float64], first: NDArray[np.int64], length: NDArray[np.int64]
) -> list[Stretch]:
    stretches = []
    for extreme in (np.nanmin(column), np.nanmax(column)):
        at = np.flatnonzero((column[first] == extreme) & (length >= 3))
        inside = (column[first] != extreme) & (length >= 3)
        if len(at) >= 3 and len(at) > inside.sum() / 4:
            share = float(length[at].sum()) / len(column)
            longest = at[length[at].argmax()]
            a, n = int(first[longest]), int(length[longest])
            stretches.append(Stretch(name, "clipped", float(extreme), a, a + n, share))
    return stretches


def describe(stretch: Stretch, rows: tuple[int, int]) -> str:
    """Return a sentence that names the channel, the rows and the value."""
    return (
        f"channel {quoted(stretch.channel)} is {stretch.kind} at {stretch.value:g} in rows "
        f"{rows[0]} to {rows[1]} ({100 * stretch.share:.1f} % of the file in all such stretches)"
    )


def interpolate(
    values: NDArray[np.float64], cuts: NDArray[np.int64], longest: int
) -> tuple[NDArray[np.float64], int]:
    """Fill holes of up to `longest` frames linearly, never across a cut.

    Returns the values, float64 [frames, channels], and how many were filled.
    """
    filled = values.copy()
    count = 0
    for column in filled.T:
        gone = np.isnan(column)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], gone.view(np.int8), [0]])))
        for a, b in edges.reshape(-1, 2):
            crossed = np.searchsorted(cuts, a, "left") != np.searchsorted(cuts, b, "right")
            if a == 0 or b == len(column) or b - a > longest or crossed:
                continue
            steps = np.arange(1, b - a + 1) / (b - a + 1)
            column[a:b] = column[a - 1] + steps * (column[b] - column[a - 1])
            count += int(b - a)
    return filled, count

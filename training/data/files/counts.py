"""Gain and offset that convert physical values to int16, and values beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.recording import INT16

INT32 = np.iinfo(np.int32)
FEW_COUNTS = 100  # spanned counts below which a signal is coarse
SAMPLE = 1_000_000  # values from which a median is taken
ENOUGH = 1000  # counts that a signal should span
ROOM = INT16.max / 2  # the largest value takes half of the range


@dataclass(frozen=True)
class Range:
    """The conversion of a channel: count = round(value * gain) + offset.

    spoiled_by  frame of a value so large that most others become one count; None if there is none
    """

    gain: float
    offset: int = 0
    spoiled_by: int | None = None


def choose_range(column: NDArray[np.float64], gain: float | None, offset: int | None) -> Range:
    """Choose gain and offset, where not given, from a channel: float64 [frames], NaN if missing.

    Whole numbers stay as they are; other values get the power of two that leaves as much room
    above the largest as below it. A signal so far from zero that it would span under a thousand
    counts is centred on its median, and spans one to two thousand.
    """
    missing = np.isnan(column)
    known = column[~missing] if missing.any() else column
    largest = max(abs(float(known.min())), abs(float(known.max())))
    if gain is not None:
        if offset is None:
            centre = _median(known)
            fits = (np.abs(known * gain) <= INT16.max).mean() > 0.5
            offset = 0 if fits else _offset(centre, gain)
        return Range(gain, offset)
    whole = _is_whole(known)
    if whole and largest <= INT16.max and offset is None:
        return Range(1.0)
    centre = 0.0 if offset is not None else _median(known)
    reach = max(abs(float(known.min()) - centre), abs(float(known.max()) - centre))
    if offset is None and (reach == 0 or reach * ROOM / largest > ENOUGH / 2):
        centre, reach = 0.0, largest
    if whole and centre and reach <= ROOM:
        return Range(1.0, _offset(centre, 1.0))
    with np.errstate(over="ignore", divide="ignore"):
        gain = float(2.0 ** np.floor(np.log2((ENOUGH if centre else ROOM) / reach)))
        if np.isfinite(gain) and abs(centre) * gain > INT32.max:
            gain = float(2.0 ** np.floor(np.log2(INT32.max / abs(centre))))
    sample = known[:: max(1, len(known) // SAMPLE)]
    apart = np.abs(sample - _median(sample))
    apart = apart[apart > 0]
    # Half of the values that differ at all would not differ by one count.
    if not np.isfinite(gain) or (len(apart) and np.median(apart) * gain < 0.5):
        return Range(1.0, 0, spoiled_by=int(np.nanargmax(np.abs(column - centre))))
    return Range(gain, offset if offset is not None else _offset(centre, gain))


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values[:: max(1, len(values) // SAMPLE)]))


def _is_whole(values: NDArray[np.float64]) -> bool:
    head = values[:SAMPLE]
    return bool((head == np.rint(head)).all()) and bool((values == np.rint(values)).all())


def _offset(centre: float, gain: float) -> int:
    return -round(centre * gain) if centre else 0


def to_int16(
    values: NDArray[np.float64], ranges: list[Range]
) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Convert values [frames, channels], none missing, to counts.

    Values beyond int16 are limited to it. Returns counts int16 [frames, channels] and how many
    values of each channel were limited, int64 [channels].
    """
    counts = np.empty(values.shape, np.int16)
    limited = np.zeros(values.shape[1], np.int64)
    for c, scale in enumerate(ranges):
        with np.errstate(over="ignore"):
            exact = values[:, c] * scale.gain
            np.rint(exact, out=exact)
            exact += scale.offset
        limited[c] = int(((exact < INT16.min) | (exact > INT16.max)).sum())
        counts[:, c] = np.clip(exact, INT16.min, INT16.max, out=exact)
    return counts, limited

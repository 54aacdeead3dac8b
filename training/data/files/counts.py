"""Gain and offset that put physical values into int16, and values beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.recording import INT16

INT32 = np.iinfo(np.int32)
FEW_COUNTS = 100  # spanned counts below which a signal is coarse
ENOUGH = 1000  # counts that a signal should span
ROOM = INT16.max / 2  # the largest value takes half of the range


@dataclass(frozen=True)
class Range:
    """count = round(value * gain) + offset; `spoiled_by` is the frame of a value that is so large
    that most others become one and the same count.
    """

    gain: float
    offset: int = 0
    spoiled_by: int | None = None


def choose_range(column: NDArray[np.float64], gain: float | None, offset: int | None) -> Range:
    """Choose what is not given from the values of a channel, float64 [frames], NaN if missing.

    Whole numbers stay as they are; other values get the power of two that leaves as much room
    above the largest as below it. A signal so far from zero that it would span under a thousand
    counts is centred on its median, and spans one to two thousand.
    """
    known = column[~np.isnan(column)]
    at = int(np.nanargmax(np.abs(column)))
    largest = abs(float(column[at]))
    if gain is not None:
        if offset is None:
            centre = float(np.median(known))
            fits = (np.abs(known * gain) <= INT16.max).mean() > 0.5
            offset = 0 if fits else _offset(centre, gain)
        return Range(gain, offset)
    whole = bool((known == np.rint(known)).all())
    if whole and largest <= INT16.max and offset is None:
        return Range(1.0)
    centre = 0.0 if offset is not None else float(np.median(known))
    reach = float(np.abs(known - centre).max())
    if offset is None and (reach == 0 or reach * ROOM / largest > ENOUGH / 2):
        centre, reach = 0.0, largest
    if whole and centre and reach <= ROOM:
        return Range(1.0, _offset(centre, 1.0))
    with np.errstate(over="ignore", divide="ignore"):
        gain = float(2.0 ** np.floor(np.log2((ENOUGH if centre else ROOM) / reach)))
        if np.isfinite(gain) and abs(centre) * gain > INT32.max:
            gain = float(2.0 ** np.floor(np.log2(INT32.max / abs(centre))))
    apart = np.abs(known - np.median(known))
    apart = apart[apart > 0]
    # Half of the values that differ at all would not differ by one count.
    if not np.isfinite(gain) or (len(apart) and np.median(apart) * gain < 0.5):
        return Range(1.0, 0, spoiled_by=int(np.nanargmax(np.abs(column - centre))))
    return Range(gain, offset if offset is not None else _offset(centre, gain))


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
            exact = np.rint(values[:, c] * scale.gain) + scale.offset
        limited[c] = int(((exact < INT16.min) | (exact > INT16.max)).sum())
        counts[:, c] = np.clip(exact, INT16.min, INT16.max)
    return counts, limited

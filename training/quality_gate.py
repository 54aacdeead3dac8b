"""The quality gate: limits learned from normal windows (docs/bundle.md, "Gate").

The board measures each channel of a window (range, variation, longest run, share at the extremes,
share of mains hum) and does not judge a window beyond a limit. The measures are the firmware's own
C++; here the limits are chosen, with room around everything that training saw.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from training.bundle.manifest import GateLimits, NoGate
from training.bundle.validation import Strict
from training.native import QualityGate

NEVER = 2**32 - 1  # a limit that no window exceeds
_SHARE = 65536  # the C++ counts shares of the energy in this many parts
# frames / |sin(w)| below this keeps the C++ recurrence inside 32 bits.
_LONGEST = 4096


class Settings(Strict):
    """Section [gate] of a recipe."""

    kind: Literal["limits", "none"] = "limits"
    # Mains frequencies to look for, Hz; left out where rate or window do not allow it.
    mains_hz: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=2)] = (
        50.0,
        60.0,
    )


def fit_gate(
    settings: Settings, counts: NDArray[np.int16], rate_hz: float | None
) -> GateLimits | NoGate:
    """Choose the limits from normal windows.

    Args:
        settings: the recipe's section.
        counts: int16 [n, window, channels], normal windows; n is 1 or more.
        rate_hz: frames per second; None where frames are not taken at equal times, which leaves
            the mains test out.
    """
    if settings.kind == "none":
        return NoGate(kind="none")
    frames, channels = counts.shape[1:]
    mains = [] if rate_hz is None else _cosines(settings.mains_hz, rate_hz, frames)
    every = [0] * channels, [0] * channels, *([[NEVER] * channels] * 3)
    measures = QualityGate(*every, mains).measure(np.ascontiguousarray(counts))
    # One window in a thousand may be a bad one that was taken for normal.
    outliers = len(counts) // 1000
    measures = np.sort(measures.astype(np.int64), axis=0)
    smallest, largest = measures[outliers], measures[-1 - outliers]  # [channels, 5]
    run = np.where(largest[:, 2] < frames, np.minimum(2 * largest[:, 2] + 2, frames - 1), NEVER)
    extreme = largest[:, 3] + math.ceil(0.05 * frames)
    hum = np.minimum(largest[:, 4] + round(0.2 * _SHARE), round(0.95 * _SHARE))
    return GateLimits(
        kind="limits",
        min_range=(smallest[:, 0] // 4).tolist(),
        min_variation=(smallest[:, 1] // 4).tolist(),
        max_run=run.tolist(),
        max_extreme=np.where(extreme < frames, extreme, NEVER).tolist(),
        max_mains=np.where(largest[:, 4] < hum, hum, NEVER).tolist()
        if mains
        else [NEVER] * channels,
        mains=mains,
    )


def _cosines(mains_hz: tuple[float, ...], rate_hz: float, frames: int) -> list[int]:
    """cos(w) * 2^15 of each frequency that can be told from others in such a window."""
    cosines = []
    for hertz in mains_hz:
        w = 2 * math.pi * hertz / rate_hz
        # Below half the rate with room for the filter's width, and three periods in the window.
        separable = hertz < 0.45 * rate_hz and frames * hertz >= 3 * rate_hz
        if separable and frames < _LONGEST * math.sin(w):
            cosines.append(round(math.cos(w) * 2**15))
    return cosines

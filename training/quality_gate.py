"""The quality gate: limits learned from normal windows (docs/bundle.md, "Gate").

The board measures each channel of a window (range, variation, longest run, share at the extremes,
share of mains hum) and does not judge a window beyond a limit. The measures are the firmware's own
C++; here the limits are chosen, with room around everything that training saw.

A single sample far beyond the range of training is clipped by the model's int8 input, so the score
may miss it. Such a window is scored, and not judged unless the score flags it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.bundle.chain import is_scored, make_gate
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.bundle.manifest import GateLimits, NoGate, NotJudged
from training.data.recording import Recording
from training.native import QualityGate
from training.sections import Gate
from training.windows import Parts, Windows

NEVER = 2**32 - 1  # a limit that no window exceeds
_SHARE = 65536  # the C++ counts shares of the energy in this many parts
# frames / |sin(w)| below this keeps the C++ recurrence inside 32 bits.
_LONGEST = 4096


def fit_gate(
    settings: Gate, counts: NDArray[np.int16], recording: Recording, raw_input: bool
) -> GateLimits | NoGate:
    """Choose the limits from normal windows.

    Args:
        counts: int16 [n, window, channels], normal windows; n is 1 or more.
        recording: the recording that they were cut from. The mains test needs its rate.
        raw_input: whether the model sees these counts, so that its int8 input clips them. With a
            filter, or with features alone, it does not.
    """
    if settings.kind == "none":
        return NoGate(kind="none")
    frames, channels = counts.shape[1:]
    rate_hz = None if recording.rate_is_nominal else recording.rate_hz
    mains = mains_cosines(settings.mains_hz, rate_hz, frames)
    zeros, never = [0] * channels, [NEVER] * channels
    whole = [-32768] * channels, [32767] * channels
    gate = QualityGate(zeros, zeros, never, never, never, *whole, mains)
    measures = gate.measure(np.ascontiguousarray(counts))
    # One window in a thousand may be a bad one that was taken for normal.
    outliers = len(counts) // 1000
    measures = np.sort(measures.astype(np.int64), axis=0)
    smallest, largest = measures[outliers], measures[-1 - outliers]  # [channels, 5]
    run = np.where(largest[:, 2] < frames, np.minimum(2 * largest[:, 2] + 2, frames - 1), NEVER)
    extreme = largest[:, 3] + math.ceil(0.05 * frames)
    hum = np.minimum(largest[:, 4] + round(0.2 * _SHARE), round(0.95 * _SHARE))
    lowest, highest = _reach(counts, outliers, raw_input)
    return GateLimits(
        kind="limits",
        min_range=(smallest[:, 0] // 4).tolist(),
        min_variation=(smallest[:, 1] // 4).tolist(),
        max_run=run.tolist(),
        max_extreme=np.where(extreme < frames, extreme, NEVER).tolist(),
        max_mains=np.where(largest[:, 4] < hum, hum, NEVER).tolist()
        if mains
        else [NEVER] * channels,
        lowest=lowest,
        highest=highest,
        mains=mains,
    )


def _reach(
    counts: NDArray[np.int16], outliers: int, raw_input: bool
) -> tuple[list[int], list[int]]:
    """Choose the counts beyond which a window is clipped: a quarter of the range more at each end.

    A count at the end of int16 that training does not reach is always beyond: a converter, or the
    conversion of a file, ends there.
    """
    smallest = np.sort(counts.min(axis=1), axis=0)[outliers].astype(np.int64)
    largest = np.sort(counts.max(axis=1), axis=0)[-1 - outliers].astype(np.int64)
    more = (largest - smallest + 3) // 4 if raw_input else 65535
    lowest = np.where(smallest > -32768, np.maximum(smallest - more, -32767), -32768)
    highest = np.where(largest < 32767, np.minimum(largest + more, 32766), 32767)
    return lowest.tolist(), highest.tolist()


def judge(parts: Parts, gate: GateLimits | NoGate) -> tuple[Parts, NotJudged]:
    """Drop the windows that get no score from the parts that set or test the threshold.

    Training and validation windows stay: the limits were chosen from them.
    """
    check = make_gate(gate)

    def judged(windows: Windows) -> Windows:
        return windows[is_scored(check(windows.raw))]

    rejected = parts.test.labels[~is_scored(check(parts.test.raw))]
    counts = {
        name: int((rejected == label).sum())
        for name, label in (("normal", NORMAL), ("abnormal", ABNORMAL), ("unknown", UNKNOWN))
    }
    return (
        replace(
            parts,
            calibration=judged(parts.calibration),
            abnormal=judged(parts.abnormal),
            test=judged(parts.test),
        ),
        NotJudged(**counts),
    )


def mains_cosines(mains_hz: tuple[float, ...], rate_hz: float | None, frames: int) -> list[int]:
    """cos(w) * 2^15 of each frequency that such a window can resolve; none without a rate."""
    if rate_hz is None:
        return []
    cosines = []
    for hertz in mains_hz:
        w = 2 * math.pi * hertz / rate_hz
        # Below half the rate with room for the filter's width, and three periods in the window.
        separable = hertz < 0.45 * rate_hz and frames * hertz >= 3 * rate_hz
        if separable and frames < _LONGEST * math.sin(w):
            cosines.append(round(math.cos(w) * 2**15))
    return cosines

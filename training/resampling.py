"""Conversion of a recording's sample rate, by the firmware's own C++."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.native import Resampler

HALF = 8  # input frames under the filter on each side, at equal rates
PASS = 0.9  # the cutoff, as a share of half the lower rate
UNITY = 1 << 14  # the coefficients of a phase sum to this
LARGEST = 512  # of the ratio's terms; a larger one would need a long table


def rate_ratio(from_hz: float, to_hz: float, name: str = "the recording") -> Fraction:
    """Return `to_hz / from_hz` in lowest terms.

    Raises:
        DataError: the ratio has no small terms, or is too far from 1.
    """
    ratio = Fraction(to_hz / from_hz).limit_denominator(LARGEST)
    close = math.isclose(ratio, to_hz / from_hz, rel_tol=1e-6) if ratio else False
    if not close or ratio.numerator > LARGEST or not 1 / 16 <= ratio <= 16:
        raise DataError(
            f"{name}: {from_hz:g} frames per second cannot be resampled to {to_hz:g}; resample it "
            "with another program first"
        )
    return ratio


def low_pass(ratio: Fraction) -> tuple[int, list[int]]:
    """Design the polyphase filter: its taps per phase, and the coefficients, phase after phase."""
    from scipy.signal import firwin  # takes half a second

    up, down = ratio.numerator, ratio.denominator
    half = math.ceil(HALF * max(1.0, down / up))
    centre = up * half
    taps = firwin(2 * centre + 1, PASS * min(1.0, up / down) / up, window=("kaiser", 6.0))
    table = []
    for phase in range(up):
        row = taps[centre + phase + up * (half - 1 - np.arange(2 * half))]
        rounded = np.rint(row / row.sum() * UNITY).astype(int)
        rounded[np.argmax(rounded)] += UNITY - rounded.sum()
        table += rounded.tolist()
    return 2 * half, table


def resampled(
    counts: NDArray[np.int16], from_hz: float, to_hz: float, name: str = "the recording"
) -> NDArray[np.int16]:
    """Convert int16 [frames, channels] at `from_hz` to int16 [k, channels] at `to_hz`.

    Frame n of the result lies at n / to_hz seconds. The signal is continued at its ends by its
    first and last frame.

    Raises:
        DataError: the rates have no small ratio.
    """
    ratio = rate_ratio(from_hz, to_hz, name)
    if ratio == 1 or not len(counts):
        return counts
    taps, table = low_pass(ratio)
    converter = Resampler(ratio.numerator, ratio.denominator, taps, counts.shape[1], table)
    tail = np.repeat(counts[-1:], taps, axis=0)
    result = converter.push(np.concatenate([counts, tail]))
    return result[: resampled_frames(len(counts), ratio)]


def resampled_frames(frames: int, ratio: Fraction) -> int:
    """Return the number of output frames that lie at or before the last of `frames`."""
    return math.floor((frames - 1) * ratio) + 1 if frames else 0

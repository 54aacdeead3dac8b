"""Design of the board's biquad filters: band-pass and mains notch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import RecipeError

FRACTION = 1 << 28  # of the coefficients


def design(
    rate_hz: float,
    low_hz: float | None = None,
    high_hz: float | None = None,
    notch_hz: Sequence[float] = (),
    order: int = 2,
    quality: float = 30.0,
) -> list[list[int]]:
    """Design a cascade of biquads, each [b0, b1, b2, a1, a2] times 2^28.

    Args:
        rate_hz: frames per second.
        low_hz: cutoff of a Butterworth high-pass of `order`, or None.
        high_hz: cutoff of a Butterworth low-pass of `order`, or None.
        notch_hz: mains frequencies to remove, with a width of frequency / `quality`; those that
            are not below half the rate are left out.

    Raises:
        RecipeError: a cutoff is not between 0 and half the rate.
    """
    from scipy.signal import butter, iirnotch, tf2sos  # takes half a second

    sections = []
    for cutoff, kind in ((low_hz, "highpass"), (high_hz, "lowpass")):
        if cutoff is None:
            continue
        if not 0 < cutoff < rate_hz / 2:
            raise RecipeError(
                f"filter: {cutoff:g} Hz is not between 0 and half the rate of {rate_hz:g} Hz"
            )
        sections += list(butter(order, cutoff, kind, fs=rate_hz, output="sos"))
    for frequency in notch_hz:
        if frequency < rate_hz / 2:
            sections += list(tf2sos(*iirnotch(frequency, quality, fs=rate_hz)))
    return [
        [round(float(value) * FRACTION) for value in (*section[:3], *section[4:])]
        for section in sections
    ]


def delay(sections: Sequence[Sequence[int]], rate_hz: float, at_hz: float = 10.0) -> float:
    """Return the cascade's group delay at a frequency, in frames."""
    from scipy.signal import group_delay  # takes half a second

    total = 0.0
    for b0, b1, b2, a1, a2 in sections:
        _, frames = group_delay(([b0, b1, b2], [FRACTION, a1, a2]), [at_hz], fs=rate_hz)
        total += float(frames[0])
    return total


def response(
    sections: Sequence[Sequence[int]], rate_hz: float, hz: Sequence[float]
) -> NDArray[np.float64]:
    """Return the cascade's gain at frequencies, float64 [k]."""
    from scipy.signal import freqz  # takes half a second

    gain = np.ones(len(hz))
    for b0, b1, b2, a1, a2 in sections:
        gain *= np.abs(freqz([b0, b1, b2], [FRACTION, a1, a2], np.asarray(hz), fs=rate_hz)[1])
    return gain

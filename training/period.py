"""The period of a signal, from its autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRONG = 0.5  # autocorrelation at which a period explains half of the variance
PROMINENT = 0.2  # height of a peak above the lowest autocorrelation before it
ALIKE = 0.05  # a shorter period whose peak is lower by this much is taken
MOST_FRAMES = 2**17  # to look at


def find_period(values: NDArray[np.float64], longest: int) -> int | None:
    """Find the period of a series in frames, or None if none is strong.

    It is the shortest lag of nearly the highest peak of the autocorrelation, each product of which
    is divided by the energy of the two stretches that overlap.

    Args:
        values: float64 [n].
        longest: in frames; a longer period is not found, nor one that n does not hold 8 times.
    """
    values = values[:MOST_FRAMES] - values[:MOST_FRAMES].mean()
    most = min(longest, len(values) // 8)
    if most < 2:
        return None
    correlation = _autocorrelation(values, most + 1)
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:])) + 1
    lowest = np.minimum.accumulate(correlation)
    peaks = peaks[correlation[peaks] > np.maximum(STRONG, lowest[peaks] + PROMINENT)]
    if not len(peaks):
        return None
    return int(peaks[correlation[peaks] > correlation[peaks].max() - ALIKE][0])


def _autocorrelation(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Compute the autocorrelation of the lags 0 to `most`, float64 [most + 1]."""
    n, points = len(values), 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.fft.rfft(values, points)
    products = np.fft.irfft(spectrum * np.conj(spectrum), points)[: most + 1]
    energy = np.concatenate([[0.0], np.cumsum(values * values)])
    lags = np.arange(most + 1)
    both = np.sqrt(energy[n - lags] * (energy[n] - energy[lags]))
    return np.asarray(products / np.maximum(both, 1e-12 * max(energy[n], 1e-300)))

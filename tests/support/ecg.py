"""A simple ECG whose R peaks are known, a small bundle with a wearer, and MIT-BIH's records."""

import numpy as np

from tools.measure.bench.small_bundle import small_bundle
from training.beats import beats_at
from training.bundle.manifest import Wearer

WORN_RATE, WORN_WINDOW, WORN_BEFORE = 180.0, 144, 54  # Hz; frames, and those before R


def worn_bundle(folder, learn=24):
    """Make a small bundle of heartbeats whose wearer is learned from `learn` beats."""
    return small_bundle(
        folder,
        window=WORN_WINDOW,
        segmenter=beats_at(WORN_RATE, WORN_WINDOW, WORN_BEFORE),
        rate_hz=WORN_RATE,
        wearer=Wearer(score="template", first=40, length=72, shift=4, learn=learn),
    )


WAVES = ((-0.17, 0.025, 0.12), (-0.025, 0.010, -0.14), (0, 0.011, 1.1), (0.03, 0.011, -0.25))
T_WAVE = (0.28, 0.05, 0.3)  # seconds after R, width in seconds, millivolts


def ecg(peaks, rate_hz, frames, gain=200.0, noise=0.01, seed=0):
    """Return int16 [frames] with a beat about each frame of `peaks`."""
    time = np.arange(frames) / rate_hz
    signal = np.zeros(frames)
    for peak in peaks:
        at = slice(max(0, int(peak - 0.5 * rate_hz)), int(peak + 0.7 * rate_hz))
        for delay, width, height in (*WAVES, T_WAVE):
            offset = time[at] - peak / rate_hz - delay
            signal[at] += height * np.exp(-0.5 * (offset / width) ** 2)
    signal += np.random.default_rng(seed).normal(0, noise, frames)
    return np.rint(gain * signal).astype(np.int16)


def regular_peaks(rate_hz, seconds, beats_per_minute=72, jitter=0.03, seed=0):
    """Return the frames of R of a nearly regular rhythm, int64 [k]."""
    period = 60 / beats_per_minute
    count = int(seconds / period)
    steps = period * (1 + jitter * np.random.default_rng(seed).standard_normal(count))
    peaks = np.rint((0.4 + np.cumsum(steps)) * rate_hz).astype(np.int64)
    return peaks[peaks < (seconds - 1) * rate_hz]

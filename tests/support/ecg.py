"""A simple ECG whose R peaks are known, and MIT-BIH's records."""

import numpy as np

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

"""Noise that is added to a record: wander, muscle, hum and electrode steps.

The ratio is that of the MIT-BIH Noise Stress Test (Moody 1984): the signal's power is that of a
sine as high as the QRS complex, the noise's power is its variance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.data.recording import INT16, Recording

Noise = Callable[[int, float, np.random.Generator], NDArray[np.float64]]
DECIBELS = (24.0, 18.0, 12.0, 6.0, 0.0)


def _wander(frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(frames) / rate
    waves = (np.sin(2 * np.pi * (f * time + rng.uniform())) for f in (0.15, 0.3, 0.45))
    return np.asarray(sum(waves))


def _muscle(frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    bursts = np.repeat(rng.random(frames // int(rate) + 1) < 0.5, int(rate))[:frames]
    return np.asarray(rng.standard_normal(frames) * bursts)


def _hum(frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(np.sin(2 * np.pi * (50 / rate * np.arange(frames) + rng.uniform())))


def _steps(frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    from scipy.signal import lfilter  # takes half a second

    kicks = np.where(rng.random(frames) < 0.5 / rate, rng.standard_normal(frames), 0.0)
    return np.asarray(lfilter([1.0], [1.0, -np.exp(-1 / rate)], kicks))


NOISES: Mapping[str, Noise] = {
    "wander": _wander,  # 0.15, 0.3 and 0.45 Hz
    "muscle": _muscle,  # white, in bursts of a second, half of the time
    "hum": _hum,  # 50 Hz
    "electrode steps": _steps,  # one in two seconds, of random size, decaying within a second
}


def with_noise(recording: Recording, kind: str, decibels: float) -> Recording:
    """Add noise of a kind to the first channel, from the first frame on."""
    rate = recording.rate_hz or 1.0
    counts = recording.counts.copy()
    blocks = counts[: len(counts) // int(rate) * int(rate), 0].reshape(-1, int(rate))
    height = float(np.median(np.ptp(blocks.astype(np.float64), axis=1)))
    rng = np.random.default_rng(int(decibels) + sum(map(ord, recording.name + kind)))
    added = NOISES[kind](len(counts), rate, rng)
    added *= np.sqrt(height**2 / 8 / added.var() / 10 ** (decibels / 10))
    counts[:, 0] = np.clip(np.rint(counts[:, 0] + added), INT16.min, INT16.max).astype(np.int16)
    return replace(recording, counts=counts)

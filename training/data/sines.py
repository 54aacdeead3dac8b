"""Sums of three sines, A1 sin(f1 x) + A2 sin(f2 x) + A3 sin(f3 x), with anomalies in frequency.

Each signal has three amplitudes, uniform in 0.5 to 1.5, and three uniform phases. The frequencies
of a normal signal are uniform in 2 to 20 cycles per signal. In an abnormal signal, one component
has 60 to 100 cycles. All frequencies are whole numbers of cycles, so that mean and variance have
the same distribution for normal and abnormal signals: only the shape differs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from training.data import DataSettings
from training.data.recording import Dataset, Recording, to_counts

CHANNELS = 1
GAIN = 4096.0  # counts per unit: the largest sum, 4.5, stays inside int16
AMPLITUDE = (0.5, 1.5)
NORMAL_CYCLES = (2, 20)  # per signal, both ends included
ABNORMAL_CYCLES = (60, 100)
NOISE = 0.02  # standard deviation of the noise
DESCRIPTION = "Sums of three sines, simulated; abnormal ones have one component of another band"


class Settings(DataSettings):
    """Number and length of the signals."""

    name: Literal["sines"] = "sines"
    length: Annotated[int, Field(ge=256, le=65536)] = 1000  # samples per signal
    train: Annotated[int, Field(ge=10, le=100_000)] = 1000  # signals, all normal
    test: Annotated[int, Field(ge=10, le=100_000)] = 500  # signals, every second one abnormal
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


def piece(settings: Settings) -> int:
    """Return the frames of a signal."""
    return settings.length


def load(settings: Settings) -> Dataset:
    """Simulate signals, end to end: window = hop = length returns them."""
    rng = np.random.default_rng(settings.seed)
    train = _recording("sines_train", np.zeros(settings.train, np.int8), settings.length, rng)
    labels = (np.arange(settings.test) % 2).astype(np.int8)
    test = _recording("sines_test", labels, settings.length, rng)
    return Dataset("sines", DESCRIPTION, train, test)


def draw(abnormal: NDArray[np.int8], length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw one signal per label (0 normal, 1 abnormal), float64 [n, length]."""
    n = len(abnormal)
    amplitude = rng.uniform(*AMPLITUDE, (n, 3, 1))
    phase = rng.uniform(0, 2 * np.pi, (n, 3, 1))
    # The frequencies of a signal must differ: equal ones would change its variance.
    low, high = NORMAL_CYCLES
    band = np.arange(low, high + 1)
    cycles = np.stack([rng.permutation(band)[:3] for _ in range(n)])
    high_cycles = rng.integers(ABNORMAL_CYCLES[0], ABNORMAL_CYCLES[1] + 1, n)
    which = rng.integers(0, 3, n)
    rows = np.flatnonzero(abnormal)
    cycles[rows, which[rows]] = high_cycles[rows]
    x = 2 * np.pi * np.arange(length) / length
    signals = (amplitude * np.sin(cycles[:, :, None] * x + phase)).sum(axis=1)
    return np.asarray(signals + rng.normal(0, NOISE, signals.shape))


def _recording(
    name: str, labels: NDArray[np.int8], length: int, rng: np.random.Generator
) -> Recording:
    signals = draw(labels, length, rng)
    return Recording(
        name=name,
        description=DESCRIPTION,
        counts=to_counts(signals.reshape(-1, 1), GAIN, 0, name=name),
        labels=np.repeat(labels, length),
        channels=("signal",),
        units=("1",),
        gain=(GAIN,),
        offset=(0,),
        rate_hz=float(length),
        rate_is_nominal=True,
        simulated=True,
        classes=np.repeat(labels, length).astype(np.int16),
    )

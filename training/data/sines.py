"""Sums of three sines, A1 sin(f1 x) + A2 sin(f2 x) + A3 sin(f3 x): a set whose anomalies are known.

Every signal has three amplitudes, drawn evenly from 0.5 to 1.5, and three phases. A normal signal's
frequencies are drawn evenly from 2 to 20 cycles a signal; of an abnormal one's, one component's
(which one is drawn) is from 60 to 100 cycles. Amplitudes and phases come from the same
distributions and all frequencies are whole numbers of cycles, so that mean and variance of normal
and abnormal signals are distributed alike: what is wrong is in the shape alone.
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
NORMAL_CYCLES = (2, 20)  # a signal, both ends included
ABNORMAL_CYCLES = (60, 100)
NOISE = 0.02  # standard deviation of what is added to every sample
DESCRIPTION = "Sums of three sines, simulated; abnormal ones have one component of another band"


class Settings(DataSettings):
    """How many signals, and how long they are."""

    name: Literal["sines"] = "sines"
    length: Annotated[int, Field(ge=256, le=65536)] = 1000  # samples a signal
    train: Annotated[int, Field(ge=10, le=100_000)] = 1000  # signals, all of them normal
    test: Annotated[int, Field(ge=10, le=100_000)] = 500  # signals, every second one abnormal
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


def piece(settings: Settings) -> int:
    """A signal."""
    return settings.length


def load(settings: Settings) -> Dataset:
    """The signals, end to end: window = hop = length gives them back."""
    rng = np.random.default_rng(settings.seed)
    train = _recording("sines_train", np.zeros(settings.train, np.int8), settings.length, rng)
    labels = (np.arange(settings.test) % 2).astype(np.int8)
    test = _recording("sines_test", labels, settings.length, rng)
    return Dataset("sines", DESCRIPTION, train, test)


def draw(abnormal: NDArray[np.int8], length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """One signal a label (0 normal, 1 abnormal), float64 [n, length]."""
    n = len(abnormal)
    amplitude = rng.uniform(*AMPLITUDE, (n, 3, 1))
    phase = rng.uniform(0, 2 * np.pi, (n, 3, 1))
    # Different frequencies in one signal, or equal ones would add up to another variance.
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

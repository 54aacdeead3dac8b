"""Simulated accelerometer on a wrist: three axes, six activities, and falls as anomalies.

An activity is a periodic movement with its own cadence, strength on each axis, impact and posture.
Each stretch draws cadence, strength and tilt anew, as if another person moved. A fall is half a
second of free fall, an impact of up to 6 g, and rest in another posture. Figures of this data set
describe the simulation, not people. Use `csv` for a recording of your own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from training.bundle.labels import ABNORMAL, NORMAL
from training.data import DataSettings
from training.data.recording import Dataset, Recording, to_counts

CHANNELS = 3
GAIN = 2048.0  # counts per g: +-16 g fill int16
LIMIT = 7.9  # g, where the sensor saturates
STRETCH = 20.0  # seconds of one activity
FALL = 3.0  # seconds, labelled abnormal
DESCRIPTION = "Simulated accelerometer on a wrist: six activities, falls as anomalies"


@dataclass(frozen=True)
class Activity:
    """One kind of movement."""

    name: str
    cadence: float  # Hz
    strength: tuple[float, float, float]  # g, of the fundamental on each axis
    impact: float  # g, of the footfall
    posture: tuple[float, float, float]  # direction of gravity


ACTIVITIES = (
    Activity("still", 0.25, (0.01, 0.01, 0.01), 0.0, (0.0, 0.0, 1.0)),
    Activity("walking", 1.8, (0.25, 0.15, 0.20), 0.3, (0.2, 0.9, 0.3)),
    Activity("running", 2.8, (0.9, 0.5, 0.8), 1.2, (0.8, 0.5, 0.3)),
    Activity("stairs", 1.4, (0.35, 0.10, 0.35), 0.6, (0.1, 0.8, 0.5)),
    Activity("cycling", 1.2, (0.10, 0.25, 0.08), 0.05, (0.7, 0.1, 0.7)),
    Activity("typing", 5.0, (0.03, 0.03, 0.06), 0.02, (0.1, 0.2, 0.95)),
)


class Settings(DataSettings):
    """Lengths, rate and seed of the simulation."""

    name: Literal["activity"] = "activity"
    train_seconds: Annotated[float, Field(ge=120, le=100_000)] = 3600
    test_seconds: Annotated[float, Field(ge=120, le=100_000)] = 1800
    rate_hz: Annotated[float, Field(ge=20, le=200)] = 50
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


def load(settings: Settings) -> Dataset:
    """Simulate a training recording without falls and a test recording with falls."""
    rng = np.random.default_rng(settings.seed)
    rate = settings.rate_hz
    return Dataset(
        "activity",
        DESCRIPTION,
        _recording("activity_train", settings.train_seconds, rate, 0.0, rng),
        _recording("activity_test", settings.test_seconds, rate, 0.25, rng),
    )


def _recording(
    name: str, seconds: float, rate: float, falls: float, rng: np.random.Generator
) -> Recording:
    """Simulate stretches in random order; the share `falls` of them ends in a fall."""
    samples, classes, labels = [], [], []
    order = np.concatenate(
        [rng.permutation(len(ACTIVITIES)) for _ in range(int(seconds / STRETCH / 6) + 1)]
    )[: int(seconds / STRETCH)]
    for kind in order:
        n = round(STRETCH * rate)
        moved = _stretch(ACTIVITIES[kind], n, rate, rng)
        label = np.full(n, NORMAL, np.int8)
        if rng.random() < falls:
            fallen = round(FALL * rate)
            moved[-fallen:] = _fall(fallen, rate, rng)
            label[-fallen:] = ABNORMAL
        samples.append(moved)
        labels.append(label)
        classes.append(np.full(n, kind, np.int16))
    values = np.clip(np.concatenate(samples), -LIMIT, LIMIT)
    return Recording(
        name=name,
        description=DESCRIPTION,
        counts=to_counts(values, GAIN, 0, name=name),
        labels=np.concatenate(labels),
        channels=("x", "y", "z"),
        units=("g",) * 3,
        gain=(GAIN,) * 3,
        offset=(0,) * 3,
        rate_hz=rate,
        simulated=True,
        classes=np.concatenate(classes),
    )


def _stretch(
    activity: Activity, n: int, rate: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Simulate one stretch, float64 [n, 3] in g."""
    drift = np.cumsum(rng.normal(0, 0.02 / np.sqrt(rate), n))
    cadence = activity.cadence * rng.normal(1, 0.06) * (1 + np.clip(drift, -0.1, 0.1))
    phase = 2 * np.pi * np.cumsum(cadence) / rate + rng.uniform(0, 2 * np.pi)
    strength = np.array(activity.strength) * rng.normal(1, 0.12, 3)
    lag = rng.normal(0, 0.3, 3) + np.array([0.0, np.pi / 2, np.pi / 4])
    wave = np.sin(phase[:, None] + lag) + 0.35 * np.sin(2 * phase[:, None] + 2 * lag)
    impact = activity.impact * np.exp(8 * (np.cos(phase) - 1))
    gravity = _unit(np.array(activity.posture) + rng.normal(0, 0.08, 3))
    still = rng.normal(0, 0.015, (n, 3))
    return np.asarray(gravity + strength * wave + impact[:, None] * gravity + still)


def _fall(n: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    free, hit = round(0.5 * rate), max(2, round(0.12 * rate))
    values = np.tile(_unit(rng.normal(0, 1, 3)), (n, 1))
    values[:free] *= 0.1
    values[free : free + hit] += rng.uniform(2, 6) * _unit(rng.normal(0, 1, 3))
    return values + rng.normal(0, 0.02, (n, 3))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector))

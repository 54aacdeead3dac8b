"""Simulated vibration of a motor's bearing, as an accelerometer measures it.

The signal, at 12.8 kHz in g, consists of shaft harmonics, the mesh of a gear with sidebands, mains
hum, and noise shaped by two resonances of the housing. Each stretch of 3.84 s draws speed, load and
coupling of the sensor anew, so that a normal machine varies. In the test part every second stretch
has a fault. Its impacts follow the rate at which rolling elements pass a spall, and each excites a
resonance (McFadden & Smith 1984). Slip keeps them from being strictly periodic (Randall & Antoni
2011).

| drawn per stretch | distribution |
|---|---|
| speed | uniform, 25 to 35 Hz, varying by 1 % |
| load | uniform, 0 to 1 |
| coupling | normal, deviation 1 dB |
| fault (test part, every second stretch) | outer race, inner race or ball, uniform |
| amplitude of the impacts | log-uniform, 0.1 to 1 g |

The samples are an accelerometer's of 16 bit and 8 g. A recording is cut between the stretches.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.signal import lfilter

from training.bundle.labels import ABNORMAL, NORMAL
from training.data import DataSettings
from training.data.recording import Dataset, Recording, to_counts

RATE = 12_800.0  # samples per second
CHANNELS = 1
GAIN = 4096.0  # counts per g
STRETCH = 3.84  # seconds
FAULTS = ("healthy", "outer race", "inner race", "ball")
# Passes per turn of the shaft in a 6205 bearing: nine balls of 0.2034 times the pitch diameter.
_BALLS, _RATIO = 9, 0.2034
PASSES = (
    0.0,
    _BALLS / 2 * (1 - _RATIO),  # 3.58
    _BALLS / 2 * (1 + _RATIO),  # 5.42
    (1 - _RATIO**2) / _RATIO,  # 4.71: the spall of a ball hits both races
)
_CAGE = (1 - _RATIO) / 2  # turns of the cage per turn of the shaft
DESCRIPTION = "Simulated vibration of a motor's bearing, 12.8 kHz, faults in the test part"


class Settings(DataSettings):
    """Lengths and seed of the simulation."""

    name: Literal["vibration"] = "vibration"
    train_seconds: Annotated[float, Field(ge=80, le=10_000)] = 768
    test_seconds: Annotated[float, Field(ge=80, le=10_000)] = 384
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


def load(settings: Settings) -> Dataset:
    """Simulate a healthy machine for training, and one with faults half of the time for testing."""
    rng = np.random.default_rng(settings.seed)
    return Dataset(
        "vibration",
        DESCRIPTION,
        _recording("vibration_train", settings.train_seconds, False, rng),
        _recording("vibration_test", settings.test_seconds, True, rng),
    )


def draw(fault: int, seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Simulate one stretch in g, float64 [n]; `fault` is an index of FAULTS."""
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    speed = rng.uniform(25, 35) * (1 + 0.01 * np.sin(2 * np.pi * 0.2 * t + rng.uniform(0, 6.28)))
    turns = np.cumsum(speed) / RATE + rng.uniform()
    load = rng.uniform()
    x = 0.3 * (0.5 + load) * rng.lognormal(0, 0.3) * 0.05 * np.sin(2 * np.pi * 100 * t)
    for k in range(1, 7):
        height = 0.1 / k * rng.lognormal(0, 0.3)
        x += height * np.sin(2 * np.pi * (k * turns + rng.uniform()))
    sidebands = 1 + 0.3 * np.sin(2 * np.pi * (turns + rng.uniform()))
    for k in (1, 2, 3):
        height = 0.05 / k * (0.5 + load) * rng.lognormal(0, 0.3)
        x += height * sidebands * np.sin(2 * np.pi * (23 * k * turns + rng.uniform()))
    for resonance, height in ((1800.0, 0.03), (3400.0, 0.02)):
        noise = lfilter([1], _poles(resonance, 0.002), rng.standard_normal(n))
        x += height * (0.7 + 0.6 * load) * noise / noise.std()
    x += 0.01 * rng.standard_normal(n)
    if fault:
        x += _impacts(fault, turns, load, rng)
    return np.asarray(x * 10 ** (rng.normal(0, 1) / 20))


def _impacts(
    fault: int, turns: NDArray[np.float64], load: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Simulate the impacts of a fault, float64 [n]; their level varies as the spall rotates."""
    amplitude = np.exp(rng.uniform(np.log(0.1), np.log(1.0)))
    gaps = rng.normal(1, 0.02, int((turns[-1] - turns[0]) * PASSES[fault]) + 2)
    at = np.searchsorted(turns, turns[0] + np.cumsum(gaps) / PASSES[fault])
    at = at[at < len(turns)]
    # The spall enters and leaves the loaded zone with the shaft, with the cage, or not at all.
    carrier = {1: 0.0, 2: 1.0, 3: _CAGE}[fault]
    zone = 0.5 + 0.5 * np.cos(2 * np.pi * carrier * turns[at])
    hits = np.zeros(len(turns))
    hits[at] = amplitude * (0.6 + 0.4 * load) * zone * rng.lognormal(0, 0.1, len(at))
    ringing = rng.normal(3400, 60)
    return np.asarray(lfilter([0, 1], _poles(ringing, 0.0015), hits))


def _poles(frequency: float, decay: float) -> list[float]:
    """Return the filter denominator of a resonance in Hz that decays by 1/e in `decay` seconds."""
    radius = np.exp(-1 / (decay * RATE))
    return [1.0, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2]


def _recording(name: str, seconds: float, faults: bool, rng: np.random.Generator) -> Recording:
    length, stretches = round(STRETCH * RATE), int(seconds / STRETCH)
    kinds = [int(rng.integers(1, len(FAULTS))) if faults and i % 2 else 0 for i in range(stretches)]
    counts = [to_counts(draw(kind, STRETCH, rng)[:, None], GAIN, 0, name=name) for kind in kinds]
    classes = np.repeat(np.array(kinds, np.int16), length)
    return Recording(
        name=name,
        description=DESCRIPTION,
        counts=np.concatenate(counts),
        labels=np.where(classes > 0, ABNORMAL, NORMAL).astype(np.int8),
        channels=("acceleration",),
        units=("g",),
        gain=(GAIN,),
        offset=(0,),
        rate_hz=RATE,
        simulated=True,
        classes=classes,
        cuts=np.arange(1, stretches) * length,
    )

"""Simulated vibration of a motor's bearing, as the log spectrogram of an accelerometer's signal.

The signal, at 12.8 kHz in g: shaft harmonics, a gear's mesh with sidebands, a mains line, and noise
shaped by two resonances of the housing. Speed, load and the sensor's coupling are drawn anew for
every stretch of 3.84 s, so that a normal machine does not always sound the same. In the
test part every second stretch has a fault: impacts at the rate at which the rolling elements pass a
spall, each ringing a resonance (McFadden & Smith 1984), with the slip that keeps them from being
strictly periodic (Randall & Antoni 2011).

| drawn for a stretch | distribution |
|---|---|
| speed | even, 25 to 35 Hz, wandering by 1 % |
| load | even, 0 to 1 |
| coupling | normal, deviation 1 dB |
| fault (test part, every second stretch) | outer race, inner race or ball, evenly |
| impacts' amplitude | log-even, 0.1 to 1 g |

What is given is not the signal but what comes out of a spectrogram upstream: a frame is one time
step of 40 ms (the mean power of four Hann windows of 256 samples, half overlapping; Welch 1967), a
channel one band of 200 Hz, in decibels. The
board cuts, scales and scores these frames; whoever streams them computes them. No sensor ever saw
any of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from training.bundle.labels import ABNORMAL, NORMAL
from training.data import DataSettings
from training.data.recording import Dataset, Recording, to_counts

RATE = 12_800.0  # samples per second
FFT, STEP = 256, 512  # samples
BANDS = CHANNELS = 32
GAIN = 256.0  # counts per decibel
STRETCH = 3.84  # seconds
FAULTS = ("healthy", "outer race", "inner race", "ball")
# A 6205 bearing: nine balls, of 0.2034 times the pitch diameter. Passes a turn of the shaft.
_BALLS, _RATIO = 9, 0.2034
PASSES = (
    0.0,
    _BALLS / 2 * (1 - _RATIO),  # 3.58
    _BALLS / 2 * (1 + _RATIO),  # 5.42
    (1 - _RATIO**2) / _RATIO,  # 4.71: a ball's spall meets both races
)
_CAGE = (1 - _RATIO) / 2  # turns of the cage, a turn of the shaft
DESCRIPTION = (
    "Simulated vibration of a motor's bearing, log spectrogram computed upstream: 32 bands of "
    "200 Hz, 25 steps a second"
)


class Settings(DataSettings):
    """Lengths of the simulation."""

    name: Literal["vibration"] = "vibration"
    train_seconds: Annotated[float, Field(ge=80, le=10_000)] = 768
    test_seconds: Annotated[float, Field(ge=80, le=10_000)] = 384
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


def load(settings: Settings) -> Dataset:
    """A healthy machine to train on, one that is healthy half of the time to test on."""
    rng = np.random.default_rng(settings.seed)
    return Dataset(
        "vibration",
        DESCRIPTION,
        _recording("vibration_train", settings.train_seconds, False, rng),
        _recording("vibration_test", settings.test_seconds, True, rng),
    )


def spectrogram(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decibels of the power in each band, re 1 g^2, float64 [(n - 128) // 512, 32]."""
    pieces = np.lib.stride_tricks.sliding_window_view(signal, FFT)[:: FFT // 2]
    window = np.hanning(FFT + 1)[:-1]
    power = np.abs(np.fft.rfft(pieces * window, axis=1)[:, : FFT // 2]) ** 2
    power *= 2 / (FFT * (window**2).sum())
    each = STEP // (FFT // 2)
    steps = power[: len(power) // each * each].reshape(-1, each, FFT // 2).mean(axis=1)
    bands = steps.reshape(len(steps), BANDS, -1).sum(axis=2)
    return np.asarray(10 * np.log10(bands + 1e-12))


def draw(fault: int, seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """One stretch of the signal in g, float64 [n]; `fault` is an index of FAULTS."""
    # Imported here, as below: SciPy takes half a second to load.
    from scipy.signal import lfilter

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
    """Impacts of one amplitude, more or less of it reaching the sensor as the spall goes round."""
    from scipy.signal import lfilter

    amplitude = np.exp(rng.uniform(np.log(0.1), np.log(1.0)))
    gaps = rng.normal(1, 0.02, int((turns[-1] - turns[0]) * PASSES[fault]) + 2)
    at = np.searchsorted(turns, turns[0] + np.cumsum(gaps) / PASSES[fault])
    at = at[at < len(turns)]
    # Into and out of the zone that carries the load: with the shaft, with the cage, or not at all.
    carrier = {1: 0.0, 2: 1.0, 3: _CAGE}[fault]
    zone = 0.5 + 0.5 * np.cos(2 * np.pi * carrier * turns[at])
    hits = np.zeros(len(turns))
    hits[at] = amplitude * (0.6 + 0.4 * load) * zone * rng.lognormal(0, 0.1, len(at))
    ringing = rng.normal(3400, 60)
    return np.asarray(lfilter([0, 1], _poles(ringing, 0.0015), hits))


def _poles(frequency: float, decay: float) -> list[float]:
    """Denominator of a resonance at `frequency` Hz that dies away by 1/e in `decay` seconds."""
    radius = np.exp(-1 / (decay * RATE))
    return [1.0, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2]


def _recording(name: str, seconds: float, faults: bool, rng: np.random.Generator) -> Recording:
    frames, labels, classes = [], [], []
    for i in range(int(seconds / STRETCH)):
        fault = int(rng.integers(1, len(FAULTS))) if faults and i % 2 else 0
        found = spectrogram(draw(fault, STRETCH + FFT / 2 / RATE, rng))
        frames.append(found)
        labels.append(np.full(len(found), ABNORMAL if fault else NORMAL, np.int8))
        classes.append(np.full(len(found), fault, np.int16))
    return Recording(
        name=name,
        description=DESCRIPTION,
        counts=to_counts(np.concatenate(frames), GAIN, 0, name=name),
        labels=np.concatenate(labels),
        channels=tuple(f"{200 * band} Hz" for band in range(BANDS)),
        units=("dB",) * BANDS,
        gain=(GAIN,) * BANDS,
        offset=(0,) * BANDS,
        rate_hz=RATE / STEP,
        simulated=True,
        classes=np.concatenate(classes),
    )

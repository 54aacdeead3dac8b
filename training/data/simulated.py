"""Simulated ECG with labelled abnormal beats.

The dynamical model is ECGSYN (McSharry, Clifford, Tarassenko & Smith 2003, IEEE Trans. Biomed.
Eng. 50(3), 289-294). A phase runs around the unit circle once per beat, and five Gaussians at fixed
phases (P, Q, R, S, T) drive the voltage,

    dz/dt = -sum_i a_i dtheta_i exp(-dtheta_i^2 / (2 b_i^2)) - (z - z0(t)).

The parameters are those of NeuroKit2's `ecg_simulate`; the tests compare a beat with its output.
That function draws one set of waves per signal, but abnormal beats need one set per beat. The
equation is therefore solved here. On the limit cycle the phase is known, so a linear equation of
first order remains, and a recursive filter integrates ten minutes in some milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.signal import lfilter

from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data import DataSettings
from training.data.recording import Dataset, Recording, to_counts

CHANNELS = 1
GAIN = 1000.0  # counts per mV
P, Q, R, S, T = range(5)
ANGLE = np.deg2rad([-70.0, -15.0, 0.0, 15.0, 100.0])  # of the waves' peaks, at 60 beats/min
HEIGHT = np.array([1.2, -5.0, 30.0, -7.5, 0.75])
WIDTH = np.array([0.25, 0.1, 0.1, 0.1, 0.4])  # rad
MILLIVOLTS = 1.6  # from the deepest point of a normal beat to its R peak
INTERNAL_HZ = 512.0  # integration steps per second, at least
# Kinds of abnormal beats, and the phases, in rad, at which each is visible. Those frames are
# abnormal; the rest of the beat looks normal or nearly so, and its label is unknown.
KINDS = {
    "premature ventricular": (-0.3, 1.8),
    "ST shift": (0.5, 1.3),
    "lost P wave": (-1.4, -1.1),
    "electrode noise": (-2.6, 2.6),
}
PVC, ST, LOST_P, NOISE = range(len(KINDS))

Array = NDArray[np.float64]


class Settings(DataSettings):
    """Parameters of the simulation."""

    name: Literal["simulated"] = "simulated"
    train_seconds: Annotated[float, Field(ge=10, le=86400)] = 600.0
    test_seconds: Annotated[float, Field(ge=10, le=86400)] = 600.0
    rate_hz: Annotated[float, Field(ge=64, le=2000)] = 128.0
    heart_rate: Annotated[float, Field(ge=30, le=150)] = 70.0  # beats per minute
    heart_rate_std: Annotated[float, Field(ge=0, le=20)] = 3.0
    abnormal_share: Annotated[float, Field(ge=0, le=1)] = 0.15  # of the beats
    noise: Annotated[float, Field(ge=0, le=1)] = 0.015  # mV, standard deviation
    seed: Annotated[int, Field(ge=0)] = 1


@dataclass(frozen=True)
class Beats:
    """Waves, durations and kinds of beats, one row per beat."""

    angle: Array  # [beats, waves], rad
    height: Array  # [beats, waves]
    width: Array  # [beats, waves], rad
    before: Array  # [beats], seconds from the begin of the cycle to the R peak
    after: Array  # [beats], seconds from the R peak to the end of the cycle
    kind: NDArray[np.int64]  # [beats], index into KINDS, -1 for a normal beat


@dataclass(frozen=True, eq=False)
class Solution:
    """Solution of the equation, per frame."""

    voltage: Array  # [frames], in the model's own unit
    beat: NDArray[np.int64]  # [frames], row of `Beats`
    phase: Array  # [frames], rad, -pi to pi, 0 at the R peak


def load(settings: Settings) -> Dataset:
    """Simulate a training and a test recording, both with normal and abnormal beats."""
    seeds = np.random.SeedSequence(settings.seed).spawn(2)
    train, test = (
        simulate(settings, seconds, np.random.default_rng(seed), part)
        for seconds, seed, part in zip(
            (settings.train_seconds, settings.test_seconds), seeds, ("train", "test"), strict=True
        )
    )
    return Dataset("simulated", train.description, train, test)


def simulate(settings: Settings, seconds: float, rng: np.random.Generator, part: str) -> Recording:
    """Simulate one lead with abnormal beats; `KINDS` defines the labels."""
    n = int(np.ceil(seconds * settings.heart_rate / 60 * 1.25)) + 8
    beats = add_abnormal(normal_beats(n, settings, rng), settings.abnormal_share, rng)
    factor = int(np.ceil(INTERNAL_HZ / settings.rate_hz))
    frames = round(seconds * settings.rate_hz)
    solution = integrate(beats, settings.rate_hz * factor)
    kind = beats.kind[solution.beat[::factor][:frames]]
    time = np.arange(frames) / settings.rate_hz
    voltage = solution.voltage[::factor][:frames] * _millivolts_per_unit(settings) + wander(
        time, rng
    )
    voltage += settings.noise * rng.standard_normal(frames)
    voltage += (kind == NOISE) * electrode_noise(frames, rng)
    return Recording(
        name=f"simulated-{part}",
        description=f"simulated ECG (ECGSYN), {settings.heart_rate:g} beats/min; no patient",
        counts=to_counts(voltage[:, None], GAIN, 0, name="simulated"),
        labels=label(kind, solution.phase[::factor][:frames]),
        channels=("ecg",),
        units=("mV",),
        gain=(GAIN,),
        offset=(0,),
        rate_hz=settings.rate_hz,
        simulated=True,
    )


def label(kind: NDArray[np.int64], phase: Array) -> NDArray[np.int8]:
    """Compute the labels of frames, int8, from the kind of their beat and their phase."""
    begin, end = np.array([*KINDS.values(), (0.0, 0.0)])[kind].T  # the last row is kind -1
    shows = (phase >= begin) & (phase <= end)
    return np.where(kind < 0, NORMAL, np.where(shows, ABNORMAL, UNKNOWN)).astype(np.int8)


def normal_beats(n: int, settings: Settings, rng: np.random.Generator) -> Beats:
    """Draw `n` beats that vary like those of a healthy heart at rest."""
    rr = intervals(n, settings, rng)
    angle, width = at_rate(settings.heart_rate)
    vary = rng.standard_normal
    return Beats(
        angle=angle * (1 + 0.02 * vary((n, 5))),
        height=HEIGHT * (1 + 0.05 * vary((n, 5))),
        width=width * (1 + 0.03 * vary((n, 5))),
        before=rr / 2,
        after=rr / 2,
        kind=np.full(n, -1),
    )


def at_rate(heart_rate: float) -> tuple[Array, Array]:
    """Compute angles and widths of the waves, in rad, at `heart_rate`.

    By Bazett's formula, as in ECGSYN, waves shorten less than the cycle, so they fill more of it.
    """
    fast = np.sqrt(heart_rate / 60)
    return ANGLE * np.array([np.sqrt(fast), fast, 1.0, fast, np.sqrt(fast)]), WIDTH * fast


def intervals(n: int, settings: Settings, rng: np.random.Generator) -> Array:
    """Draw the seconds from beat to beat, with the spectrum of ECGSYN and random phases.

    It has Mayer waves at 0.1 Hz and breathing at 0.25 Hz, with a power ratio of 0.5.
    """
    mean = 60 / settings.heart_rate
    frequency = np.fft.rfftfreq(n, mean)
    power = sum(
        weight * np.exp(-((frequency - center) ** 2) / (2 * 0.01**2))
        for weight, center in ((1 / 3, 0.1), (2 / 3, 0.25))
    )
    phase = rng.uniform(0, 2 * np.pi, len(frequency))
    rr = np.fft.irfft(np.sqrt(power) * np.exp(1j * phase), n)
    rr -= rr.mean()
    spread = settings.heart_rate_std / settings.heart_rate * mean
    return np.clip(mean + rr * spread / max(float(rr.std()), 1e-12), 0.3, 2.5)


def add_abnormal(beats: Beats, share: float, rng: np.random.Generator) -> Beats:
    """Make `share` of the beats abnormal: single premature beats, and episodes of other kinds."""
    n = len(beats.kind)
    kind = beats.kind.copy()
    todo = round(share * n)
    while todo > 0:
        which = int(rng.integers(len(KINDS)))
        length = 1 if which == PVC else int(rng.integers(1, 5))
        start = int(rng.integers(1, n - length))
        if (kind[start - 1 : start + length + 1] >= 0).any():
            if (kind >= 0).sum() > n / 3:
                break  # no space left between the abnormal beats
            continue
        kind[start : start + length] = which
        todo -= length
    angle, height, width = (
        np.hstack([a, np.repeat(extra, n)[:, None]])
        for a, extra in ((beats.angle, 0.9), (beats.height, 0.0), (beats.width, 0.45))
    )
    before, after = beats.before.copy(), beats.after.copy()

    early = kind == PVC
    m = int(early.sum())
    before[early] *= rng.uniform(0.35, 0.6, m)  # early beat,
    after[early] *= rng.uniform(1.3, 1.5, m)  # and a pause after it
    height[early, P] = 0.0
    wide = rng.uniform(2.0, 3.0, (m, 1))  # QRS two to three times as wide, of similar height
    width[early, Q : S + 1] *= wide
    height[early, Q : S + 1] *= rng.uniform(0.7, 1.3, (m, 1)) / wide**2
    height[early, T] *= -rng.uniform(1.0, 2.0, m)  # T inverted

    shifted = kind == ST
    sign = rng.choice([-1.0, 1.0], int(shifted.sum()))
    height[shifted, 5] = sign * rng.uniform(0.4, 0.9, int(shifted.sum()))

    height[kind == LOST_P, P] = 0.0
    return Beats(angle, height, width, before, after, kind)


def integrate(beats: Beats, rate_hz: float) -> Solution:
    """Solve the equation for all beats with `rate_hz` steps per second."""
    duration = np.column_stack([beats.before, beats.after]).ravel()
    ends = np.cumsum(duration)
    time = np.arange(int(ends[-1] * rate_hz)) / rate_hz
    half = np.searchsorted(ends, time, side="right")
    beat = half // 2
    share = (time - (ends - duration)[half]) / duration[half]  # of the half cycle, 0 to 1
    theta = np.pi * (share - (half % 2 == 0))
    distance = theta[:, None] - beats.angle[beat]
    distance = (distance + np.pi) % (2 * np.pi) - np.pi
    drive = -(
        beats.height[beat] * distance * np.exp(-0.5 * (distance / beats.width[beat]) ** 2)
    ).sum(axis=1)
    # Keep the area of the waves if the halves of a beat differ in length; 1 for a normal beat.
    drive *= (beats.before + beats.after)[beat] / (2 * duration[half])
    # Exact for a drive that is constant within a step.
    decay = np.exp(-1 / rate_hz)
    return Solution(lfilter([1 - decay], [1, -decay], drive), beat, theta)


def wander(time: Array, rng: np.random.Generator) -> Array:
    """Simulate the baseline in mV: breathing and slower drift."""
    parts = ((0.03, 0.25), (0.02, 0.05))  # mV, Hz
    waves = [a * np.sin(2 * np.pi * (f * time + rng.uniform())) for a, f in parts]
    return np.asarray(np.sum(waves, axis=0))


def electrode_noise(frames: int, rng: np.random.Generator) -> Array:
    """Simulate a loose electrode in mV: steps, and noise of varying strength."""
    steps = np.where(rng.uniform(size=frames) < 0.02, rng.normal(0, 0.6, frames), 0.0)
    strength = np.repeat(rng.uniform(0.05, 0.25, frames // 64 + 1), 64)[:frames]
    return np.asarray(lfilter([1.0], [1.0, -0.97], steps) + strength * rng.standard_normal(frames))


def _millivolts_per_unit(settings: Settings) -> float:
    """Compute the scale at which an average normal beat spans MILLIVOLTS."""
    n = 8
    half = np.full(n, 30 / settings.heart_rate)
    waves = [np.tile(wave, (n, 1)) for wave in (HEIGHT, *at_rate(settings.heart_rate))]
    beats = Beats(waves[1], waves[0], waves[2], half, half, np.full(n, -1))
    return MILLIVOLTS / float(np.ptp(integrate(beats, INTERNAL_HZ).voltage))

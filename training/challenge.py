"""The challenge set: known disturbances injected into held-out normal windows.

Without labelled faults, the share of each disturbance that is caught at the threshold is what can
be said of a detector before it is trusted. It shows coverage. It does not rank recipes: on real
machines its order and the order of real faults do not agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int16]
Values = NDArray[np.float64]

SIZES = (0.25, 1.0, 4.0)
"""Small, medium and large, in the unit of each kind (DISTURBANCES)."""


@dataclass(frozen=True)
class Disturbance:
    """One kind: how a size changes a window."""

    unit: str  # what size 1 is
    # Windows float64 [n, window, channels], each channel's deviation over normal windows
    # float64 [channels], the size, and a generator; the disturbed windows.
    apply: Callable[[Values, Values, float, np.random.Generator], Values]


@dataclass(frozen=True)
class Challenge:
    """Disturbed windows of one kind and size: counts int16 [n, window, channels]."""

    kind: str
    size: float
    unit: str
    counts: Counts


def count_challenges() -> int:
    """How many combinations of kind and size there are."""
    return len(DISTURBANCES) * len(SIZES)


def challenges(normal: Counts, windows: int, seed: int) -> list[Challenge]:
    """Disturb up to `windows` of the normal windows in every kind and size.

    Args:
        normal: int16 [n, window, channels], held-out normal windows.
        windows: how many of them to disturb, evenly spaced.
        seed: of the places and phases.

    Values beyond int16 saturate, as at a converter.
    """
    count = min(windows, len(normal))
    chosen = normal[np.linspace(0, len(normal) - 1, count).round().astype(int)].astype(np.float64)
    deviation = np.maximum(normal.std(axis=(0, 1), dtype=np.float64), 1.0)
    disturbed = []
    for number, (kind, disturbance) in enumerate(DISTURBANCES.items()):
        for size in SIZES:
            generator = np.random.default_rng((seed, number, round(100 * size)))
            values = disturbance.apply(chosen.copy(), deviation, size, generator)
            counts = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
            disturbed.append(Challenge(kind, size, disturbance.unit, counts))
    return disturbed


def _stretches(values: Values, share: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """One stretch per window, `share` of its frames long: bool [n, window, 1]."""
    n, frames = values.shape[:2]
    length = min(frames, max(1, round(share * frames)))
    first = generator.integers(0, frames - length + 1, (n, 1))
    at = np.arange(frames)
    return np.asarray((at >= first) & (at < first + length))[:, :, None]


def _spike(
    values: Values, deviation: Values, size: float, generator: np.random.Generator
) -> Values:
    rows = np.arange(len(values))
    at = generator.integers(0, values.shape[1], len(values))
    values[rows, at] += 8 * size * deviation * generator.choice([-1.0, 1.0], (len(values), 1))
    return values


def _dropout(
    values: Values, deviation: Values, size: float, generator: np.random.Generator
) -> Values:
    lowest = values.min(axis=(0, 1))
    return np.where(_stretches(values, size / 8, generator), lowest, values)


def _flat(values: Values, deviation: Values, size: float, generator: np.random.Generator) -> Values:
    stretch = _stretches(values, min(1.0, size / 4), generator)
    first = stretch.argmax(axis=1)[:, :, None]
    return np.where(stretch, np.take_along_axis(values, first, axis=1), values)


def _level(
    values: Values, deviation: Values, size: float, generator: np.random.Generator
) -> Values:
    return np.asarray(
        values + size * deviation * generator.choice([-1.0, 1.0], (len(values), 1, 1))
    )


def _drift(
    values: Values, deviation: Values, size: float, generator: np.random.Generator
) -> Values:
    ramp = np.linspace(0, 1, values.shape[1])[None, :, None]
    return np.asarray(
        values + size * deviation * ramp * generator.choice([-1.0, 1.0], (len(values), 1, 1))
    )


def _gain(values: Values, deviation: Values, size: float, generator: np.random.Generator) -> Values:
    mean = values.mean(axis=1, keepdims=True)
    up = generator.random((len(values), 1, 1)) < 0.5
    return np.asarray(mean + (values - mean) * np.where(up, 1 + size, 1 / (1 + size)))


def _noise(
    values: Values, deviation: Values, size: float, generator: np.random.Generator
) -> Values:
    noise = generator.normal(0, 1, values.shape) * size * deviation
    return np.asarray(values + noise * _stretches(values, 0.5, generator))


def _tone(values: Values, deviation: Values, size: float, generator: np.random.Generator) -> Values:
    n, frames, _ = values.shape
    cycles = generator.uniform(0.1, 0.4, (n, 1, 1))  # per frame
    phase = generator.uniform(0, 2 * np.pi, (n, 1, 1))
    tone = np.sin(2 * np.pi * cycles * np.arange(frames)[None, :, None] + phase)
    return np.asarray(values + np.sqrt(2) * size * deviation * tone)


def _harmonic(
    values: Values, deviation: Values, size: float, generator: np.random.Generator
) -> Values:
    spectrum = np.fft.rfft(values, axis=1)
    power = np.abs(spectrum[:, 1:]) ** 2
    strongest = np.argsort(power, axis=1)[:, ::-1] + 1
    count = min(round(4 * size), power.shape[1])
    for rank in range(count):
        np.put_along_axis(spectrum, strongest[:, rank : rank + 1], 0, axis=1)
    return np.asarray(np.fft.irfft(spectrum, values.shape[1], axis=1))


def _resampled(values: Values, at: Values) -> Values:
    """Each window read at the frames float64 [n, window], linearly, ends held."""
    frames = values.shape[1]
    at = np.clip(at, 0, frames - 1)[:, :, None]
    low = np.minimum(np.floor(at).astype(int), max(frames - 2, 0))
    high = np.minimum(low + 1, frames - 1)
    part = at - low
    return np.asarray(
        np.take_along_axis(values, low, 1) * (1 - part) + np.take_along_axis(values, high, 1) * part
    )


def _warp(values: Values, deviation: Values, size: float, generator: np.random.Generator) -> Values:
    n, frames, _ = values.shape
    middle = (frames - 1) / 2
    faster = np.where(generator.random((n, 1)) < 0.5, 1 + 0.1 * size, 1 / (1 + 0.1 * size))
    return _resampled(values, middle + (np.arange(frames) - middle) * faster)


def _phase(
    values: Values, deviation: Values, size: float, generator: np.random.Generator
) -> Values:
    n, frames, _ = values.shape
    jump = max(1, round(size * frames / 16))
    first = generator.integers(1, max(2, frames - jump), (n, 1))
    at = np.arange(frames)[None, :]
    return _resampled(values, np.where(at >= first, at - jump, at).astype(np.float64))


DISTURBANCES = {
    "spike": Disturbance("8 deviations", _spike),
    "dropout": Disturbance("1/8 window", _dropout),
    "flat": Disturbance("1/4 window", _flat),
    "level shift": Disturbance("1 deviation", _level),
    "drift": Disturbance("1 deviation per window", _drift),
    "gain change": Disturbance("amplitude doubled or halved", _gain),
    "noise burst": Disturbance("1 deviation, half a window", _noise),
    "added tone": Disturbance("1 deviation", _tone),
    "missing harmonics": Disturbance("the 4 strongest", _harmonic),
    "time warp": Disturbance("10 % of the speed", _warp),
    "phase jump": Disturbance("1/16 window", _phase),
}

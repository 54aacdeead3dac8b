"""How the windows are scaled that an imported model takes: given by name, or found by trial.

A model file does not say whether it takes physical units, standard scores or values of 0 to 1. An
autoencoder reconstructs windows in its own scaling only, so the right one explains most variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.errors import ConvertError
from training.imported.source import Source
from training.input_quantization import InputQuantizer, fold_affine, quantize_range

Scaling = Literal["units", "deviation", "range", "symmetric", "per_window"]
SCALINGS: dict[Scaling, str] = {
    "units": "the units of the recording",
    "deviation": "standard scores: each channel's mean is 0 and its standard deviation 1",
    "range": "each channel's smallest value is 0 and its largest 1",
    "symmetric": "each channel's smallest value is -1 and its largest 1",
    "per_window": "each window's mean is 0 and its standard deviation 1",
}

TRIED = 200  # windows
_HEADROOM = 0.1  # share by which the int8 range exceeds that of the windows at each end

Counts = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Affinity:
    """Real value = (count - center) / unit, per channel."""

    center: NDArray[np.float64]
    unit: NDArray[np.float64]


def affinity(
    scaling: Scaling, train: Counts, gain: tuple[float, ...], offset: tuple[int, ...]
) -> Affinity:
    """Return the factors of a scaling, from the training windows int16 [n, window, channels]."""
    frames = train.reshape(-1, train.shape[-1]).astype(np.float64)
    low, high = frames.min(axis=0), frames.max(axis=0)
    if scaling == "units":
        return Affinity(np.array(offset, np.float64), np.array(gain, np.float64))
    if scaling == "range":
        return Affinity(low, high - low)
    if scaling == "symmetric":
        return Affinity(np.rint((low + high) / 2), (high - low) / 2)
    return Affinity(np.rint(frames.mean(axis=0)), frames.std(axis=0))


def scaled(scaling: Scaling, windows: Counts, by: Affinity) -> NDArray[np.float64]:
    """Return real values, float64 [n, window * channels]."""
    counts = windows.astype(np.float64)
    if scaling == "per_window":
        counts = counts - counts.mean(axis=1, keepdims=True)
        counts = counts / np.maximum(counts.std(axis=1, keepdims=True), 1)
    else:
        counts = (counts - by.center) / by.unit
    return counts.reshape(len(windows), -1)


def explained(source: Source, real: NDArray[np.float64]) -> float:
    """Return the share of the values' variance about their mean that `source` explains."""
    output = source.predict(real.astype(np.float32)).astype(np.float64)
    error = ((real - output) ** 2).sum()
    whole = ((real - real.mean()) ** 2).sum()
    share = 1 - error / whole if whole else -np.inf
    return float(share) if np.isfinite(share) else -np.inf


def find_scaling(
    source: Source, train: Counts, gain: tuple[float, ...], offset: tuple[int, ...]
) -> tuple[Scaling, float]:
    """Return the scaling in which the model explains most variance, and that share."""
    rows = np.linspace(0, len(train) - 1, min(len(train), TRIED)).round().astype(int)
    shares = {
        each: explained(source, scaled(each, train[rows], affinity(each, train, gain, offset)))
        for each in SCALINGS
    }
    best = max(shares, key=lambda each: shares[each])
    return best, shares[best]


def quantizer_of(
    scaling: Scaling,
    train: Counts,
    gain: tuple[float, ...],
    offset: tuple[int, ...],
    grid: manifest.Tensor | None,
) -> InputQuantizer:
    """Return the board's scaler to the int8 grid of the model, or to one that covers `train`.

    Args:
        grid: the input of a model that is int8 already; None for a float model.

    Raises:
        ConvertError: int8 steps of the model cannot be computed from counts.
    """
    by = affinity(scaling, train, gain, offset)
    frames, channels = train.shape[1:]
    if grid is None:
        real = scaled(scaling, train, by)
        scale, zero_point = quantize_range(float(real.min()), float(real.max()), _HEADROOM)
    else:
        scale, zero_point = np.float32(grid.scale), grid.zero_point
    if scaling == "per_window":
        steps = min(round(65536 / float(scale)), 2**23 - 1)
        scaler: manifest.Affine | manifest.PerWindow = manifest.PerWindow(
            kind="per_window", min_deviation=1, steps_per_deviation=steps, zero_point=zero_point
        )
        return InputQuantizer(scaler, scale, zero_point, frames, channels)
    if (abs(by.center) > 32767).any():
        raise ConvertError(
            "the values are far from zero for their range, so that int8 steps from zero cannot "
            "resolve them; choose another --scaling"
        )
    center = np.rint(by.center).astype(np.int64)
    scaler = fold_affine(center, float(scale) * by.unit, zero_point)
    return InputQuantizer(scaler, scale, zero_point, frames, channels)

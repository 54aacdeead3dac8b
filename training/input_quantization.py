"""Place the int8 grid before training, and fold it to the integers that the scaler takes.

The model's real values are normalised counts, x = scale * (q - zero_point); training sees these
and nothing finer, which is what the board will see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import recipe
from training.bundle import manifest
from training.bundle.errors import DataError
from training.native import AffineScaler, PerWindowScaler
from training.weight_scales import with_agreement

MULTIPLIER_BITS = 31
MAX_SHIFT = 62


@dataclass(frozen=True, eq=False)
class Grid:
    """A scaler, and the real values that its int8 stands for."""

    scaler: manifest.Affine | manifest.PerWindow
    scale: np.float32
    zero_point: int
    channels: int

    def quantize(self, counts: NDArray[np.int16]) -> NDArray[np.int8]:
        """int16 [n, window, channels] to int8 [n, window * channels], by the board's own code."""
        return make_scaler(self.scaler, self.channels).scale(counts)

    def real(self, quantized: NDArray[np.int8]) -> NDArray[np.float32]:
        """The real values that int8 ones stand for, float32."""
        steps = quantized.astype(np.float32) - np.float32(self.zero_point)
        return np.asarray(self.scale * steps, np.float32)


def make_scaler(
    scaler: manifest.Affine | manifest.PerWindow, channels: int
) -> AffineScaler | PerWindowScaler:
    """The native scaler that a manifest describes."""
    if isinstance(scaler, manifest.Affine):
        return AffineScaler(scaler.center, scaler.multiplier, scaler.shift, scaler.zero_point)
    return PerWindowScaler(
        channels, scaler.min_deviation, scaler.steps_per_deviation, scaler.zero_point
    )


def fit_grid(settings: recipe.Scaler, train: NDArray[np.int16], gain: tuple[float, ...]) -> Grid:
    """The grid that covers training windows `train`, int16 [n, window, channels].

    `gain` in counts per unit, one a channel. DataError if a channel is constant.
    """
    if settings.kind == "per_window":
        return _per_window_grid(settings, train, gain)
    return _affine_grid(settings, train)


def fold_affine(
    center: NDArray[np.int64], counts_per_step: NDArray[np.float64], zero_point: int
) -> manifest.Affine:
    """Integers for q = zero_point + round((x - center) / counts_per_step), a channel each.

    The largest multiplier takes all 31 bits, so that the error over the whole int16 range stays
    far below a step.
    """
    per_count = 1.0 / counts_per_step
    shift = min(MAX_SHIFT, MULTIPLIER_BITS - int(np.frexp(per_count.max())[1]))
    multiplier = np.rint(np.ldexp(per_count, shift)).astype(np.int64)
    if multiplier.max() >= 2**MULTIPLIER_BITS:  # rounded up to a power of two
        shift -= 1
        multiplier = np.rint(np.ldexp(per_count, shift)).astype(np.int64)
    return manifest.Affine(
        kind="affine",
        center=center.tolist(),
        multiplier=multiplier.tolist(),
        shift=shift,
        zero_point=zero_point,
    )


def _affine_grid(settings: recipe.Scaler, train: NDArray[np.int16]) -> Grid:
    frames = train.reshape(-1, train.shape[-1]).astype(np.float64)
    low, high = frames.min(axis=0), frames.max(axis=0)
    if (low == high).any():
        channel = int(np.argmax(low == high))
        raise DataError(
            f"channel {channel} is constant ({low[channel]:.0f} counts) in all training windows; "
            "leave it out"
        )
    if settings.real == "range":
        # 0 to 1 is the training normals' range: for sigmoid outputs and cross-entropy.
        margin = settings.headroom * (high - low)
        center = np.clip(np.rint(low - margin), -32768, 32767)
        deviation = high + margin - center
        scale, zero_point = np.float32(1 / 255), -128
    else:
        center = np.rint(frames.mean(axis=0))
        deviation = frames.std(axis=0)
        scale, zero_point = _grid(
            float(((low - center) / deviation).min()),
            float(((high - center) / deviation).max()),
            settings.headroom,
        )
    folded = fold_affine(center.astype(np.int64), float(scale) * deviation, zero_point)
    return Grid(folded, scale, zero_point, train.shape[-1])


def _per_window_grid(
    settings: recipe.Scaler, train: NDArray[np.int16], gain: tuple[float, ...]
) -> Grid:
    floor = max(1, min(65535, round(settings.min_deviation * min(gain))))
    counts = train.astype(np.float64)
    # Floating point only to place the grid; what is scaled is scaled by the board's code.
    deviation = np.maximum(counts.std(axis=1, keepdims=True), floor)
    real = (counts - counts.mean(axis=1, keepdims=True)) / deviation
    scale, zero_point = _grid(float(real.min()), float(real.max()), settings.headroom)
    scaler = manifest.PerWindow(
        kind="per_window",
        min_deviation=floor,
        steps_per_deviation=min(round(65536 / float(scale)), 2**23 - 1),
        zero_point=zero_point,
    )
    return Grid(scaler, scale, zero_point, train.shape[-1])


def _grid(low: float, high: float, headroom: float) -> tuple[np.float32, int]:
    """Scale and zero point of an int8 grid over [low, high], widened by `headroom` on each side."""
    margin = headroom * (high - low)
    low, high = min(low - margin, 0.0), max(high + margin, 0.0)
    scale = with_agreement(np.float32((high - low) / 255))
    return scale, int(np.clip(np.rint(-128 - low / float(scale)), -128, 127))

"""Quantization of the model's input: chosen before the fit, and folded into the scaler's integers.

The model is fitted to dequantized int8 windows, x = scale * (q - zero_point), so that training
sees exactly the inputs of the board.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import sections
from training.bundle import manifest
from training.bundle.chain import make_scaler
from training.bundle.errors import DataError
from training.weight_scales import compatible_scale

MULTIPLIER_BITS = 31
MAX_SHIFT = 62


@dataclass(frozen=True, eq=False)
class InputQuantizer:
    """A scaler from counts to int8, and the scale and zero point of its int8 values."""

    scaler: manifest.Affine | manifest.PerWindow
    scale: np.float32
    zero_point: int
    channels: int

    def quantize(self, counts: NDArray[np.int16]) -> NDArray[np.int8]:
        """Scale int16 [n, window, channels] to int8 [n, window * channels], in the board's C++."""
        return make_scaler(self.scaler, self.channels).scale(counts)

    def dequantize(self, quantized: NDArray[np.int8]) -> NDArray[np.float32]:
        """Convert int8 values to real values, float32 of the same shape."""
        steps = quantized.astype(np.float32) - np.float32(self.zero_point)
        return np.asarray(self.scale * steps, np.float32)


def fit_input_quantizer(
    settings: sections.Scaler, train: NDArray[np.int16], gain: tuple[float, ...]
) -> InputQuantizer:
    """Choose the quantization that covers the training windows.

    Args:
        train: int16 [n, window, channels], raw counts.
        gain: counts per unit, one entry per channel.

    Raises:
        DataError: a channel is constant.
    """
    if settings.kind == "per_window":
        return _fit_per_window(settings, train, gain)
    return _fit_affine(settings, train)


def fold_affine(
    center: NDArray[np.int64], counts_per_step: NDArray[np.float64], zero_point: int
) -> manifest.Affine:
    """Fold q = zero_point + round((x - center) / counts_per_step) into integers, per channel.

    The largest multiplier uses all 31 bits, so that the error over the whole int16 range is far
    below one step.
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


def _fit_affine(settings: sections.Scaler, train: NDArray[np.int16]) -> InputQuantizer:
    frames = train.reshape(-1, train.shape[-1]).astype(np.float64)
    low, high = frames.min(axis=0), frames.max(axis=0)
    if (low == high).any():
        channel = int(np.argmax(low == high))
        raise DataError(
            f"channel {channel} is constant ({low[channel]:.0f} counts) in all training windows; "
            "leave it out"
        )
    if settings.real == "range":
        margin = settings.headroom * (high - low)
        center = np.clip(np.rint(low - margin), -32768, 32767)
        unit = high + margin - center  # counts from 0 to 1
        scale, zero_point = np.float32(1 / 255), -128
    else:
        center = np.rint(frames.mean(axis=0))
        unit = frames.std(axis=0)
        scale, zero_point = quantize_range(
            float(((low - center) / unit).min()),
            float(((high - center) / unit).max()),
            settings.headroom,
        )
    scaler = fold_affine(center.astype(np.int64), float(scale) * unit, zero_point)
    return InputQuantizer(scaler, scale, zero_point, train.shape[-1])


def _fit_per_window(
    settings: sections.Scaler, train: NDArray[np.int16], gain: tuple[float, ...]
) -> InputQuantizer:
    floor = max(1, min(65535, round(settings.min_deviation * min(gain))))
    counts = train.astype(np.float64)
    # Floating point serves only to choose the range; the board's code scales the windows.
    deviation = np.maximum(counts.std(axis=1, keepdims=True), floor)
    real = (counts - counts.mean(axis=1, keepdims=True)) / deviation
    scale, zero_point = quantize_range(float(real.min()), float(real.max()), settings.headroom)
    scaler = manifest.PerWindow(
        kind="per_window",
        min_deviation=floor,
        steps_per_deviation=min(round(65536 / float(scale)), 2**23 - 1),
        zero_point=zero_point,
    )
    return InputQuantizer(scaler, scale, zero_point, train.shape[-1])


def quantize_range(low: float, high: float, headroom: float) -> tuple[np.float32, int]:
    """Quantize [low, high], widened by the share `headroom` at each end, to int8."""
    margin = headroom * (high - low)
    low, high = min(low - margin, 0.0), max(high + margin, 0.0)
    scale = compatible_scale(np.float32((high - low) / 255))
    return scale, int(np.clip(np.rint(-128 - low / float(scale)), -128, 127))

"""Quantization of the model's input: chosen before the fit, and folded into the scaler's integers.

The model is fitted to dequantized int8 windows, x = scale * (q - zero_point), so that training
sees exactly the inputs of the board.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training import sections
from training.bundle import manifest
from training.bundle.chain import ModelInput, make_input
from training.bundle.errors import DataError
from training.bundle.features import band_edges, make_features
from training.weight_scales import compatible_scale

MULTIPLIER_BITS = 31
MAX_SHIFT = 62
MOST_STEPS = 2.0**12  # per count, so that the shift is at least 18


# With features, the grid of all inputs: 16 steps per standard deviation, clipped at 8 deviations.
STANDARD_SCALE, STANDARD_ZERO_POINT = np.float32(1 / 16), 0
# Least deviation of a feature over the training windows, in its own steps: counts, crossings, or
# 1/1024 of a factor of two.
LEAST_DEVIATION = 1.0


@dataclass(frozen=True, eq=False)
class InputQuantizer:
    """The stages from counts to int8 inputs, and the scale and zero point of these inputs."""

    scaler: manifest.NoScaler | manifest.Affine | manifest.PerWindow
    scale: np.float32
    zero_point: int
    window: int  # frames
    channels: int
    features: manifest.NoFeatures | manifest.Features = manifest.NoFeatures()  # noqa: RUF009

    @cached_property
    def _input(self) -> ModelInput:
        return make_input(self.scaler, self.features, self.window, self.channels)

    def quantize(self, counts: NDArray[np.int16]) -> NDArray[np.int8]:
        """Map int16 [n, window, channels] to int8 [n, input size], in the board's C++."""
        return self._input.scale(counts)

    def dequantize(self, quantized: NDArray[np.int8]) -> NDArray[np.float32]:
        """Convert int8 values to real values, float32 of the same shape."""
        steps = quantized.astype(np.float32) - np.float32(self.zero_point)
        return np.asarray(self.scale * steps, np.float32)

    @property
    def raw_size(self) -> int:
        """Number of inputs that are the raw window; the features follow them."""
        return 0 if isinstance(self.scaler, manifest.NoScaler) else self.window * self.channels

    @property
    def feature_count(self) -> int:
        """Number of inputs that are features."""
        if isinstance(self.features, manifest.NoFeatures):
            return 0
        return self.features.per_channel * self.channels


def fit_input_quantizer(
    settings: sections.Scaler,
    train: NDArray[np.int16],
    gain: tuple[float, ...],
    features: sections.Features = sections.Features(),  # noqa: B008 (immutable)
) -> InputQuantizer:
    """Choose the quantization that covers the training windows.

    Args:
        train: int16 [n, window, channels], raw counts.
        gain: counts per unit, one entry per channel.

    Raises:
        DataError: a channel is constant.
    """
    if settings.kind != "per_window":
        _refuse_constant_channels(train)
    standard = features.per_channel > 0
    scaler: manifest.NoScaler | manifest.Affine | manifest.PerWindow
    if settings.kind == "per_window":
        scaler, scale, zero_point = _fit_per_window(settings, train, gain, standard)
    elif settings.kind == "affine":
        scaler, scale, zero_point = _fit_affine(settings, train, standard)
    else:
        scaler = manifest.NoScaler(kind="none")
        scale, zero_point = STANDARD_SCALE, STANDARD_ZERO_POINT
    frames, channels = train.shape[1:]
    fitted = _fit_features(features, train) if standard else manifest.NoFeatures()
    return InputQuantizer(scaler, scale, zero_point, frames, channels, fitted)


def _fit_features(settings: sections.Features, train: NDArray[np.int16]) -> manifest.Features:
    """Scale each feature by its mean and deviation over the training windows."""
    frames, channels = train.shape[1:]
    edges = band_edges(frames, settings.bands)
    values = make_features(settings.statistics, edges, frames, channels).measure(train)
    deviation = np.maximum(values.std(axis=0, dtype=np.float64), LEAST_DEVIATION)
    center = np.rint(values.mean(axis=0, dtype=np.float64)).astype(np.int64)
    return manifest.Features(
        kind="per_channel",
        statistics=list(settings.statistics),
        edges=edges,
        scaler=fold_affine(center, float(STANDARD_SCALE) * deviation, STANDARD_ZERO_POINT),
    )


def _refuse_constant_channels(train: NDArray[np.int16]) -> None:
    low, high = train.min(axis=(0, 1)), train.max(axis=(0, 1))
    if (low == high).any():
        channel = int(np.argmax(low == high))
        raise DataError(
            f"channel {channel} is constant ({low[channel]} counts) in all training windows; "
            "leave it out"
        )


def fold_affine(
    center: NDArray[np.int64], counts_per_step: NDArray[np.float64], zero_point: int
) -> manifest.Affine:
    """Fold q = zero_point + round((x - center) / counts_per_step) into integers, per channel.

    The largest multiplier uses all 31 bits, so that the error over the whole int16 range is far
    below one step. A count of 2^12 steps or more saturates, whatever its factor.
    """
    per_count = np.minimum(1.0 / counts_per_step, MOST_STEPS)
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


def _fit_affine(
    settings: sections.Scaler, train: NDArray[np.int16], standard: bool
) -> tuple[manifest.Affine, np.float32, int]:
    frames = train.reshape(-1, train.shape[-1]).astype(np.float64)
    low, high = frames.min(axis=0), frames.max(axis=0)
    if settings.real == "range":
        margin = settings.headroom * (high - low)
        center = np.clip(np.rint(low - margin), -32768, 32767)
        unit = high + margin - center  # counts from 0 to 1
        scale, zero_point = np.float32(1 / 255), -128
    else:
        center = np.rint(frames.mean(axis=0))
        unit = frames.std(axis=0)
        scale, zero_point = STANDARD_SCALE, STANDARD_ZERO_POINT
        if not standard:
            scale, zero_point = quantize_range(
                float(((low - center) / unit).min()),
                float(((high - center) / unit).max()),
                settings.headroom,
            )
    scaler = fold_affine(center.astype(np.int64), float(scale) * unit, zero_point)
    return scaler, scale, zero_point


def _fit_per_window(
    settings: sections.Scaler, train: NDArray[np.int16], gain: tuple[float, ...], standard: bool
) -> tuple[manifest.PerWindow, np.float32, int]:
    floor = max(1, round(min(65535, settings.min_deviation * min(gain))))
    scale, zero_point = STANDARD_SCALE, STANDARD_ZERO_POINT
    if not standard:
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
    return scaler, scale, zero_point


def quantize_range(low: float, high: float, headroom: float) -> tuple[np.float32, int]:
    """Quantize [low, high], widened by the share `headroom` at each end, to int8."""
    margin = headroom * (high - low)
    low, high = min(low - margin, 0.0), max(high + margin, 0.0)
    scale = compatible_scale(np.float32((high - low) / 255))
    return scale, int(np.clip(np.rint(-128 - low / float(scale)), -128, 127))

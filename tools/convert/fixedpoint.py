"""TensorFlow Lite Micro's quantized arithmetic, in exact integers.

It rounds twice, like gemmlowp: a saturating rounding doubling high multiply, then a rounding
division by a power of two with ties away from zero. LiteRT rounds once, and differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert.graph import Tensor
from training.bundle.errors import ConvertError


@dataclass(frozen=True)
class Multiplier:
    """A real factor as `value / 2^31 * 2^shift`, with 2^30 <= value < 2^31, or value 0."""

    value: int
    shift: int

    @property
    def initializer(self) -> str:
        """The C++ initializer of `Multiplier` in requantize.h."""
        return f"{{{self.value}, {self.shift}}}"


def quantize_multiplier(real: float) -> Multiplier:
    """QuantizeMultiplier() of TensorFlow Lite: a factor below 2^-32 becomes zero.

    Raises:
        ConvertError: the factor is 2^30 or more, which the kernels cannot shift by.
    """
    if real == 0.0:
        return Multiplier(0, 0)
    fraction, shift = math.frexp(real)
    value = math.floor(fraction * (1 << 31) + 0.5)
    if value == 1 << 31:
        value //= 2
        shift += 1
    if shift > 30:
        raise ConvertError(
            f"the model's scales multiply a sum by {real:.3g}, which leaves 32 bits: the model is "
            "damaged, or not quantized by a converter; convert it again"
        )
    return Multiplier(0, 0) if shift < -31 else Multiplier(value, shift)


def multipliers(source: Tensor, weights: Tensor, target: Tensor) -> list[Multiplier]:
    """A layer's multipliers, one per scale of the weights.

    They are computed in double precision throughout, like the interpreter's. (Versions before 2025
    multiplied the two scales of a FULLY_CONNECTED in single precision, which can change the last
    bits.)
    """
    return [
        quantize_multiplier(float(source.scale) * float(scale) / float(target.scale))
        for scale in weights.scales
    ]


def requantize(value: NDArray[np.int64], by: Multiplier) -> NDArray[np.int64]:
    """MultiplyByQuantizedMultiplier() on values that fit 32 bits, after the left shift too."""
    high = rounding_doubling_high(value << max(by.shift, 0), by.value)
    return rounding_divide(high, max(-by.shift, 0))


def rounding_doubling_high(value: NDArray[np.int64], by: int) -> NDArray[np.int64]:
    """SaturatingRoundingDoublingHighMul(): ties go up, whatever the sign."""
    return (value * by + (1 << 30)) >> 31


def rounding_divide(value: NDArray[np.int64], exponent: int) -> NDArray[np.int64]:
    """RoundingDivideByPOT(): ties go away from zero."""
    if exponent == 0:
        return value
    return (value + (1 << (exponent - 1)) - (value < 0)) >> exponent


def activation_range(activation: str, target: Tensor) -> tuple[int, int]:
    """The smallest and the largest int8 output of a layer with this fused activation."""
    low, high = -128, 127

    def step(real: float) -> int:
        ratio = float(np.float32(real) / np.float32(target.scale))
        return target.zero_point + math.floor(abs(ratio) + 0.5) * (1 if ratio >= 0 else -1)

    if activation in {"RELU", "RELU6"}:
        low = max(low, step(0.0))
    if activation == "RELU6":
        high = min(high, step(6.0))
    if activation == "RELU_N1_TO_1":
        low, high = max(low, step(-1.0)), min(high, step(1.0))
    return low, high

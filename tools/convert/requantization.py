"""Requantization in one multiplication, proven equal to TensorFlow Lite Micro's two roundings.

A requantization is a step function: its int8 output rises at most 255 times as the sum grows.
Another non-decreasing function is the same function if it rises at the same sums, which takes two
evaluations per rise to check. So the kernels' cheaper form (docs/engine.md) is used only where the
converter has proven it, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.convert.fixedpoint import Multiplier, requantize

_OUTPUTS = np.arange(1, 256)


@dataclass(frozen=True)
class Requantization:
    """TensorFlow Lite Micro's requantization of one row, whose sums lie in [least, most]."""

    by: Multiplier
    zero_point: int
    low: int
    high: int
    least: int
    most: int

    def __call__(self, sums: NDArray[np.int64]) -> NDArray[np.int64]:
        """The int8 output plus 128, in 0..255."""
        value = requantize(sums, self.by) + self.zero_point
        return np.asarray(np.clip(value, self.low, self.high) + 128)

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """int64 [255]: the smallest sum that gives at least 1, 2, ... 255; most + 1 if none."""
        below = np.full(255, self.least - 1)
        reached = np.full(255, self.most + 1)
        while (open_ := reached - below > 1).any():
            middle = (below + reached) >> 1
            enough = self(middle) >= _OUTPUTS
            reached = np.where(open_ & enough, middle, reached)
            below = np.where(open_ & ~enough, middle, below)
        return reached


@dataclass(frozen=True)
class OneMultiply:
    """The kernels' form of a requantization.

    t = 256 * sum, shifted left by `shift`; y = (t * multiplier >> 32) + rounding, plus `correction`
    where t is negative; output = clamp(y >> 16, 0, 255). With `after`, t is not shifted and
    output = clamp(y >> (16 - shift), 0, 255).
    """

    shift: int
    after: bool
    multiplier: int
    rounding: int
    correction: int

    def __call__(self, sums: NDArray[np.int64]) -> NDArray[np.int64]:
        """The kernel's output, as long as nothing leaves 32 bits."""
        before, after = (0, self.shift) if self.after else (self.shift, 0)
        t = sums << (8 + before)
        y = (t * self.multiplier >> 32) + self.rounding + np.where(t < 0, self.correction, 0)
        return np.asarray(np.clip(y >> (16 - after), 0, 255))

    @property
    def initializer(self) -> str:
        """The C++ initializer of `OneMultiply` in dense.h."""
        return f"{{{self.multiplier}, {self.rounding}, {self.correction}}}"

    def equals(self, exact: Requantization) -> bool:
        """Whether both agree for every sum in [least, most]."""
        steps = exact.steps
        at = self(np.minimum(steps, exact.most)) >= _OUTPUTS
        before = self(np.maximum(steps - 1, exact.least)) >= _OUTPUTS
        reached, started = steps <= exact.most, steps > exact.least
        return bool((at == reached).all() and not before[started].any())


def best_shift(by: Multiplier) -> int:
    """The shift at which the multiplier keeps all its 31 bits, so that none is rounded off."""
    return 9 + by.shift


def fits(exact: Requantization, shift: int, after: bool) -> bool:
    """Whether t, y and TensorFlow Lite's own left shift stay within 32 bits for every sum.

    The outputs before the clamp then fit 16 bits, too.
    """
    largest = max(abs(exact.least), abs(exact.most)) + 1
    if largest << max(8, exact.by.shift) >= 1 << 31:
        return False
    if not after:
        return largest << (8 + shift) < 1 << 31
    # y with 16 fractional bits, and its roundings
    highest = (largest * exact.by.value << 24 >> (39 - exact.by.shift)) + (1 << 25)
    return highest << max(-shift, 0) < 1 << 31


def one_multiply(
    exact: Requantization, shift: int, *, after: bool, signed: bool
) -> OneMultiply | None:
    """The form that equals `exact` at this shift, or None.

    With `signed`, it has the correction by which ties of negative sums round away from zero. Where
    `shift` exceeds best_shift, the multiplier loses bits, and its neighbours are tried too.
    """
    dropped = shift - best_shift(exact.by)  # bits of the multiplier
    if dropped < 0:
        return None  # it would not fit 31 bits
    tie = 1 << (15 + exact.by.shift) if -15 <= exact.by.shift < 0 else 0
    middle = ((exact.zero_point + 128) << 16) + (1 << 15) + tie
    correction = -2 * tie if signed else 0
    if after:
        middle, correction = middle << 8 >> (8 + shift), correction << 8 >> (8 + shift)
    for off in (0, 1, -1):
        for extra in (0, 1) if dropped else (0,):
            multiplier = (exact.by.value >> dropped) + extra
            form = OneMultiply(shift, after, multiplier, middle + off, correction)
            if form.equals(exact):
                return form
    return None


@dataclass(frozen=True)
class TwoRoundings:
    """Both roundings of TensorFlow Lite Micro, in the steps of rounded_twice() of two_roundings.h.

    No search is needed: they are the same roundings. twice = sum * 2^(1 + left);
    output = (((twice * multiplier + 2^31) >> 32) + start - (twice < 0)) >> shift, clamped to int8,
    without the subtraction if shift is 0.
    """

    shift: int
    left: int
    multiplier: int
    start: int


def two_roundings(exact: Requantization) -> TwoRoundings | None:
    """The steps of `exact` before the fused activation, or None if a value could leave 32 bits.

    The factor 2^(1 + left) must fit the 16-bit lanes of the weights.
    """
    left, shift = max(exact.by.shift, 0), max(-exact.by.shift, 0)
    start = (exact.zero_point << shift) + (1 << shift >> 1)
    largest = max(abs(exact.least), abs(exact.most))
    high = (largest << left) + 1  # as the multiplier is below 2^31
    if left > 7 or largest << (1 + left) >= 1 << 31 or high + abs(start) + 1 >= 1 << 31:
        return None
    return TwoRoundings(shift, left, exact.by.value, start)

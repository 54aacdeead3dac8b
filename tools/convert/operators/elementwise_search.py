"""Search for short forms of ADD and MUL that equal TensorFlow Lite Micro's arithmetic.

Each operand is one byte, so a record is compared with the exact arithmetic for all 65,536 pairs of
values; a record that differs anywhere is rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert.fixedpoint import Multiplier, requantize

Pairs = NDArray[np.int64]

HEADROOM = 20
"""Bits that TensorFlow Lite Micro's ADD shifts its operands by, for rounding."""

_INT32 = 1 << 31
_VALUES = np.arange(-128, 128)
_A, _B = _VALUES[:, None], _VALUES[None, :]

# Multipliers as computed, or larger or smaller by a few parts in 2^26. With larger ones, ties on
# the negative side round away from zero as they must.
_STRETCHES = [sign * (1 << bits) for bits in (0, *range(4, 16)) for sign in (1, -1)]


@dataclass(frozen=True)
class Output:
    """The output's zero point and its smallest and largest value."""

    zero_point: int
    low: int
    high: int

    def __call__(self, values: Pairs) -> Pairs:
        """Requantized values as int8 outputs, in int64."""
        return np.asarray(np.clip(values + self.zero_point, self.low, self.high))

    @property
    def top(self) -> int:
        """Difference between the kernel's values and outputs: its 255 is the largest output."""
        return 255 - self.high

    @property
    def floor(self) -> int:
        """The kernel's value for the lowest output; it clamps lower values to this one."""
        return self.low + self.top

    @property
    def clamp(self) -> str:
        """The initializer of `OutputClamp` in output_clamp.h."""
        return f"{{{self.floor}, {self.low}}}"


@dataclass(frozen=True)
class AddRecord:
    """(start + (a_by * a >> 8) + (b_by * b >> 8)) >> shift, clamped to 0..255."""

    a_by: int
    b_by: int
    start: int
    shift: int


@dataclass(frozen=True)
class MulRecord:
    """(((a - zero) * (b - zero) << shift) * by >> 32) + start >> 16, clamped to 0..255.

    Ties round away from zero, so `below` is added to the start of a negative product.
    """

    by: int
    start: int
    below: int
    shift: int


def exact_add(
    zeros: tuple[int, int],
    by: tuple[Multiplier, Multiplier, Multiplier],
    output: Output,
    sign: int,
) -> Pairs:
    """int64 [256, 256]: TensorFlow Lite Micro's a + sign * b for every a (rows), b (columns)."""
    a = requantize((_A - zeros[0]) << HEADROOM, by[0])
    b = requantize((_B - zeros[1]) << HEADROOM, by[1])
    return output(requantize(a + sign * b, by[2]))


def exact_mul(zeros: tuple[int, int], by: Multiplier, output: Output) -> Pairs:
    """int64 [256, 256]: TensorFlow Lite Micro's product for every a (rows) and b (columns)."""
    return output(requantize((_A - zeros[0]) * (_B - zeros[1]), by))


def add_record(
    zeros: tuple[int, int],
    by: tuple[Multiplier, Multiplier, Multiplier],
    output: Output,
    sign: int = 1,
) -> AddRecord | None:
    """An exact record of a + sign * b, or None if every candidate differs somewhere."""
    exact = exact_add(zeros, by, output, sign) + output.top
    # Output steps per step of a and of b: exact in double, as products have at most 62 bits.
    steps = [
        each.value * by[2].value / (1 << 31) * 2.0 ** (each.shift + by[2].shift + HEADROOM - 31)
        for each in by[:2]
    ]
    reach = 256 * sum(steps) + 512
    shift = 31 - max(int(reach), 1).bit_length()
    while shift > 0 and max(steps) * (1 << (shift + 8)) >= _INT32:
        shift -= 1
    if shift < 16:
        return None  # values would leave the kernel's 16 bits
    nearest = [round(step * (1 << (shift + 8))) for step in (steps[0], sign * steps[1])]
    for a_by, b_by in _candidates(nearest):
        sums = (a_by * _A >> 8) + (b_by * _B >> 8)
        least, most = _starts(sums, exact, shift, output.floor)
        start = (least + most) >> 1
        if least <= most and max(a_by, b_by) < _INT32 and _fits(sums + start):
            return AddRecord(a_by, b_by, start, shift)
    return None


def mul_record(zeros: tuple[int, int], by: Multiplier, output: Output) -> MulRecord | None:
    """An exact record of a MUL, or None if every candidate differs somewhere."""
    exact = exact_mul(zeros, by, output) + output.top
    shift = by.shift + 17
    if shift > 15:
        return None  # a product shifted so far would leave 32 bits
    products = (_A - zeros[0]) * (_B - zeros[1])
    below = products < 0
    multiplier = by.value >> max(-shift, 0)
    shift = max(shift, 0)
    for each, _ in _candidates([multiplier, 0]):
        sums = (products << shift) * each >> 32
        sides = [
            _starts(sums[side], exact[side], 16, output.floor) for side in (products >= 0, below)
        ]
        least, most = max(side[0] for side in sides), min(side[1] for side in sides)
        start = other = (least + most) >> 1
        if least > most:  # each side needs its own start
            start, other = (sum(side) >> 1 for side in sides)
        exists = all(side[0] <= side[1] for side in sides) and each < _INT32
        if exists and _fits(sums + np.where(below, other, start)):
            return MulRecord(each, start, other - start, shift)
    return None


def _candidates(nearest: list[int]) -> Iterator[tuple[int, int]]:
    """Multipliers to try, the nearest first."""
    yield nearest[0], nearest[1]
    for stretch in _STRETCHES:
        a, b = (each + (each * stretch >> 26) for each in nearest)
        yield a, b
    for a in (0, 1, -1):
        for b in (0, 1, -1):
            if a or b:
                yield nearest[0] + a, nearest[1] + b


def _fits(sums: Pairs) -> bool:
    return bool(abs(sums).max() < _INT32)


def _starts(sums: Pairs, exact: Pairs, shift: int, floor: int) -> tuple[int, int]:
    """The least and the most `start` for which clip((sums + start) >> shift, floor, 255) is exact.

    A sum above the floor must reach its output's step, and one below 255 not the next one's.
    """
    least = np.where(exact > floor, (exact << shift) - sums, 1 - _INT32).max(initial=1 - _INT32)
    most = np.where(exact < 255, ((exact + 1) << shift) - 1 - sums, _INT32).min(initial=_INT32)
    return int(least), int(most)

"""Dense layers for the paired kernel: two rows to a 16-bit lane (docs/engine.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.dense import DenseLayer
from tools.convert.fixedpoint import Multiplier
from tools.convert.staircase import (
    OneMultiply,
    Requantization,
    best_shift,
    fits,
    one_multiply,
)
from tools.convert.step import Report, Step, Value

INT8 = (-128, 127)
"""Lanes of a widened int8 input."""

OFFSET = (0, 255)
"""Lanes that a paired kernel wrote: int8 values plus 128."""

Lanes = tuple[int, int]

# Eight inputs each, in the inner loop's two forms: firmware/lib/engine_compiled/pairs_dsp.h.
CHAIN, LOOP = 9, 8


def wide_bytes(values: int) -> int:
    """Memory of a wide value: the sum of neighbours' products, then two bytes a value."""
    return 4 + 8 * -(-values // 4)


@dataclass(frozen=True, eq=False)
class Paired:
    """A layer that the paired kernel can run, and how.

    `forms` has one entry a row, or one for all.
    """

    layer: DenseLayer
    bias: NDArray[np.int64]
    forms: tuple[OneMultiply, ...]
    signed: bool

    @property
    def per_channel(self) -> bool:
        """Whether each row has constants of its own."""
        return len(self.forms) > 1

    @property
    def shift(self) -> int:
        """The same for all rows."""
        return self.forms[0].shift

    @property
    def shift_name(self) -> str:
        """The kernel's word for it."""
        if self.forms[0].after:
            return "after"
        return "none" if not self.shift else "left" if self.shift > 0 else "right"


def pair(layer: DenseLayer, lanes: Lanes) -> Paired | str:
    """Fit the paired kernel to a layer whose inputs come in `lanes`, or say why it cannot be."""
    weights = layer.weights.astype(np.int64)
    if layer.inputs < 4 or layer.outputs < 4:
        return "plain: too small for pairs"
    if (weights == -128).any():
        return "plain: a weight of -128"
    offset = INT8[0] - lanes[0]  # lane = value - offset
    bias = layer.bias + offset * weights.sum(1)
    least = bias + np.minimum(weights * lanes[0], weights * lanes[1]).sum(1)
    most = bias + np.maximum(weights * lanes[0], weights * lanes[1]).sum(1)
    multipliers = layer.multipliers
    if len(multipliers) == 1:
        exacts = [_row(layer, multipliers[0], int(least.min()), int(most.max()))]
    else:
        exacts = [
            _row(layer, m, int(a), int(b)) for m, a, b in zip(multipliers, least, most, strict=True)
        ]
    shifts = [best_shift(exact.by) for exact in exacts if exact.by.value]
    shift = max(shifts, default=0)
    if not -16 <= shift <= 23:
        return "plain: scales too far apart"
    # A shift of the product costs two instructions more for four rows than one of the sums.
    possible = [
        after for after in (False, True) if all(fits(exact, shift, after) for exact in exacts)
    ]
    for after in possible:
        for signed in (False, True):
            forms = [one_multiply(exact, shift, after=after, signed=signed) for exact in exacts]
            if all(forms):
                return Paired(layer, bias, tuple(form for form in forms if form), signed)
    return "plain: steps unlike" if possible else "plain: sums too large"


def _row(layer: DenseLayer, by: Multiplier, least: int, most: int) -> Requantization:
    return Requantization(by, layer.zero_point, layer.low, layer.high, least, most)


def stream(paired: Paired) -> NDArray[np.uint32]:
    """The kernel's words, rows in fours; format in firmware/lib/engine_compiled/pairs.h."""
    layer = paired.layer
    rows, columns = -(-layer.outputs // 4) * 4, -(-layer.inputs // 4) * 4
    weights = np.zeros((rows, columns), np.int64)
    weights[: layer.outputs, : layer.inputs] = layer.weights
    bias = np.zeros(rows, np.int64)
    bias[: layer.outputs] = paired.bias
    # Within four inputs, a word's lanes are values 0 and 2, or 1 and 3.
    order = np.arange(columns).reshape(-1, 2, 2).swapaxes(1, 2).reshape(-1)
    weights = weights[:, order]
    words: list[NDArray[np.int64]] = []
    for first in range(0, rows, 4):
        b, a = weights[first : first + 2], weights[first + 2 : first + 4]
        c_b, c_a = bias[first : first + 2], bias[first + 2 : first + 4]
        ahead = (b.reshape(2, -1, 2, 2).prod(2)).sum((1, 2))
        words += [256 * c_a + c_b, c_b - ahead, _interleaved(256 * a + b)]
        if paired.per_channel:
            words += _row_constants(paired, first)
    return np.concatenate(words).astype(np.int64).astype(np.uint32)


def _interleaved(lanes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Both pairs' words in turns of eight inputs, four at the end."""
    words = ((lanes[:, 1::2] & 0xFFFF) << 16) | (lanes[:, 0::2] & 0xFFFF)
    whole = words.shape[1] // 4 * 4
    head = words[:, :whole].reshape(2, -1, 4).swapaxes(0, 1).reshape(-1)
    return np.concatenate([head, words[:, whole:].reshape(-1)])


def _row_constants(paired: Paired, first: int) -> list[NDArray[np.int64]]:
    none = OneMultiply(0, False, 0, 0, 0)
    forms: Sequence[OneMultiply] = [
        paired.forms[row] if row < len(paired.forms) else none
        for row in (first + 2, first + 3, first, first + 1)
    ]
    columns = [[form.rounding for form in forms]]
    if paired.signed:
        columns.append([form.correction for form in forms])
    columns.append([form.multiplier for form in forms])
    return [np.array(column, np.int64) for column in columns]


@dataclass(frozen=True, eq=False)
class PairedDense(Step):
    """A layer in the paired kernel; `to_bytes` if it writes plain int8."""

    paired: Paired
    to_bytes: bool

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The wide input."""
        layer = self.paired.layer
        return (Value(layer.source, wide_bytes(layer.inputs), wide=True),)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The output, wide or int8."""
        layer = self.paired.layer
        if self.to_bytes:
            return (Value(layer.target, layer.outputs),)
        return (Value(layer.target, wide_bytes(layer.outputs), wide=True),)

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"pairs.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        layer = self.paired.layer
        why = "proven by its bounds and steps"
        return Report("FULLY_CONNECTED", layer.shape, layer.macs, layer.scale, "dense_pairs", why)

    def constants(self, index: int) -> str:
        """The stream and the layer's record."""
        paired = self.paired
        one = OneMultiply(0, False, 0, 0, 0) if paired.per_channel else paired.forms[0]
        record = (
            f"kStream{index}, {-(-paired.layer.inputs // 4)}, {-(-paired.layer.outputs // 4)}, "
            f"{abs(paired.shift)}, {one.multiplier}, {one.rounding}, {one.correction}"
        )
        words = (f"0x{word:08X}" for word in stream(paired))
        return (
            cpp.array("std::uint32_t", f"kStream{index}", words)
            + f"constexpr Pairs<{self._form}> kPairs{index}{{Layer{{{record}}}}};\n"
        )

    @property
    def _form(self) -> str:
        """The name of the kernel's form."""
        name = f"kForm_{self.paired.shift_name}"
        for flag, word in (
            (self.paired.signed, "sign"),
            (self.paired.per_channel, "per_channel"),
            (self.to_bytes, "bytes"),
        ):
            name += f"_{word}" if flag else ""
        return name

    def shared(self) -> frozenset[str]:
        """The form's definition."""
        flags = (self.paired.signed, self.paired.per_channel, self.to_bytes)
        values = ", ".join(
            [f"Shift::{self.paired.shift_name}", *(str(flag).lower() for flag in flags), "kLoops"]
        )
        return frozenset({f"constexpr Form {self._form} = {{{values}}};\n"})

    def constant_bytes(self) -> int:
        """The stream, and the record's 36 or 40 bytes."""
        return 4 * len(stream(self.paired)) + (40 if self.paired.signed else 36)

    def passes(self) -> tuple[int, int]:
        """For all rows; cycles as `vigil estimate` models them."""
        layer = self.paired.layer
        blocks, fours = -(-layer.inputs // 4) // 2, -(-layer.outputs // 4)
        more = max(-(-blocks // CHAIN) - 1, 0)
        chain = 8 * more + (11 if more else 4)
        loop = 6 * max(-(-blocks // LOOP) - 1, 0) + 8
        return (fours * chain, fours * loop) if blocks else (0, 0)

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        return f"dense_pairs(kPairs{index}, {at[self.reads[0]]}, {at[self.writes[0]]});"


@dataclass(frozen=True)
class Convert(Step):
    """int8 to wide, or back."""

    tensor: int
    size: int
    widens: bool

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The value in one format."""
        return (self._value(not self.widens),)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The value in the other."""
        return (self._value(self.widens),)

    def _value(self, wide: bool) -> Value:
        return Value(self.tensor, wide_bytes(self.size) if wide else self.size, wide)

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"pairs.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        name = "widen" if self.widens else "narrow"
        return Report("-", str(self.size), 0, "-", name, "for dense_pairs")

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        source, target = at[self.reads[0]], at[self.writes[0]]
        name = "widen" if self.widens else "narrow"
        return f"{name}({source}, {self.size}, {target});"

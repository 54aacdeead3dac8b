"""ADD and MUL of two int8 tensors for the compiled engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.combined import (
    HEADROOM,
    AddRecord,
    MulRecord,
    Output,
    add_record,
    mul_record,
)
from tools.convert.fixedpoint import Multiplier, activation_range, quantize_multiplier
from tools.convert.model import Model, Operator, Tensor
from tools.convert.step import Report, Step, Value
from training.bundle.errors import ConvertError


@dataclass(frozen=True, eq=False)
class Elementwise(Step):
    """ADD or MUL; `record` is the kernel's (elementwise.h), None for one in the model's own steps.

    `multipliers`: of an ADD the operands' to a common scale and that to the output's; of a MUL one.
    """

    name: str
    operands: tuple[Tensor, Tensor]
    target: Tensor
    multipliers: tuple[Multiplier, ...]
    output: Output
    record: AddRecord | MulRecord | None

    @property
    def in_place(self) -> bool:  # type: ignore[override]
        """Where the first operand is as large as the output."""
        return self.operands[0].data is None and self.operands[0].size == self.target.size

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The operands that are no constants."""
        return tuple(Value(each.index, each.size) for each in self.operands if each.data is None)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 output."""
        return (Value(self.target.index, self.target.size),)

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"elementwise.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        scale = f"{self.target.scale:.4g}"
        why = "plain: no record fits" if self.record is None else "proven for all pairs of values"
        return Report(self.name, str(self.target.size), 0, scale, self.name.lower(), why)

    def constants(self, index: int) -> str:
        """Constant operands and the record."""
        text = "".join(
            cpp.array("std::int8_t", f"kOperand{index}{'ab'[i]}", _values(each).ravel())
            for i, each in enumerate(self.operands)
            if each.data is not None
        )
        return text + f"const {self._kind} {self._record}{index} = {{{self._fields}}};\n"

    @property
    def _record(self) -> str:
        return f"k{self.name.capitalize()}"

    @property
    def _kind(self) -> str:
        return f"{'Slow' if self.record is None else ''}{self.name.capitalize()}"

    @property
    def _fields(self) -> str:
        """The initializer, in the order of elementwise.h."""
        sizes = "{" + ", ".join(str(each.size) for each in self.operands) + "}"
        zeros = [each.zero_point for each in self.operands]
        output = self.output
        fields: list[int | str]
        if isinstance(self.record, AddRecord):
            fields = [*vars(self.record).values()]
        elif isinstance(self.record, MulRecord):
            record = self.record
            fields = [record.by, record.start, record.below, *zeros, record.shift]
        else:
            fields = [*zeros, *(f"{{{by.value}, {by.shift}}}" for by in self.multipliers)]
            fields += [output.zero_point, output.low, output.high]
        if self.record is not None:
            fields.append(f"{{{output.floor}, {output.low}}}")
        return ", ".join(map(str, [sizes, *fields]))

    def constant_bytes(self) -> int:
        """Constant operands and the record."""
        held = sum(each.size for each in self.operands if each.data is not None)
        sizes = {"Add": 24, "Mul": 28, "SlowAdd": 40, "SlowMul": 24}
        return held + sizes[self._kind]

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        a, b = (
            f"kOperand{index}{'ab'[i]}" if each.data is not None else at[Value(each.index, 0)]
            for i, each in enumerate(self.operands)
        )
        call = f"{self.name.lower()}({self._record}{index}"
        return f"{call}, {a}, {b}, {at[self.writes[0]]}, {self.target.size});"


def read_elementwise(model: Model, operator: Operator, where: str) -> list[Step]:
    """The step of an ADD or MUL; ConvertError, one line, for what the engine does not carry."""
    place = f"{where}: {operator.place}"
    if len(operator.inputs) != 2 or min(operator.inputs) < 0:
        raise ConvertError(f"{place}: {len(operator.inputs)} operands, must be 2")
    a, b = (model.tensors[i] for i in operator.inputs)
    target = model.tensors[operator.outputs[0]]
    if any(each.dtype != "int8" or len(each.scales) != 1 for each in (a, b, target)):
        raise ConvertError(f"{place}: operands and output must be quantized int8 tensors")
    if any(not _repeats(each, target) for each in (a, b)):
        raise ConvertError(
            f"{place}: operands {list(a.shape)} and {list(b.shape)}: one may be a single value or "
            "end like the other, no more"
        )
    if operator.activation not in {"none", "RELU", "RELU6", "RELU_N1_TO_1"}:
        raise ConvertError(f"{place}: fused {operator.activation}; use none, RELU or RELU6")
    low, high = activation_range(operator.activation, target)
    output, zeros = Output(target.zero_point, low, high), (a.zero_point, b.zero_point)
    record: AddRecord | MulRecord | None
    by: tuple[Multiplier, ...]
    if operator.name == "ADD":
        by = factors = _add(place, a, b, target)
        record = add_record(zeros, factors, output)
    else:
        factor = quantize_multiplier(float(a.scale) * float(b.scale) / float(target.scale))
        by, record = (factor,), mul_record(zeros, factor, output)
    return [Elementwise(operator.name, (a, b), target, by, output, record)]


def _add(
    place: str, a: Tensor, b: Tensor, target: Tensor
) -> tuple[Multiplier, Multiplier, Multiplier]:
    """Both operands to twice the larger scale with 20 bits of headroom, then to the output's."""
    common = 2 * float(max(a.scale, b.scale))
    last = common / ((1 << HEADROOM) * float(target.scale))
    if not last < 1:
        raise ConvertError(f"{place}: the output's scale is too small for its operands'")
    first, second = (quantize_multiplier(float(each.scale) / common) for each in (a, b))
    return first, second, quantize_multiplier(last)


def _repeats(operand: Tensor, target: Tensor) -> bool:
    """Whether broadcasting makes `target` of the operand's values, over and over."""
    ends = list(operand.shape)
    while ends and ends[0] == 1:
        ends.pop(0)
    return not ends or ends == list(target.shape[-len(ends) :])


def _values(tensor: Tensor) -> NDArray[np.int8]:
    assert tensor.data is not None
    return tensor.data

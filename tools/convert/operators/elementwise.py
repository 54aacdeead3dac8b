"""Operators of two int8 tensors: ADD, SUB, MUL, MINIMUM, MAXIMUM and SQUARED_DIFFERENCE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.convert import cpp
from tools.convert.fixedpoint import Multiplier, activation_range, quantize_multiplier
from tools.convert.graph import Operator, Tensor
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators.elementwise_search import (
    HEADROOM,
    AddRecord,
    MulRecord,
    Output,
    add_record,
    mul_record,
)
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value
from tools.convert.work import Work, added, requantizations

STRUCT_BYTES = {"Add": 24, "Mul": 28, "SlowAdd": 40, "SlowMul": 24, "Operands": 8}
"""sizeof of the records in elementwise.h."""


_Record = tuple[str, list[int | str], tuple[Multiplier, ...]]
"""A struct of elementwise.h, its fields, and the multipliers of its requantizations."""


@dataclass(frozen=True)
class _Operands:
    a: Tensor
    b: Tensor

    @property
    def zeros(self) -> tuple[int, int]:
        return self.a.zero_point, self.b.zero_point

    @property
    def sizes(self) -> str:
        """The initializer of `Operands`."""
        return f"{{{self.a.size}, {self.b.size}}}"


def _plan(planner: Planner, operator: Operator) -> None:
    if len(operator.inputs) != 2 or min(operator.inputs) < 0:
        raise planner.refusal(operator, f"{len(operator.inputs)} operands, must be 2")
    a, b = (planner.model.tensors[i] for i in operator.inputs)
    target = planner.model.tensors[operator.outputs[0]]
    if not (a.quantized and b.quantized and target.quantized):
        raise planner.refusal(operator, "operands and output must be quantized int8 tensors")
    if not (_repeats(a, target) and _repeats(b, target)):
        raise planner.refusal(
            operator,
            f"operands {list(a.shape)} and {list(b.shape)}: one must be a single value, or its "
            "shape the end of the other's",
        )
    planner.check_activation(operator)
    output = Output(target.zero_point, *activation_range(operator.activation, target))
    struct, fields, factors = _READERS[operator.name](
        planner, operator, _Operands(a, b), target, output
    )

    names = [f"kOperand#{letter}" for letter in "ab"]
    constants = "".join(
        cpp.array("std::int8_t", name, tensor.data.ravel())
        for name, tensor in zip(names, (a, b), strict=True)
        if tensor.data is not None
    )
    record = f"k{operator.name.title().replace('_', '')}#"
    constants += f"const {struct} {record} = {{{', '.join(map(str, fields))}}};\n"
    operands = [
        Value.of(tensor) if tensor.data is None else name
        for name, tensor in zip(names, (a, b), strict=True)
    ]
    why = _WHY.get(operator.name) or (
        "plain: no record fits" if struct.startswith("Slow") else "proven for all pairs of values"
    )
    function = _FUNCTIONS.get((operator.name, struct), operator.name.lower())
    scale = f"{target.scale:.4g}"
    planner.steps.append(
        Step(
            Report(operator.name, str(target.size), 0, scale, function, why),
            tuple(each for each in operands if isinstance(each, Value)),
            (Value.of(target),),
            function,
            (record, *operands, Value.of(target), str(target.size)),
            frozenset({"elementwise.h"}),
            constants=constants,
            constant_bytes=STRUCT_BYTES[struct]
            + sum(tensor.size for tensor in (a, b) if tensor.data is not None),
            in_place=a.data is None and a.size == target.size,
            work=_work(function, struct, (a.size, b.size), target.size, factors),
        )
    )


def _add(
    planner: Planner, operator: Operator, operands: _Operands, target: Tensor, output: Output
) -> _Record:
    """The record.

    TensorFlow Lite brings both operands to twice the larger scale with HEADROOM bits to spare, then
    the sum to the output's scale. SUB does the same with a difference.
    """
    common = 2 * float(max(operands.a.scale, operands.b.scale))
    factors = _factors(planner, operator, operands, common / (1 << HEADROOM), target)
    record = add_record(operands.zeros, factors, output, -1 if operator.name == "SUB" else 1)
    if isinstance(record, AddRecord):
        fields = (record.a_by, record.b_by, record.start, record.shift)
        return "Add", [operands.sizes, *fields, output.clamp], ()
    return "SlowAdd", _slow(operands, factors, output), factors


def _squared_difference(
    planner: Planner, operator: Operator, operands: _Operands, target: Tensor, output: Output
) -> _Record:
    """The record; operands are shifted by 7 bits."""
    common = 2 * float(max(operands.a.scale, operands.b.scale))
    factors = _factors(planner, operator, operands, common * common / (1 << 14), target)
    return "SlowAdd", _slow(operands, factors, output), factors


def _extreme(
    planner: Planner, operator: Operator, operands: _Operands, target: Tensor, output: Output
) -> _Record:
    """The record; the bytes themselves are compared."""
    if not (operands.a.same_grid(target) and operands.b.same_grid(target)):
        raise planner.refusal(operator, "operands and output must have one scale and zero point")
    return "Operands", [operands.a.size, operands.b.size], ()


def _factors(
    planner: Planner, operator: Operator, operands: _Operands, unit: float, target: Tensor
) -> tuple[Multiplier, Multiplier, Multiplier]:
    """Multipliers of both operands to twice the larger scale, and from `unit` to the output."""
    common = 2 * float(max(operands.a.scale, operands.b.scale))
    last = unit / float(target.scale)
    if not last < 1:
        raise planner.refusal(operator, "the output's scale is too small for its operands'")
    first, second = (
        quantize_multiplier(float(each.scale) / common) for each in (operands.a, operands.b)
    )
    return first, second, quantize_multiplier(last)


def _mul(
    planner: Planner, operator: Operator, operands: _Operands, target: Tensor, output: Output
) -> _Record:
    """The record."""
    scales = float(operands.a.scale) * float(operands.b.scale)
    factor = quantize_multiplier(scales / float(target.scale))
    record = mul_record(operands.zeros, factor, output)
    if isinstance(record, MulRecord):
        fields = (record.by, record.start, record.below, *operands.zeros, record.shift)
        return "Mul", [operands.sizes, *fields, output.clamp], ()
    return "SlowMul", _slow(operands, (factor,), output), (factor,)


def _slow(operands: _Operands, factors: tuple[Multiplier, ...], output: Output) -> list[int | str]:
    """The fields of a record in TensorFlow Lite Micro's own steps."""
    multipliers = [by.initializer for by in factors]
    ends = (output.zero_point, output.low, output.high)
    return [operands.sizes, *operands.zeros, *multipliers, *ends]


def _work(
    function: str,
    struct: str,
    sizes: tuple[int, int],
    size: int,
    factors: Sequence[Multiplier],
) -> Work:
    """The kernel of elementwise.cpp: runs of four values, or one value at a time."""
    if struct not in ("Add", "Mul"):
        one = {f"{function}_one.call": 1, f"{function}_one.value": size}
        return added(one, requantizations(f"{function}_one", factors, size))
    run = max(sizes) if min(sizes) == 1 else min(sizes)
    runs = -(-size // run)
    return {
        f"{function}.call": 1,
        f"{function}.run": runs,
        f"{function}.four": runs * (run // 4),
        f"{function}.rest": runs * (run % 4 > 0),
        f"{function}.rest_value": runs * (run % 4),
    }


def _repeats(operand: Tensor, target: Tensor) -> bool:
    """Whether broadcasting fills `target` with repetitions of the operand's values."""
    shape = list(operand.shape)
    while shape and shape[0] == 1:
        shape.pop(0)
    return not shape or shape == list(target.shape[-len(shape) :])


_ACTIVATION = {"activation": (0, "int8", 0)}

_READERS = {
    "ADD": _add,
    "SUB": _add,
    "MUL": _mul,
    "MINIMUM": _extreme,
    "MAXIMUM": _extreme,
    "SQUARED_DIFFERENCE": _squared_difference,
}

_FUNCTIONS = {
    ("SUB", "Add"): "add",
    ("SUB", "SlowAdd"): "subtract",
    ("SQUARED_DIFFERENCE", "SlowAdd"): "square_difference",
}
"""C++ functions whose name is not the operator's."""

_WHY = dict.fromkeys(("MINIMUM", "MAXIMUM"), "bytes compared") | {"SQUARED_DIFFERENCE": "plain"}

KINDS = {
    "ADD": OperatorKind("AddAdd", _plan, _ACTIVATION, inputs=2),
    "MUL": OperatorKind("AddMul", _plan, _ACTIVATION, inputs=2),
    "SUB": OperatorKind("AddSub", _plan, _ACTIVATION, inputs=2),
    "MINIMUM": OperatorKind(None, _plan, inputs=2),
    "MAXIMUM": OperatorKind(None, _plan, inputs=2),
    "SQUARED_DIFFERENCE": OperatorKind(None, _plan, inputs=2),
}

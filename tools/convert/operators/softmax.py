"""SOFTMAX: a table of 256 exponentials, and gemmlowp's fixed-point reciprocal in the kernel."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.fixedpoint import quantize_multiplier, requantize
from tools.convert.graph import Operator
from tools.convert.operator_kind import OperatorKind
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value

# In a row: where 512 values are alike, gemmlowp shifts by 32 bits, and the interpreter ends.
_MOST_VALUES = 511

# exp(-2^k) for k = -2 to 4, with 31 bits of fraction.
_BARREL = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def _plan(planner: Planner, operator: Operator) -> None:
    source, target = planner.model.ends(operator)
    if not source.quantized or not target.quantized or source.shape != target.shape:
        raise planner.refusal(operator, "input and output must be quantized int8, of one shape")
    if (float(target.scale), target.zero_point) != (1 / 256, -128):
        raise planner.refusal(operator, "its output must have scale 1/256 and zero point -128")
    size = source.shape[-1] if source.shape else 1
    beta = operator.options["beta"]
    if not 1 <= size <= _MOST_VALUES or not 0 < beta < 1e6:
        raise planner.refusal(operator, f"{size} values with beta {beta:g} are out of range")
    rows = source.size // size
    read, written = Value.of(source), Value.of(target)
    planner.steps.append(
        Step(
            Report(operator.name, f"{rows} x {size}", 0, "0.003906", "softmax", "-"),
            (read,),
            (written,),
            "softmax",
            ("kExps#", read, written, str(rows), str(size)),
            frozenset({"softmax.h"}),
            constants=cpp.array("std::int32_t", "kExps#", exponentials(beta * float(source.scale))),
            constant_bytes=1024,
            work={"softmax.call": 1, "softmax.row": rows, "softmax.value": source.size},
            in_place=True,
        )
    )


def exponentials(scale: float) -> NDArray[np.int64]:
    """TensorFlow Lite Micro's 2^31 exp(-d scale) for d = 0 to 255, int64 [256].

    It computes the argument with 26 bits of fraction, and takes exp of less than -32 as zero.
    """
    half = quantize_multiplier(min(scale * 2.0**26, 2.0**31 - 1) / 2)
    by = replace(half, shift=half.shift + 1)  # up to 31, one more than other operators may have
    reach = math.floor(31 * 2.0**26 / 2.0**by.shift)  # the largest difference that is computed
    differences = np.arange(256)
    inside = differences <= reach
    arguments = requantize(-np.where(inside, differences, 0), by)
    return np.where(inside, _exp(arguments), 0)


def _exp(a: NDArray[np.int64]) -> NDArray[np.int64]:
    """gemmlowp's exp_on_negative_values for arguments with 26 bits of fraction."""
    quarter = 1 << 24
    part = (a & (quarter - 1)) - quarter  # -1/4 to 0
    result = _exp_of_quarter(part << 5)
    rest = part - a
    for k, factor in enumerate(_BARREL):
        result = np.where(rest & (quarter << k), _product(result, factor), result)
    return np.where(a == 0, (1 << 31) - 1, result)


def _exp_of_quarter(a: NDArray[np.int64]) -> NDArray[np.int64]:
    """exp of -1/4 to 0, by four terms about -1/8."""
    x = a + (1 << 28)
    x2 = _product(x, x)
    x3 = _product(x2, x)
    x4 = _product(x2, x2)
    terms = _divide(_product(_divide(x4, 2) + x3, 715827883) + x2, 1)
    return 1895147668 + _product(x + terms, 1895147668)


def _product(a: NDArray[np.int64], b: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """SaturatingRoundingDoublingHighMul() of gemmlowp, whose division truncates."""
    wide = np.asarray(a, np.int64) * b
    nudged = wide + np.where(wide >= 0, 1 << 30, 1 - (1 << 30))
    return np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))


def _divide(value: NDArray[np.int64], exponent: int) -> NDArray[np.int64]:
    return (value + (1 << (exponent - 1)) - (value < 0)) >> exponent


KINDS = {"SOFTMAX": OperatorKind(None, _plan, {"beta": (0, "float32", 0.0)})}

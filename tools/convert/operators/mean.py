"""MEAN over adjacent axes."""

from __future__ import annotations

import math

from tools.convert.fixedpoint import Multiplier, quantize_multiplier
from tools.convert.graph import Operator
from tools.convert.operator_kind import OperatorKind
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value
from tools.convert.work import added, requantizations

REDUCE_BYTES = 28
"""sizeof(Reduce) in pool.h."""


def _plan(planner: Planner, operator: Operator) -> None:
    source, target = planner.model.ends(operator)
    if not source.quantized or not target.quantized:
        raise planner.refusal(operator, "input and output must be quantized int8 tensors")
    given, rank = planner.model.tensor(operator.inputs[1]), len(source.shape)
    if given is None or given.data is None or given.dtype != "int32":
        raise planner.refusal(operator, "its axes must be int32 constants")
    axes = sorted({int(i) + (rank if i < 0 else 0) for i in given.data.ravel()})
    if not axes or axes[0] < 0 or axes[-1] >= rank:
        raise planner.refusal(operator, f"axes {axes} of shape {list(source.shape)}")
    between = [i for i in range(axes[0], axes[-1]) if i not in axes and source.shape[i] > 1]
    if between:
        raise planner.refusal(operator, f"axes {axes} must be adjacent")
    outer, inner = math.prod(source.shape[: axes[0]]), math.prod(source.shape[axes[-1] + 1 :])
    count = math.prod(source.shape[axes[0] : axes[-1] + 1])
    if target.size != outer * inner or count >= 1 << 20:
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its axes")
    by = _divided(quantize_multiplier(float(source.scale) / float(target.scale)), count)
    fields = [outer, count, inner, -source.zero_point * count, by.initializer, target.zero_point]
    read, written = Value.of(source), Value.of(target)
    planner.steps.append(
        Step(
            Report(
                operator.name, f"{outer} x {count} x {inner}", 0, f"{target.scale:.4g}",
                "reduce_mean", "-",
            ),
            (read,),
            (written,),
            "reduce_mean",
            ("kReduce#", read, written),
            frozenset({"pool.h"}),
            constants=f"const Reduce kReduce# = {{{', '.join(map(str, fields))}}};\n",
            constant_bytes=REDUCE_BYTES,
            work=added(
                {
                    "reduce_mean.call": 1,
                    "reduce_mean.outer": outer,
                    "reduce_mean.output": target.size,
                    "reduce_mean.value": source.size,
                },
                requantizations("reduce_mean", [by], target.size),
            ),
        )
    )  # fmt: skip


def _divided(by: Multiplier, count: int) -> Multiplier:
    """TensorFlow Lite Micro's multiplier of a sum of `count` values; it rounds down."""
    shift = min(count.bit_length() - 1, 32, 31 + by.shift)
    return Multiplier((by.value << shift) // count, by.shift - shift)


KINDS = {"MEAN": OperatorKind("AddMean", _plan, inputs=2)}

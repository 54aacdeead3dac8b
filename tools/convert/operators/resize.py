"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""

from __future__ import annotations

import numpy as np

from tools.convert.graph import Operator, Tensor
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators.data_movement import constants
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value
from tools.convert.work import added, memcpy

INTERPOLATE_BYTES = 28
"""sizeof(Interpolate) in pool.h."""


def _ends(planner: Planner, operator: Operator) -> tuple[Tensor, Tensor]:
    source, target = planner.model.ends(operator)
    planner.check_moves(operator, source, target)
    sides = constants(planner, operator, 1, "size", 2)
    if tuple(sides) != target.shape[1:3]:
        raise planner.refusal(
            operator, f"output {list(target.shape)} does not fit its size {sides}"
        )
    return source, target


def _plan(planner: Planner, operator: Operator) -> None:
    source, target = _ends(planner, operator)
    largest = max((*source.shape, *target.shape), default=0)
    if len(source.shape) != 4 or len(target.shape) != 4 or largest > 65535:
        raise planner.refusal(operator, "input and output must have four dimensions below 65536")
    if (source.shape[0], source.shape[3], target.shape[0]) != (1, target.shape[3], 1):
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its input")
    if operator.option("align_corners") or operator.option("half_pixel_centers"):
        raise planner.refusal(operator, "align_corners and half_pixel_centers must be off")
    for inner, outer in zip(source.shape[1:3], target.shape[1:3], strict=True):
        # TensorFlow Lite computes in single precision; the kernel in integers.
        at = np.arange(outer)
        single = np.floor(at.astype(np.float32) * (np.float32(inner) / np.float32(outer)))
        if (np.minimum(single.astype(int), inner - 1) != at * inner // outer).any():
            raise planner.refusal(
                operator, f"a side of {inner} becomes {outer}; enlarge by a whole number"
            )
    _, rows, columns, channels = source.shape
    sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (source, target)]
    scale = f"{target.scale:.4g}"
    read, written = Value.of(source), Value.of(target)
    record = f"{{{rows}, {columns}, {target.shape[1]}, {target.shape[2]}, {channels}}}"
    planner.steps.append(
        Step(
            Report(operator.name, f"{sizes[0]} -> {sizes[1]}", 0, scale, "resize_nearest", "-"),
            (read,),
            (written,),
            "resize_nearest",
            (record, read, written),
            frozenset({"copy.h"}),
            work=added(
                {
                    "resize_nearest.call": 1,
                    "resize_nearest.row": target.shape[1],
                    "resize_nearest.pixel": target.shape[1] * target.shape[2],
                },
                memcpy(channels, target.shape[1] * target.shape[2]),
            ),
        )
    )


def _plan_bilinear(planner: Planner, operator: Operator) -> None:
    source, target = _ends(planner, operator)
    if len(source.shape) != 4 or len(target.shape) != 4:
        raise planner.refusal(operator, "input and output must have four dimensions")
    if (source.shape[0], source.shape[3], target.shape[0]) != (1, target.shape[3], 1):
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its input")
    if max(*source.shape, *target.shape) > 16383:
        raise planner.refusal(operator, "a side above 16383")
    _, rows, columns, channels = source.shape
    y = _positions(operator, rows, target.shape[1])
    x = _positions(operator, columns, target.shape[2])
    fields = [rows, columns, target.shape[1], target.shape[2], channels, *y, *x]
    sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (source, target)]
    read, written = Value.of(source), Value.of(target)
    planner.steps.append(
        Step(
            Report(
                *(operator.name, f"{sizes[0]} -> {sizes[1]}", 0, f"{target.scale:.4g}"),
                *("interpolate", "-"),
            ),
            (read,),
            (written,),
            "interpolate",
            ("kInterpolate#", read, written),
            frozenset({"pool.h"}),
            constants=f"const Interpolate kInterpolate# = {{{', '.join(map(str, fields))}}};\n",
            constant_bytes=INTERPOLATE_BYTES,
            work={
                "interpolate.call": 1,
                "interpolate.row": target.shape[1],
                "interpolate.pixel": target.shape[1] * target.shape[2],
                "interpolate.value": target.size,
            },
        )
    )


def _positions(operator: Operator, inner: int, outer: int) -> tuple[int, int]:
    """The step between output pixels and the first one's position, in 1/1024 input pixels."""
    if operator.option("align_corners") and outer > 1:
        step = (1024 * (inner - 1) + (outer - 1) // 2) // (outer - 1)
    else:
        step = (1024 * inner + outer // 2) // outer
    return step, step // 2 - 512 if operator.option("half_pixel_centers") else 0


KINDS = {
    "RESIZE_BILINEAR": OperatorKind(
        None,
        _plan_bilinear,
        {"align_corners": (2, "uint8", 0), "half_pixel_centers": (3, "uint8", 0)},
    ),
    "RESIZE_NEAREST_NEIGHBOR": OperatorKind(
        "AddResizeNearestNeighbor",
        _plan,
        {"align_corners": (0, "uint8", 0), "half_pixel_centers": (1, "uint8", 0)},
    ),
}

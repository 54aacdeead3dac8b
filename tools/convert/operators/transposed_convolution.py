"""TRANSPOSE_CONV: stride s makes s * s convolutions, one per remainder of the output's coordinates.

In each of them only those weights remain that meet an input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tools.convert.graph import Operator, Tensor
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators.convolution import conv_tensors, convolution
from tools.convert.operators.dense import fold
from tools.convert.operators.positions import Positions, image_shapes
from tools.convert.operators.transposed_three import masks, transposed_three
from tools.convert.operators.window import SAME, WINDOW_OPTIONS, windows
from tools.convert.planner import Planner

_MAX_PHASES = 256
"""Convolutions per transposed one; each has its own record and code."""


@dataclass(frozen=True)
class _Phase:
    """The outputs with one remainder along an axis."""

    kernel: list[int]  # indices along the kernel that meet inputs, last first
    begin: int  # the input that the first of them meets
    count: int  # outputs
    empty: bool = False  # no part of the kernel meets an input


def _phase(operator: Operator, kernel: int, stride: int, size: int, remainder: int) -> _Phase:
    before = windows(operator, size, kernel, stride, 1).before
    # Output o gets kernel index k of input (o + before - k) / stride, where that is whole.
    meeting = [k for k in reversed(range(kernel)) if (remainder + before - k) % stride == 0]
    count = -(-(size - remainder) // stride)
    if not meeting:
        return _Phase([0], 0, count, empty=True)
    return _Phase(meeting, (remainder + before - meeting[0]) // stride, count)


def _plan(planner: Planner, operator: Operator) -> None:
    source, target, weights, values, bias = conv_tensors(planner, operator, (2, 1, 3))
    outputs, height, width, channels = weights.shape
    if channels != source.shape[3] or outputs != target.shape[3]:
        raise planner.refusal(operator, f"weights {list(weights.shape)} do not fit its channels")
    strides = operator.option("stride_h"), operator.option("stride_w")
    if min(strides) < 1 or max(strides) * min(strides) > _MAX_PHASES:
        raise planner.refusal(
            operator,
            f"strides of {strides[0]} and {strides[1]}: each must be 1 or more, their product at "
            f"most {_MAX_PHASES}",
        )
    if operator.option("padding") != SAME and not (
        height <= target.shape[1] and width <= target.shape[2]
    ):
        raise planner.refusal(
            operator,
            "its kernel exceeds its output, for which TensorFlow Lite Micro computes padding that "
            "VALID does not have; convert the model again",
        )
    _, in_height, in_width, channels = source.shape
    _, out_height, out_width, _ = target.shape
    if _doubles_to_one(operator, weights.shape, strides, source.shape, target.shape):
        blocks = [
            fold(
                *(planner, operator, source, weights),
                *((values * mask[..., None]).reshape(1, -1), bias, target),
            )
            for mask in masks()
        ]
        three = transposed_three(blocks, (in_height, in_width), channels, source.zero_point)
        if three and not planner.plain:
            sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (source, target)]
            shape = f"{sizes[0]} -> {sizes[1]}, 3x3{blocks[0].activation_suffix}"
            report = replace(three.report, operator=operator.name, shape=shape)
            planner.steps.append(replace(three, report=report))
            return
    for y in range(min(strides[0], out_height)):
        rows = _phase(operator, height, strides[0], out_height, y)
        for x in range(min(strides[1], out_width)):
            columns = _phase(operator, width, strides[1], out_width, x)
            kernel = values[:, rows.kernel][:, :, columns.kernel]
            kernel = kernel * np.int8(not (rows.empty or columns.empty))
            at = Positions(
                *(in_height, in_width, channels),
                *(len(rows.kernel), len(columns.kernel), rows.begin, columns.begin),
                *(1, 1, 1, 1, rows.count, columns.count),
                *(strides[0] * out_width * outputs, strides[1] * outputs),
                source.zero_point,
                (y * out_width + x) * outputs,
            )
            layer = fold(
                *(planner, operator, source, weights),
                *(kernel.reshape(outputs, -1), bias, target),
            )
            shape = image_shapes(at, layer, source, target)
            planner.steps.extend(convolution(planner, operator, shape, at, layer))


def _doubles_to_one(
    operator: Operator,
    kernel: Sequence[int],
    strides: Sequence[int],
    source: Sequence[int],
    target: Sequence[int],
) -> bool:
    """Whether each input pixel gives a block of 2x2 outputs of one channel, by a kernel of 3x3."""
    sides = source[1:3]
    before = [windows(operator, side, 3, 2, 1).before for side in target[1:3]]
    doubled = tuple(2 * side for side in sides) == tuple(target[1:3])
    return (*kernel[:3], *strides, *before) == (1, 3, 3, 2, 2, 0, 0) and doubled


def _macs(inputs: Sequence[Tensor | None], output: Tensor) -> int:
    weights, source = inputs[1], inputs[2]
    if weights is None or source is None:
        return 0
    return source.size * weights.size // max(weights.shape[3], 1)


KINDS = {
    "TRANSPOSE_CONV": OperatorKind(
        "AddTransposeConv",
        _plan,
        {**WINDOW_OPTIONS, "activation": (3, "int8", 0)},
        inputs=3,
        weights=(1, 4),
        macs=_macs,
    ),
}

"""DEPTHWISE_CONV_2D: each output channel sees one input channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tools.convert.graph import Operator, Tensor
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators.convolution import (
    conv_tensors,
    positions_of,
    unfolded,
)
from tools.convert.operators.convolution_work import depthwise_work
from tools.convert.operators.dense import fold, plain_dense
from tools.convert.operators.depthwise_plane import plane_step
from tools.convert.operators.positions import at_positions, image_shapes
from tools.convert.operators.window import WINDOW_OPTIONS
from tools.convert.planner import Planner


def _plan(planner: Planner, operator: Operator) -> None:
    source, target, weights, values, bias = conv_tensors(planner, operator)
    one, height, width, outputs = weights.shape
    multiplier, rest = divmod(outputs, source.shape[3])
    if one != 1 or rest or outputs != target.shape[3] or not multiplier:
        raise planner.refusal(operator, f"weights {list(weights.shape)} do not fit its channels")
    at = positions_of(planner, operator, source, target, (height, width))
    if operator.option("depth_multiplier") != multiplier:
        raise planner.refusal(
            operator,
            f"a depth multiplier of {operator.option('depth_multiplier')}, but its weights are for "
            f"{multiplier}; convert the model again",
        )
    rows = values.reshape(height * width, outputs).T
    at = at.turned()
    layer = fold(planner, operator, source, weights, rows, bias, target)
    shape = image_shapes(at, layer, source, target)
    # A kernel of one column has one product for each word of a plane, fewer than four channels.
    by_fours = multiplier == 1 and outputs >= 4 and at.kernel_width == 1
    if not by_fours and not planner.plain:
        plane = plane_step(operator, shape, at, layer, target)
        if plane:
            planner.steps.append(plane)
            return
    layer = unfolded(layer, source)
    # The kernel reads weights as [inputs, outputs].
    layer = replace(layer, weights=np.ascontiguousarray(rows.T).reshape(rows.shape))
    why = "four channels at a time" if multiplier == 1 else "a channel at a time"
    inner = plain_dense(layer, why)
    inner = replace(inner, report=replace(inner.report, kernel="depthwise"))
    step = at_positions(
        *(inner, operator, shape, at, target, "depthwise"),
        *(("kDense#", str(multiplier)), "convolve.h"),
    )
    planner.steps.append(replace(step, work=depthwise_work(at, layer, multiplier)))


def _macs(inputs: Sequence[Tensor | None], output: Tensor) -> int:
    weights = inputs[1]
    return 0 if weights is None else output.size * weights.shape[1] * weights.shape[2]


KINDS = {
    "DEPTHWISE_CONV_2D": OperatorKind(
        "AddDepthwiseConv2D",
        _plan,
        {
            **WINDOW_OPTIONS,
            "depth_multiplier": (3, "int32", 0),
            "activation": (4, "int8", 0),
            "dilation_w": (5, "int32", 1),
            "dilation_h": (6, "int32", 1),
        },
        inputs=2,
        weights=(1, 4),
        macs=_macs,
    ),
}

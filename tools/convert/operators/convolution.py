"""CONV_2D: a dense layer that runs at many positions; and what all convolutions share.

A position sees a patch of the input, padded with the input's zero point; that patch is a dense
layer's input. The plain kernels skip the padding instead, and subtract the zero point from their
inputs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tools.convert.graph import Operator, Tensor
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators.convolution_work import (
    convolve_work,
    patches_work,
)
from tools.convert.operators.dense import (
    DenseLayer,
    checked_weights,
    dense_macs,
    fold,
    plain_dense,
    with_one_multiplies,
)
from tools.convert.operators.depthwise_plane import plane_step
from tools.convert.operators.few_channels import (
    FEW_CHANNELS,
    few_in_series,
    few_inputs,
    few_outputs,
)
from tools.convert.operators.paired_dense import (
    INT8,
    PairedLayer,
    fit_paired,
    narrow_work,
    paired_dense,
    wide_bytes,
    widen_work,
)
from tools.convert.operators.positions import (
    Positions,
    at_positions,
    image_shapes,
    output_address,
)
from tools.convert.operators.window import WINDOW_OPTIONS, windows
from tools.convert.planner import Planner
from tools.convert.step import Step, Value, scratch
from tools.convert.work import added, repeated

SPARE = 4
"""Channels of which one may have no exact form in the paired kernel."""


def conv_tensors(
    planner: Planner, operator: Operator, positions: tuple[int, int, int] = (0, 1, 2)
) -> tuple[Tensor, Tensor, Tensor, NDArray[np.int8], Tensor | None]:
    """A convolution's input, output, weights, the weights' values, and bias.

    `positions` are those of input, weights and bias. All but the bias have four dimensions.

    Raises:
        ConvertError: their types or shapes are not supported.
    """
    source, given, bias = (
        planner.model.tensor(operator.inputs[i]) if i < len(operator.inputs) else None
        for i in positions
    )
    target = planner.model.tensors[operator.outputs[0]]
    weights, values = checked_weights(planner, operator, given)
    if source is None or not all(len(t.shape) == 4 and t.size for t in (weights, source, target)):
        raise planner.refusal(operator, "input, weights and output must have four dimensions")
    if operator.name != "TRANSPOSE_CONV" and weights.shape[1] == operator.option("stride_h") == 1:
        # Rows are independent, so that those of all images are rows of one.
        source, target = (
            replace(each, shape=(1, each.shape[0] * each.shape[1], *each.shape[2:]))
            for each in (source, target)
        )
    if source.shape[0] != 1 or target.shape[0] != 1:
        raise planner.refusal(
            operator,
            f"{source.shape[0]} images at once, must be 1; convert it with a fixed batch of one",
        )
    if max(*source.shape, *target.shape, *weights.shape) > 32767:
        raise planner.refusal(operator, "a side above 32767; use smaller windows")
    return source, target, weights, values, bias


def positions_of(
    planner: Planner, operator: Operator, source: Tensor, target: Tensor, kernel: tuple[int, int]
) -> Positions:
    """The positions of a kernel [height, width]."""
    _, in_height, in_width, channels = source.shape
    _, rows, columns, outputs = target.shape
    strides = operator.option("stride_h"), operator.option("stride_w")
    dilations = operator.option("dilation_h"), operator.option("dilation_w")
    if not all(1 <= each <= 255 for each in (*strides, *dilations)):
        raise planner.refusal(operator, "a stride or dilation outside 1..255")
    y = windows(operator, in_height, kernel[0], strides[0], dilations[0])
    x = windows(operator, in_width, kernel[1], strides[1], dilations[1])
    if (y.count, x.count) != (rows, columns):
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its input")
    if max(y.before, x.before) > 32767:
        raise planner.refusal(operator, "padding above 32767; use a smaller kernel or dilation")
    return Positions(
        *(in_height, in_width, channels, *kernel, -y.before, -x.before, *strides, *dilations),
        *(rows, columns, columns * outputs, outputs, source.zero_point),
    )


def unfolded(layer: DenseLayer, source: Tensor) -> DenseLayer:
    """The layer for a plain kernel, which subtracts the zero point from its inputs."""
    rows = layer.weights.sum(1, dtype=np.int64)
    return replace(with_one_multiplies(layer), bias=layer.bias + source.zero_point * rows)


def convolution(
    planner: Planner, operator: Operator, shape: str, at: Positions, layer: DenseLayer
) -> list[Step]:
    """The steps of a dense layer at many positions."""
    source = planner.model.tensors[layer.source]
    target = planner.model.tensors[layer.target]
    few = _few_channels(at, layer)
    if few:
        return [replace(few, report=replace(few.report, operator=operator.name, shape=shape))]
    at = at.turned()
    fit: PairedLayer | str = "plain: requested"
    if not planner.plain:
        fit = fit_paired(layer, INT8, planner.shifts, layer.outputs // SPARE)
    if isinstance(fit, PairedLayer):
        paired = _paired_convolution(operator, shape, at, fit, target)
        return [paired, *_missing_channels(operator, at, fit, source, target)]
    if not planner.plain:
        plane = plane_step(operator, shape, at.interleaved(), layer, target)
        if plane:
            return [plane]
    return [_plain_convolution(operator, shape, at, unfolded(layer, source), target, fit)]


def _plain_convolution(
    operator: Operator, shape: str, at: Positions, plain: DenseLayer, target: Tensor, why: str
) -> Step:
    inner = plain_dense(plain, why)
    step = at_positions(inner, operator, shape, at, target, "convolve", ("kDense#",), "convolve.h")
    return replace(step, work=convolve_work(at, plain))


def _missing_channels(
    operator: Operator, at: Positions, paired: PairedLayer, source: Tensor, target: Tensor
) -> list[Step]:
    """The plain kernel's steps that write the channels which the paired kernel leaves out."""
    layer = paired.layer
    return [
        _plain_convolution(
            operator,
            f"channel {row} of {layer.outputs}",
            replace(at, first=at.first + row),
            unfolded(layer.row(row), source),
            target,
            "plain: steps unlike",
        )
        for row in paired.missing
    ]


def _few_channels(at: Positions, layer: DenseLayer) -> Step | None:
    """The step of a layer of few channels, if such a kernel can run it."""
    if not at.is_pointwise(layer.outputs):
        return few_in_series(layer, at)
    if min(layer.inputs, layer.outputs) > FEW_CHANNELS:
        return None
    return few_inputs(layer, at.count) or few_outputs(layer, at.count)


def _paired_convolution(
    operator: Operator, shape: str, at: Positions, paired: PairedLayer, target: Tensor
) -> Step:
    layer = paired.layer
    whole = layer.outputs % 4 == 0
    inner = paired_dense(paired, to_bytes=whole)
    step = at_positions(inner, operator, shape, at, target, "convolve", (), "convolve_paired.h")
    names = scratch(layer.target, at.first)
    patch = Value(names[0], at.patch) if at.copies else None
    lanes = Value(names[1], wide_bytes(layer.inputs), wide=True)
    sums = None if whole else Value(names[2], wide_bytes(layer.outputs), wide=True)
    memory: list[str | Value] = ["{", patch or "nullptr", ", ", lanes, ", ", sums or "nullptr", "}"]
    read, written = step.reads[0], step.writes[0]
    macs = step.report.macs - len(paired.missing) * layer.inputs * at.count
    chain, loop = inner.pass_cycles
    conversions = added(widen_work(layer.inputs), {} if whole else narrow_work(layer.outputs))
    return replace(
        step,
        report=replace(step.report, macs=macs),
        writes=(written, *(value for value in (lanes, patch, sums) if value)),
        arguments=(
            *("kPositions#", "kPaired#", str(layer.outputs), read),
            *(output_address(written, at), tuple(memory)),
        ),
        headers=step.headers | inner.headers,
        pass_cycles=(chain * at.count, loop * at.count),
        work=added(patches_work(at), repeated(conversions, at.count)),
        paired_instructions=inner.paired_instructions * at.count,
        pass_instructions=(
            inner.pass_instructions[0] * at.count,
            inner.pass_instructions[1] * at.count,
        ),
    )


def dense_rows(planner: Planner, operator: Operator, layer: DenseLayer, rows: int) -> list[Step]:
    """A FULLY_CONNECTED on several rows: a convolution with a kernel of one pixel."""
    if rows > 65535:
        raise planner.refusal(operator, "more than 65535 rows; use smaller windows")
    source = planner.model.tensors[layer.source]
    at = Positions(
        *(rows, 1, layer.inputs, 1, 1, 0, 0, 1, 1, 1, 1, rows, 1),
        *(layer.outputs, layer.outputs, source.zero_point),
    )
    return convolution(planner, operator, f"{rows} x ({layer.shape})", at, layer)


def _plan(planner: Planner, operator: Operator) -> None:
    source, target, weights, values, bias = conv_tensors(planner, operator)
    outputs, height, width, channels = weights.shape
    if channels != source.shape[3] or outputs != target.shape[3]:
        raise planner.refusal(
            operator,
            f"weights {list(weights.shape)} do not fit; grouped convolution is not supported",
        )
    at = positions_of(planner, operator, source, target, (height, width))
    rows = values.reshape(outputs, -1)
    layer = fold(planner, operator, source, weights, rows, bias, target)
    shape = image_shapes(at, layer, source, target)
    planner.steps.extend(convolution(planner, operator, shape, at, layer))


CONVOLUTION_OPTIONS = {
    **WINDOW_OPTIONS,
    "activation": (3, "int8", 0),
    "dilation_w": (4, "int32", 1),
    "dilation_h": (5, "int32", 1),
}

KINDS = {
    "CONV_2D": OperatorKind(
        "AddConv2D", _plan, CONVOLUTION_OPTIONS, inputs=2, weights=(1, 4), macs=dense_macs
    ),
}

"""Depthwise convolution by planes: one input channel at a time, widened to 16-bit lanes."""

from __future__ import annotations

from dataclasses import replace

from tools.convert.graph import Operator, Tensor
from tools.convert.operators.dense import DenseLayer, plain_dense, with_one_multiplies
from tools.convert.operators.plane_three import WHY, plane_three
from tools.convert.operators.positions import Positions, at_positions
from tools.convert.operators.template import MOST_SCRATCH
from tools.convert.step import Step, Value, scratch
from tools.convert.work import Work


def _pitch(at: Positions) -> int:
    """Words of a row of the plane: what the last two outputs of a row of positions read."""
    pairs, stride, words = -(-at.columns // 2), at.stride_width, at.kernel_width // 2 + 1
    if stride <= 2:
        return stride * (pairs - 1) + words + stride - 1
    return -(-(2 * pairs - 1) * stride // 2) + words


def _height(at: Positions) -> int:
    """Rows of the plane."""
    return (at.rows - 1) * at.stride_height + (at.kernel_height - 1) * at.dilation_height + 1


def _plane_bytes(at: Positions) -> int:
    rows = _height(at)
    weights = 2 * (at.kernel_width // 2 + 1) * at.kernel_height
    return 4 * (rows * _pitch(at) + weights)


def _fits(at: Positions, layer: DenseLayer) -> bool:
    """Whether the kernel can run a layer, which has its `one_multiplies`."""
    return (
        bool(layer.one_multiplies)
        and at.stride_width <= 255
        and max(at.in_width, at.kernel_width, 2 * abs(at.left)) <= 65535
        and (at.dilation_width == 1 or at.kernel_width == 1)
    )


def _work(at: Positions, outputs: int) -> Work:
    """depthwise_plane() of depthwise_plane.cpp."""
    height, width = (
        min(size - first, plane) - max(-first, 0)
        for size, first, plane in (
            (at.in_height, at.top, _height(at)),
            (at.in_width, at.left, 2 * _pitch(at)),
        )
    )
    pairs = outputs * at.rows * -(-at.columns // 2)
    words = at.kernel_width // 2 + 1
    each = "plane.any"
    if at.stride_width > 2:
        each, words = "plane.far", -(-at.kernel_width // 2)
    lines = outputs * at.kernel_height
    return {
        "plane.call": 1,
        "plane.word": _height(at) * _pitch(at),
        "plane.line": at.channels * height,
        "plane.value": at.channels * height * width,
        f"{each}_output": outputs,
        f"{each}_row": outputs * at.rows,
        f"{each}_pair": pairs,
        f"{each}_weight_line": lines,
        f"{each}_weight": lines * at.kernel_width,
        f"{each}_line": pairs * at.kernel_height,
        f"{each}_word": pairs * at.kernel_height * words,
    }


def plane_step(
    operator: Operator, shape: str, at: Positions, layer: DenseLayer, target: Tensor
) -> Step | None:
    """The step of a layer with weights [outputs, kernel], the input's zero point in its bias.

    None if neither kernel can run it.
    """
    if _plane_bytes(at) > MOST_SCRATCH:
        return None
    step = plane_three(at, layer, _pitch(at), _height(at))
    if step:
        report = replace(step.report, operator=operator.name, shape=shape)
        return replace(step, report=report, writes=(Value.of(target), *step.writes[1:]))
    layer = with_one_multiplies(layer)
    if not _fits(at, layer):
        return None
    inner = plain_dense(layer, WHY)
    plane = Value(scratch(layer.target, at.first)[0], _plane_bytes(at))
    step = at_positions(
        replace(inner, report=replace(inner.report, kernel="depthwise_plane")),
        *(operator, shape, at, target, "depthwise_plane"),
        *(("kDense#", str(layer.outputs // at.channels)), "depthwise_plane.h"),
    )
    memory = ("{reinterpret_cast<std::uint32_t*>(", plane, f"), {_pitch(at)}}}")
    return replace(
        step,
        writes=(*step.writes, plane),
        arguments=(*step.arguments, memory),
        work=_work(at, layer.outputs),
    )

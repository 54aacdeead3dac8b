"""CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV, as dense layers run at many positions.

A position sees a patch of the input, padded with the input's zero point; that patch is a dense
layer's input. The plain kernels leave the padding out instead, and take the zero point off.
A transposed convolution of stride s is s * s convolutions, one for each remainder of the output's
coordinates: only the weights that meet an input are left in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tools.convert.dense import DenseLayer, PlainDense, checked_weights, fold, with_steps
from tools.convert.model import Model, Operator, Tensor
from tools.convert.padding import padding
from tools.convert.pairs import INT8, Paired, PairedDense, pair, wide_bytes
from tools.convert.step import Report, Step, Value, scratch
from training.bundle.errors import ConvertError

_MOST_PHASES = 256
"""Convolutions that a transposed one may turn into, each with a record and code of its own."""


@dataclass(frozen=True)
class Positions:
    """The geometry; fields and order of `struct Positions` in convolve.h.

    `first` is the first output value, where positions do not begin at 0.
    """

    in_height: int
    in_width: int
    channels: int
    kernel_height: int
    kernel_width: int
    top: int
    left: int
    stride_height: int
    stride_width: int
    dilation_height: int
    dilation_width: int
    rows: int
    columns: int
    row_step: int
    column_step: int
    padding: int
    first: int = 0

    @property
    def record(self) -> str:
        """The C++ initializer."""
        fields = [int(value) for value in vars(self).values()][:-1]
        return ", ".join(map(str, fields))

    def turned(self) -> Positions:
        """A series as one row instead of one column: the same values, and fewer turns of a loop."""
        if (self.in_width, self.kernel_width, self.columns, self.left) != (1, 1, 1, 0):
            return self
        return Positions(
            *(1, self.in_height, self.channels, 1, self.kernel_height, 0, self.top),
            *(1, self.stride_height, 1, self.dilation_height, 1, self.rows),
            *(0, self.row_step, self.padding, self.first),
        )

    @property
    def in_size(self) -> int:
        """Input values."""
        return self.in_height * self.in_width * self.channels

    @property
    def patch(self) -> int:
        """Values of a patch."""
        return self.kernel_height * self.kernel_width * self.channels

    @property
    def copies(self) -> bool:
        """Whether some patch does not lie in the input in one piece."""
        bottom = self.top + (self.rows - 1) * self.stride_height + self.kernel_height
        right = self.left + (self.columns - 1) * self.stride_width + self.kernel_width
        whole = (
            min(self.top, self.left) >= 0 and bottom <= self.in_height and right <= self.in_width
        )
        piece = self.kernel_height == 1 or self.kernel_width == self.in_width
        dense = max(self.dilation_height, self.dilation_width) == 1
        return not (whole and piece and (dense or self.kernel_height * self.kernel_width == 1))


@dataclass(frozen=True, eq=False)
class Convolution(Step):
    """A dense layer at many positions; `inner` is the step that runs it at one.

    `multiplier` is a depthwise convolution's outputs for each input channel, else 0.
    """

    name: str
    shape: str
    at: Positions
    layer: DenseLayer
    fit: Paired | str
    out_size: int
    multiplier: int = 0

    @property
    def _inner(self) -> PlainDense | PairedDense:
        if isinstance(self.fit, str):
            return PlainDense(self.layer, self.fit)
        return PairedDense(self.fit, self.layer.outputs % 4 == 0)

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 input."""
        return (Value(self.layer.source, self.at.in_size),)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 output; with pairs, room for a patch, its lanes, and lanes of the outputs."""
        return (Value(self.layer.target, self.out_size), *self._scratch.values())

    @property
    def _scratch(self) -> Mapping[str, Value]:
        if isinstance(self.fit, str):
            return {}
        unique = scratch(self.layer.target, self.at.first)
        values = {"lanes": Value(unique[1], wide_bytes(self.layer.inputs), wide=True)}
        if self.at.copies:
            values["patch"] = Value(unique[0], self.at.patch)
        if self.layer.outputs % 4:
            values["sums"] = Value(unique[2], wide_bytes(self.layer.outputs), wide=True)
        return values

    @property
    def headers(self) -> frozenset[str]:
        """The kernels' headers."""
        if isinstance(self.fit, str):
            return frozenset({"convolve.h"})
        return frozenset({"convolve_pairs.h", "pairs.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        inner = self._inner.report
        kernel = "depthwise" if self.multiplier else inner.kernel
        return Report(self.name, self.shape, self._macs, inner.scale, kernel, inner.why)

    @property
    def _macs(self) -> int:
        each = self.layer.inputs * self.layer.outputs
        return each * self.at.rows * self.at.columns

    def shared(self) -> frozenset[str]:
        """The row kernel's form."""
        return self._inner.shared()

    def constants(self, index: int) -> str:
        """The row kernel's constants, and the geometry."""
        geometry = f"const Positions kPositions{index} = {{{self.at.record}}};\n"
        return self._inner.constants(index) + geometry

    def constant_bytes(self) -> int:
        """The row kernel's, and 36."""
        return self._inner.constant_bytes() + 36

    def passes(self) -> tuple[int, int]:
        """The row kernel's, at every position."""
        chain, loop = self._inner.passes()
        return chain * self.at.rows * self.at.columns, loop * self.at.rows * self.at.columns

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        source, target = at[self.reads[0]], at[self.writes[0]]
        target += f" + {self.at.first}" if self.at.first else ""
        if self.multiplier:
            return (
                f"depthwise(kPositions{index}, kDense{index}, {self.multiplier}, {source}, "
                f"{target});"
            )
        if isinstance(self.fit, str):
            return f"convolve(kPositions{index}, kDense{index}, {source}, {target});"
        names = ("patch", "lanes", "sums")
        room = [at[self._scratch[n]] if n in self._scratch else "nullptr" for n in names]
        return (
            f"convolve(kPositions{index}, kPairs{index}, {self.layer.outputs}, {source}, {target}, "
            f"{{{', '.join(room)}}});"
        )


def read_convolution(
    model: Model, operator: Operator, where: str, *, plain: bool
) -> list[Convolution]:
    """The step of a CONV_2D, or ConvertError, one line, for what the engine does not carry."""
    place = f"{where}: {operator.place}"
    source, target, weights, bias = _tensors(model, operator, (0, 1, 2))
    values = checked_weights(place, weights)
    outputs, height, width, channels = _four(place, weights, source, target)
    if channels != source.shape[3] or outputs != target.shape[3]:
        raise ConvertError(f"{place}: weights {list(weights.shape)} do not fit; no groups, please")
    at = _positions(place, operator, source, target, (height, width))
    layer = fold(place, operator, source, weights, values.reshape(outputs, -1), bias, target, 0)
    return [_step(operator.name, at, layer, target, source, plain=plain)]


def read_depthwise(model: Model, operator: Operator, where: str) -> list[Convolution]:
    """The step of a DEPTHWISE_CONV_2D, or ConvertError as above."""
    place = f"{where}: {operator.place}"
    source, target, weights, bias = _tensors(model, operator, (0, 1, 2))
    values = checked_weights(place, weights)
    one, height, width, outputs = _four(place, weights, source, target)
    multiplier, rest = divmod(outputs, source.shape[3])
    if one != 1 or rest or outputs != target.shape[3] or not multiplier:
        raise ConvertError(f"{place}: weights {list(weights.shape)} do not fit its channels")
    at = _positions(place, operator, source, target, (height, width))
    rows = values.reshape(height * width, outputs).T
    layer = fold(place, operator, source, weights, rows, bias, target, 0)
    # The kernel walks through weights [inputs, outputs].
    walked = np.ascontiguousarray(rows.T).reshape(rows.shape)
    step = _step(operator.name, at, layer, target, source, plain=True)
    layer = replace(step.layer, weights=walked)
    why = "four channels at a time" if multiplier == 1 else "a channel at a time"
    return [replace(step, layer=layer, fit=why, multiplier=multiplier)]


def read_transposed(
    model: Model, operator: Operator, where: str, *, plain: bool
) -> list[Convolution]:
    """The steps of a TRANSPOSE_CONV, or ConvertError as above."""
    place = f"{where}: {operator.place}"
    source, target, weights, bias = _tensors(model, operator, (2, 1, 3))
    values = checked_weights(place, weights)
    outputs, height, width, channels = _four(place, weights, source, target)
    if channels != source.shape[3] or outputs != target.shape[3]:
        raise ConvertError(f"{place}: weights {list(weights.shape)} do not fit its channels")
    strides = operator.option("stride_h"), operator.option("stride_w")
    if min(strides) < 1 or max(strides) * min(strides) > _MOST_PHASES:
        raise ConvertError(
            f"{place}: strides of {strides[0]} and {strides[1]}: each must be 1 or more, their "
            f"product at most {_MOST_PHASES}"
        )
    steps = []
    _, in_height, in_width, channels = source.shape
    _, out_height, out_width, _ = target.shape
    for y in range(min(strides[0], out_height)):
        rows = _phase(operator, height, strides[0], out_height, y)
        for x in range(min(strides[1], out_width)):
            columns = _phase(operator, width, strides[1], out_width, x)
            taps = values[:, rows.taps][:, :, columns.taps] * np.int8(rows.any and columns.any)
            at = Positions(
                *(in_height, in_width, channels),
                *(len(rows.taps), len(columns.taps), rows.begin, columns.begin),
                *(1, 1, 1, 1, rows.count, columns.count),
                *(strides[0] * out_width * outputs, strides[1] * outputs),
                source.zero_point,
                (y * out_width + x) * outputs,
            )
            layer = fold(
                place, operator, source, weights, taps.reshape(outputs, -1), bias, target, 0
            )
            steps.append(_step(operator.name, at, layer, target, source, plain=plain))
    return steps


def dense_rows(layer: DenseLayer, rows: int, source: Tensor, *, plain: bool) -> Convolution:
    """A FULLY_CONNECTED on several rows: a convolution with a kernel of one pixel."""
    at = Positions(
        *(rows, 1, layer.inputs, 1, 1, 0, 0, 1, 1, 1, 1, rows, 1),
        *(layer.outputs, layer.outputs, source.zero_point),
    )
    shape = f"{rows} x ({layer.shape})"
    layer, fit = _fitted(layer, source, plain)
    return Convolution("FULLY_CONNECTED", shape, at.turned(), layer, fit, rows * layer.outputs)


@dataclass(frozen=True)
class _Phase:
    """Along one axis: which taps of the kernel meet inputs, last first, and where they begin."""

    taps: list[int]
    begin: int
    count: int
    any: bool


def _phase(operator: Operator, kernel: int, stride: int, size: int, at: int) -> _Phase:
    before = padding(operator, size, kernel, stride, 1).before
    # Output o gets tap k of input (o + before - k) / stride, where that is whole.
    taps = [k for k in reversed(range(kernel)) if (at + before - k) % stride == 0]
    count = -(-(size - at) // stride)
    if not taps:
        return _Phase([0], 0, count, any=False)
    return _Phase(taps, (at + before - taps[0]) // stride, count, any=True)


def _tensors(
    model: Model, operator: Operator, which: tuple[int, int, int]
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    given = operator.inputs
    bias = model.tensor(given[which[2]]) if len(given) > which[2] else None
    target = model.tensors[operator.outputs[0]]
    return model.tensors[given[which[0]]], target, model.tensors[given[which[1]]], bias


def _four(place: str, weights: Tensor, source: Tensor, target: Tensor) -> tuple[int, int, int, int]:
    """The weights' shape, once all three tensors have four dimensions and one image."""
    if not all(len(each.shape) == 4 and each.size for each in (weights, source, target)):
        raise ConvertError(f"{place}: input, weights and output must have four dimensions")
    if source.shape[0] != 1 or target.shape[0] != 1:
        raise ConvertError(f"{place}: {source.shape[0]} images at once, must be 1")
    if max(*source.shape, *target.shape, *weights.shape) > 32767:
        raise ConvertError(f"{place}: a side above 32767")
    return weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3]


def _positions(
    place: str, operator: Operator, source: Tensor, target: Tensor, kernel: tuple[int, int]
) -> Positions:
    _, in_height, in_width, channels = source.shape
    _, rows, columns, outputs = target.shape
    strides = operator.option("stride_h"), operator.option("stride_w")
    dilations = operator.option("dilation_h"), operator.option("dilation_w")
    if not all(1 <= each <= 255 for each in (*strides, *dilations)):
        raise ConvertError(f"{place}: a stride or dilation outside 1..255")
    y = padding(operator, in_height, kernel[0], strides[0], dilations[0])
    x = padding(operator, in_width, kernel[1], strides[1], dilations[1])
    if (y.count, x.count) != (rows, columns):
        raise ConvertError(f"{place}: output {list(target.shape)} does not fit its input")
    return Positions(
        *(in_height, in_width, channels, *kernel, -y.before, -x.before, *strides, *dilations),
        *(rows, columns, columns * outputs, outputs, source.zero_point),
    )


def _step(
    name: str, at: Positions, layer: DenseLayer, target: Tensor, source: Tensor, *, plain: bool
) -> Convolution:
    kernel = f"{at.kernel_height}x{at.kernel_width}"
    sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (source, target)]
    suffix = "" if layer.activation == "none" else f", {layer.activation}"
    shape = f"{sizes[0]} -> {sizes[1]}, {kernel}{suffix}"
    layer, fit = _fitted(layer, source, plain)
    return Convolution(name, shape, at.turned(), layer, fit, target.size)


def _fitted(layer: DenseLayer, source: Tensor, plain: bool) -> tuple[DenseLayer, Paired | str]:
    """The layer as its kernel takes it, and how that is.

    A plain kernel takes the zero point off its inputs, so it is not in the bias.
    """
    fit = "plain: asked for" if plain else pair(layer, INT8)
    if isinstance(fit, str):
        rows = layer.weights.sum(1, dtype=np.int64)
        layer = with_steps(layer)
        layer = replace(layer, bias=layer.bias + source.zero_point * rows)
    return layer, fit

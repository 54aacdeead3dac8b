"""Operators that only move values: slices, joins and resizing to the nearest pixel.

A slice that lies in its input in one piece takes no code at all: it is a view of that memory. So
is an input of a join that lies in the output in one piece.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert.model import Model, Operator, Tensor
from tools.convert.step import Report, Step, TensorStep, Value
from training.bundle.errors import ConvertError


@dataclass(frozen=True)
class Runs:
    """`count` runs of `bytes` each; the first at `start`, the next `step` further."""

    count: int
    bytes: int
    start: int
    step: int


@dataclass(frozen=True)
class Move:
    """Values of tensor `source` that go to tensor `target`; one side of them is contiguous."""

    source: Tensor
    target: Tensor
    taken: Runs
    put: Runs

    @property
    def whole(self) -> bool:
        """Whether they lie in one piece on both sides."""
        return all(runs.count == 1 or runs.step == runs.bytes for runs in (self.taken, self.put))


@dataclass(frozen=True, eq=False)
class Copy(Step):
    """A move that takes a copy."""

    name: str
    move: Move

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 input."""
        return (Value(self.move.source.index, self.move.source.size),)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 output."""
        return (Value(self.move.target.index, self.move.target.size),)

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"copy.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        taken = self.move.taken
        return Report(self.name, f"{taken.count} x {taken.bytes}", 0, "-", "copy", "-")

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        taken, put = self.move.taken, self.move.put
        runs = f"{{{taken.count}, {taken.bytes}, {taken.step}, {put.step}}}"
        source, target = at[self.reads[0]], at[self.writes[0]]
        source += f" + {taken.start}" if taken.start else ""
        target += f" + {put.start}" if put.start else ""
        return f"copy({runs}, {source}, {target});"


@dataclass(frozen=True, eq=False)
class Resize(TensorStep):
    """RESIZE_NEAREST_NEIGHBOR."""

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"copy.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (self.source, self.target)]
        shape = f"{sizes[0]} -> {sizes[1]}"
        scale = f"{self.target.scale:.4g}"
        return Report("RESIZE_NEAREST_NEIGHBOR", shape, 0, scale, "resize_nearest", "-")

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        _, rows, columns, channels = self.source.shape
        record = (
            f"{{{rows}, {columns}, {self.target.shape[1]}, {self.target.shape[2]}, {channels}}}"
        )
        return f"resize_nearest({record}, {at[self.reads[0]]}, {at[self.writes[0]]});"


def read_resize(model: Model, operator: Operator, where: str) -> list[Step]:
    """The step of a RESIZE_NEAREST_NEIGHBOR; ConvertError for what the engine does not carry."""
    place = f"{where}: {operator.place}"
    source, target = model.tensors[operator.inputs[0]], model.tensors[operator.outputs[0]]
    _check_alike(place, source, target)
    if (
        len(source.shape) != 4
        or len(target.shape) != 4
        or max(*source.shape, *target.shape) > 65535
    ):
        raise ConvertError(f"{place}: input and output must have four dimensions below 65536")
    if (source.shape[0], source.shape[3], target.shape[0]) != (1, target.shape[3], 1):
        raise ConvertError(f"{place}: output {list(target.shape)} does not fit its input")
    if operator.option("align_corners") or operator.option("half_pixel_centers"):
        raise ConvertError(f"{place}: align_corners and half_pixel_centers must be off")
    for inner, outer in zip(source.shape[1:3], target.shape[1:3], strict=True):
        # TensorFlow Lite computes in single precision; the kernel in integers.
        at = np.arange(outer)
        single = np.floor(at.astype(np.float32) * (np.float32(inner) / np.float32(outer)))
        if (np.minimum(single.astype(int), inner - 1) != at * inner // outer).any():
            raise ConvertError(f"{place}: from {inner} to {outer}; enlarge by a whole number")
    return [Resize(source, target)]


def read_moves(model: Model, operator: Operator, where: str) -> list[Move]:
    """The moves of SPLIT, SPLIT_V, UNPACK, STRIDED_SLICE, CONCATENATION and PACK.

    Raises ConvertError, one line, for what the compiled engine does not carry.
    """
    place = f"{where}: {operator.place}"
    outputs = [model.tensors[i] for i in operator.outputs]
    if operator.name in {"CONCATENATION", "PACK"}:
        inputs = [model.tensors[i] for i in operator.inputs]
        if operator.activation != "none":
            raise ConvertError(f"{place}: fused {operator.activation}; use none")
        return _join(place, inputs, outputs[0], operator)
    if operator.name == "STRIDED_SLICE":
        return [_slice(place, model, operator)]
    axis = _axis(place, model, operator)
    source = model.tensors[operator.inputs[1 if operator.name == "SPLIT" else 0]]
    return _split(place, source, outputs, axis)


def _split(place: str, source: Tensor, outputs: list[Tensor], axis: int) -> list[Move]:
    axis += len(source.shape) if axis < 0 else 0
    if not 0 <= axis < len(source.shape):
        raise ConvertError(f"{place}: axis {axis} of shape {list(source.shape)}")
    count = math.prod(source.shape[:axis])
    step = source.size // max(count, 1)
    moves, start = [], 0
    for target in outputs:
        _check_alike(place, source, target)
        size = target.size // max(count, 1)
        moves.append(
            Move(source, target, Runs(count, size, start, step), Runs(count, size, 0, size))
        )
        start += size
    if start != step or sum(target.size for target in outputs) != source.size:
        raise ConvertError(f"{place}: its outputs are not its whole input")
    return moves


def _join(place: str, inputs: list[Tensor], target: Tensor, operator: Operator) -> list[Move]:
    if any(each.data is not None for each in inputs):
        raise ConvertError(f"{place}: it joins a constant, which the compiled engine does not")
    axis = operator.option("axis")
    axis += len(target.shape) if axis < 0 else 0
    if not 0 <= axis < len(target.shape):
        raise ConvertError(f"{place}: axis {axis} of shape {list(target.shape)}")
    # The same runs as a split of the output.
    return [
        Move(move.target, move.source, move.put, move.taken)
        for move in _split(place, target, inputs, axis)
    ]


def _slice(place: str, model: Model, operator: Operator) -> Move:
    source, target = model.tensors[operator.inputs[0]], model.tensors[operator.outputs[0]]
    _check_alike(place, source, target)
    rank = len(source.shape)
    begin, end, strides = (
        _constants(place, model, i, what, rank)
        for i, what in zip(operator.inputs[1:4], ("begin", "end", "strides"), strict=True)
    )
    if operator.option("ellipsis_mask") or operator.option("new_axis_mask"):
        raise ConvertError(f"{place}: an ellipsis or a new axis")
    taken = np.arange(source.size).reshape(source.shape)
    for i, side in enumerate(source.shape):
        bit = 1 << i
        first = 0 if operator.option("begin_mask") & bit else begin[i]
        last = side if operator.option("end_mask") & bit else end[i]
        first, last = (min(max(v + side if v < 0 else v, 0), side) for v in (first, last))
        if operator.option("shrink_axis_mask") & bit:
            last = first + 1
        if strides[i] < 1:
            raise ConvertError(f"{place}: a stride of {strides[i]}, must be 1 or more")
        taken = taken.take(range(first, min(last, side), strides[i]), axis=i)
    if taken.size != target.size or not taken.size:
        raise ConvertError(f"{place}: output {list(target.shape)} does not fit the slice")
    runs = _runs(taken.ravel())
    if runs is None:
        raise ConvertError(f"{place}: it takes values at uneven distances; slice fewer sides")
    return Move(source, target, runs, Runs(runs.count, runs.bytes, 0, runs.bytes))


def _runs(taken: NDArray[np.int64]) -> Runs | None:
    """Indices as runs of one length at one distance, if they are."""
    starts = np.flatnonzero(np.diff(taken, prepend=taken[0] - 2) != 1)
    lengths = np.diff(starts, append=len(taken))
    steps = np.diff(taken[starts])
    if (lengths != lengths[0]).any() or (steps != steps[:1]).any():
        return None
    size = int(lengths[0])
    return Runs(len(starts), size, int(taken[0]), int(steps[0]) if len(steps) else size)


def _axis(place: str, model: Model, operator: Operator) -> int:
    if operator.name == "UNPACK":
        return operator.option("axis")
    at = operator.inputs[0 if operator.name == "SPLIT" else 2]
    return _constants(place, model, at, "axis", 1)[0]


def _constants(place: str, model: Model, index: int, what: str, count: int) -> list[int]:
    """An operand that says where values lie: `count` int32 constants.

    Raises ConvertError for values that only the board would know, and for other types: TensorFlow
    Lite Micro reads these operands as int32 whatever they are.
    """
    given = model.tensor(index)
    if given is None or given.data is None or given.dtype != "int32" or given.size != count:
        raise ConvertError(f"{place}: its {what} must be {count} int32 constants")
    return [int(value) for value in given.data.ravel()]


def _check_alike(place: str, source: Tensor, target: Tensor) -> None:
    if source.dtype != "int8" or target.dtype != "int8":
        raise ConvertError(f"{place}: it moves {source.dtype}, must be int8")
    alike = (source.scale, source.zero_point) == (target.scale, target.zero_point)
    if len(source.scales) != 1 or len(target.scales) != 1 or not alike:
        raise ConvertError(f"{place}: input and output must have the same scale and zero point")

"""Operators that only move values: reshapes, slices, splits and joins.

A slice that is contiguous in its input needs no code: it is a view of that memory. So is an input
of a join that is contiguous in the output. Other values are copied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert.graph import Operator, Tensor
from tools.convert.operator_kind import OperatorKind
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value
from tools.convert.work import added, memcpy


@dataclass(frozen=True)
class Runs:
    """`count` runs of `bytes` each; the first begins at `start`, the next `step` further."""

    count: int
    bytes: int
    start: int
    step: int


@dataclass(frozen=True)
class Move:
    """Values of `source` at `taken` that go to `target` at `put`; one of the two is contiguous."""

    source: Tensor
    target: Tensor
    taken: Runs
    put: Runs

    @property
    def contiguous(self) -> bool:
        """Whether the values are contiguous on both sides."""
        return all(runs.count == 1 or runs.step == runs.bytes for runs in (self.taken, self.put))


def _plan_reshape(planner: Planner, operator: Operator) -> None:
    source, target = planner.model.ends(operator)
    if source.size != target.size:
        raise planner.refusal(operator, "it changes the number of values")
    whole = Runs(1, source.size, 0, source.size)
    _add(planner, operator.name, Move(source, target, whole, whole))


def _plan_join(planner: Planner, operator: Operator) -> None:
    model = planner.model
    target = model.tensors[operator.outputs[0]]
    inputs = [model.tensors[i] for i in operator.inputs]
    if operator.activation != "none":
        raise planner.refusal(operator, f"fused {operator.activation}; use none")
    if any(tensor.data is not None for tensor in inputs):
        raise planner.refusal(operator, "it joins a constant; join activations only")
    # The same runs as a split of the output.
    for move in _split(planner, operator, target, inputs, operator.option("axis")):
        _add(planner, operator.name, Move(move.target, move.source, move.put, move.taken))


def _plan_split(planner: Planner, operator: Operator) -> None:
    source, axis = (1, 0) if operator.name == "SPLIT" else (0, 2)
    _plan_parts(planner, operator, source, constants(planner, operator, axis, "axis", 1)[0])


def _plan_unpack(planner: Planner, operator: Operator) -> None:
    _plan_parts(planner, operator, 0, operator.option("axis"))


def _plan_parts(planner: Planner, operator: Operator, source: int, axis: int) -> None:
    tensors = planner.model.tensors
    outputs = [tensors[i] for i in operator.outputs]
    for move in _split(planner, operator, tensors[operator.inputs[source]], outputs, axis):
        _add(planner, operator.name, move)


def _plan_slice(planner: Planner, operator: Operator) -> None:
    source, target = planner.model.ends(operator)
    planner.check_moves(operator, source, target)
    rank = len(source.shape)
    begin, end, strides = (
        constants(planner, operator, position, name, rank)
        for position, name in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    if operator.option("ellipsis_mask") or operator.option("new_axis_mask"):
        raise planner.refusal(operator, "ellipsis and new axes are not supported")
    taken = np.arange(source.size).reshape(source.shape)
    for i, side in enumerate(source.shape):
        bit = 1 << i
        first = 0 if operator.option("begin_mask") & bit else begin[i]
        last = side if operator.option("end_mask") & bit else end[i]
        first, last = (min(max(v + side if v < 0 else v, 0), side) for v in (first, last))
        if operator.option("shrink_axis_mask") & bit:
            last = first + 1
        if strides[i] < 1:
            raise planner.refusal(operator, f"a stride of {strides[i]}, must be 1 or more")
        taken = taken.take(range(first, min(last, side), strides[i]), axis=i)
    if taken.size != target.size or not taken.size:
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit the slice")
    runs = _runs(taken.ravel())
    if runs is None:
        raise planner.refusal(operator, "it takes values at uneven distances; slice fewer sides")
    put = Runs(runs.count, runs.bytes, 0, runs.bytes)
    _add(planner, operator.name, Move(source, target, runs, put))


def _add(planner: Planner, name: str, move: Move) -> None:
    """Make a view of the move where that is possible, a copy where it is not."""
    source, target = move.source, move.target
    views, output = planner.views, planner.model.output.index
    base = views.name(source.index)
    # Only a step's own memory can be chosen, not the caller's windows.
    free = base not in views.parts and base not in (planner.model.input.index, views.name(output))
    fills = move.put.count * move.put.bytes == target.size
    is_output = target.index == output
    if not move.contiguous or (fills and is_output and source.size != target.size):
        planner.steps.append(_copy(name, move))
    elif fills and (not is_output or free):
        if source.size == target.size:
            views.same[target.index] = base
        else:
            views.parts[target.index] = (base, move.taken.start)
    elif not fills and free:
        views.parts[base] = (target.index, move.put.start)
    else:
        planner.steps.append(_copy(name, move))


def _copy(name: str, move: Move) -> Step:
    taken, put = move.taken, move.put
    read, written = Value.of(move.source), Value.of(move.target)
    return Step(
        Report(name, f"{taken.count} x {taken.bytes}", 0, "-", "copy", "-"),
        (read,),
        (written,),
        "copy",
        (
            f"{{{taken.count}, {taken.bytes}, {taken.step}, {put.step}}}",
            (read, f" + {taken.start}" if taken.start else ""),
            (written, f" + {put.start}" if put.start else ""),
        ),
        frozenset({"copy.h"}),
        work=added({"copy.call": 1, "copy.run": taken.count}, memcpy(taken.bytes, taken.count)),
    )


def _split(
    planner: Planner, operator: Operator, source: Tensor, outputs: list[Tensor], axis: int
) -> list[Move]:
    rank = len(source.shape)
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank:
        raise planner.refusal(operator, f"axis {axis} of shape {list(source.shape)}")
    count = math.prod(source.shape[:axis])
    step = source.size // max(count, 1)
    if operator.options.get("count", len(outputs)) != len(outputs):
        raise planner.refusal(operator, f"{len(outputs)} parts, but its option is another number")
    moves, start = [], 0
    for target in outputs:
        planner.check_moves(operator, source, target)
        # UNPACK and PACK: the part lacks the axis.
        shape = target.shape if len(target.shape) < rank else _without(target.shape, axis)
        if shape != _without(source.shape, axis):
            raise planner.refusal(
                operator,
                f"a part {list(target.shape)} does not fit {list(source.shape)} along axis {axis}",
            )
        size = target.size // max(count, 1)
        taken, put = Runs(count, size, start, step), Runs(count, size, 0, size)
        moves.append(Move(source, target, taken, put))
        start += size
    if start != step or sum(target.size for target in outputs) != source.size:
        raise planner.refusal(operator, "its parts do not make up the whole tensor")
    return moves


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _runs(taken: NDArray[np.int64]) -> Runs | None:
    """Indices as runs of one length at one distance; None if they are not."""
    starts = np.flatnonzero(np.diff(taken, prepend=taken[0] - 2) != 1)
    lengths = np.diff(starts, append=len(taken))
    steps = np.diff(taken[starts])
    if (lengths != lengths[0]).any() or (steps != steps[:1]).any():
        return None
    size = int(lengths[0])
    return Runs(len(starts), size, int(taken[0]), int(steps[0]) if len(steps) else size)


def constants(
    planner: Planner, operator: Operator, position: int, name: str, count: int
) -> list[int]:
    """Input number `position`: `count` int32 constants.

    TensorFlow Lite Micro reads these inputs as int32 whatever their type.
    """
    index = operator.inputs[position] if position < len(operator.inputs) else -1
    tensor = planner.model.tensor(index)
    if tensor is None or tensor.data is None or tensor.dtype != "int32" or tensor.size != count:
        raise planner.refusal(operator, f"its {name} must be {count} int32 constants")
    return [int(value) for value in tensor.data.ravel()]


_COUNTED = {"count": (0, "int32", 0), "axis": (1, "int32", 0)}
_MASKS = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")

KINDS = {
    "RESHAPE": OperatorKind("AddReshape", _plan_reshape),
    "SQUEEZE": OperatorKind("AddSqueeze", _plan_reshape),
    "EXPAND_DIMS": OperatorKind("AddExpandDims", _plan_reshape),
    "SPLIT": OperatorKind("AddSplit", _plan_split, inputs=2),
    "SPLIT_V": OperatorKind("AddSplitV", _plan_split, inputs=3),
    "UNPACK": OperatorKind("AddUnpack", _plan_unpack, _COUNTED),
    "STRIDED_SLICE": OperatorKind(
        "AddStridedSlice",
        _plan_slice,
        {f"{name}_mask": (i, "int32", 0) for i, name in enumerate(_MASKS)},
        inputs=4,
    ),
    "PACK": OperatorKind("AddPack", _plan_join, _COUNTED),
    "CONCATENATION": OperatorKind(
        "AddConcatenation", _plan_join, {"axis": (0, "int32", 0), "activation": (1, "int8", 0)}
    ),
}

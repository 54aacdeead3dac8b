"""Operators that move values on a grid: transposes, padding, and blocks between space and batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.convert.graph import Operator, Tensor
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators.data_movement import constants
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value
from tools.convert.work import Work, added, memcpy, memset

_SIDES = 4
"""Dimensions of `Grid` in copy.h, besides the run of bytes."""

GRID_BYTES = 52
"""sizeof(Grid) in copy.h."""


@dataclass(frozen=True)
class _Axis:
    """One dimension of a grid; `take` and `put` are the distances of neighbours on both sides."""

    side: int
    take: int
    put: int


def _steps(shape: Sequence[int]) -> list[int]:
    """The distance between neighbours along each dimension."""
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]


def _merged(axes: Sequence[_Axis]) -> list[_Axis]:
    """The same grid in as few dimensions as possible."""
    merged: list[_Axis] = []
    for axis in axes:
        if axis.side == 1:
            continue
        last = merged[-1] if merged else None
        if last and (last.take, last.put) == (axis.take * axis.side, axis.put * axis.side):
            merged[-1] = _Axis(last.side * axis.side, axis.take, axis.put)
        else:
            merged.append(axis)
    return merged


def _add(
    planner: Planner,
    operator: Operator,
    ends: tuple[Tensor, Tensor],
    axes: Sequence[_Axis],
    starts: tuple[int, int] = (0, 0),
) -> None:
    """Add the step that copies a grid of values, from `starts` of input and output on."""
    merged = _merged(axes)
    run = 1
    if merged and (merged[-1].take, merged[-1].put) == (1, 1):
        run = merged.pop().side
    if len(merged) > _SIDES:
        raise planner.refusal(operator, f"more than {_SIDES + 1} dimensions cannot be merged")
    whole = [_Axis(1, 0, 0)] * (_SIDES - len(merged)) + merged
    fields = [[getattr(axis, name) for axis in whole] for name in ("side", "take", "put")]
    record = ", ".join("{" + ", ".join(map(str, field)) + "}" for field in fields)
    read, written = (Value.of(tensor) for tensor in ends)
    sides = "x".join(str(axis.side) for axis in merged) or "1"
    planner.steps.append(
        Step(
            Report(operator.name, f"{sides} x {run}", 0, "-", "copy_grid", "-"),
            (read,),
            (written,),
            "copy_grid",
            (
                "kGrid#",
                (read, f" + {starts[0]}" if starts[0] else ""),
                (written, f" + {starts[1]}" if starts[1] else ""),
            ),
            frozenset({"copy.h"}),
            constants=f"const Grid kGrid# = {{{record}, {run}}};\n",
            constant_bytes=GRID_BYTES,
            work=_grid_work([axis.side for axis in whole], run),
        )
    )


def _fill(planner: Planner, operator: Operator, target: Tensor, value: int) -> None:
    written = Value.of(target)
    planner.steps.append(
        Step(
            Report(operator.name, str(target.size), 0, "-", "fill", "-"),
            (),
            (written,),
            "fill",
            (str(value), written, str(target.size)),
            frozenset({"copy.h"}),
            work=added({"fill.call": 1}, memset(target.size, 1)),
        )
    )


def _grid_work(sides: Sequence[int], run: int) -> Work:
    """copy_grid() of copy.cpp: its four loops, and runs of bytes."""
    loops = [math.prod(sides[: i + 1]) for i in range(len(sides))]
    work: dict[str, float] = {f"copy_grid.loop_{i}": times for i, times in enumerate(loops)}
    if run == 1:
        return work | {"copy_grid.call": 1, "copy_grid.byte": loops[-1]}
    return added(work, {"copy_grid.call": 1, "copy_grid.run": loops[-1]}, memcpy(run, loops[-1]))


def _ends(planner: Planner, operator: Operator) -> tuple[Tensor, Tensor]:
    source, target = planner.model.ends(operator)
    planner.check_moves(operator, source, target)
    return source, target


def _plan_transpose(planner: Planner, operator: Operator) -> None:
    source, target = _ends(planner, operator)
    rank = len(source.shape)
    order = [i % max(rank, 1) for i in constants(planner, operator, 1, "order", rank)]
    if sorted(order) != list(range(rank)) or target.shape != tuple(source.shape[i] for i in order):
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its order")
    take = _steps(source.shape)
    axes = [
        _Axis(source.shape[i], take[i], put)
        for i, put in zip(order, _steps(target.shape), strict=True)
    ]
    _add(planner, operator, (source, target), axes)


def _plan_pad(planner: Planner, operator: Operator) -> None:
    source, target = _ends(planner, operator)
    rank = len(source.shape)
    padding = constants(planner, operator, 1, "padding", 2 * rank)
    value = target.zero_point
    if operator.name == "PADV2":
        given = planner.model.tensor(operator.inputs[2])
        if given is None or given.data is None or given.dtype != "int8" or given.size != 1:
            raise planner.refusal(operator, "its value must be an int8 constant")
        if not given.quantized or not given.same_grid(source):
            raise planner.refusal(operator, "its value must have the input's scale")
        value = int(given.data.ravel()[0])
    before, after = padding[0::2], padding[1::2]
    sides = tuple(b + s + a for b, s, a in zip(before, source.shape, after, strict=True))
    if min([*padding, 0]) < 0 or target.shape != sides:
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its padding")
    put = _steps(target.shape)
    axes = [_Axis(*each) for each in zip(source.shape, _steps(source.shape), put, strict=True)]
    start = sum(b * p for b, p in zip(before, put, strict=True))
    _fill(planner, operator, target, value)
    _add(planner, operator, (source, target), axes, (0, start))


def _plan_slice(planner: Planner, operator: Operator) -> None:
    source, target = _ends(planner, operator)
    rank = len(source.shape)
    begin = constants(planner, operator, 1, "begin", rank)
    size = constants(planner, operator, 2, "size", rank)
    size = [s - b if n < 0 else n for s, b, n in zip(source.shape, begin, size, strict=True)]
    inside = all(b >= 0 and b + n <= s for s, b, n in zip(source.shape, begin, size, strict=True))
    if not inside or target.shape != tuple(size):
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit the slice")
    take = _steps(source.shape)
    axes = [_Axis(*each) for each in zip(size, take, _steps(target.shape), strict=True)]
    start = sum(b * t for b, t in zip(begin, take, strict=True))
    _add(planner, operator, (source, target), axes, (start, 0))


def _plan_blocks(planner: Planner, operator: Operator) -> None:
    """SPACE_TO_BATCH_ND or BATCH_TO_SPACE_ND: one grid for each position in a block."""
    source, target = _ends(planner, operator)
    to_batch = operator.name == "SPACE_TO_BATCH_ND"
    space, batch = (source, target) if to_batch else (target, source)
    count = len(space.shape) - 2
    if count not in (1, 2) or len(batch.shape) != len(space.shape):
        raise planner.refusal(operator, "input and output must have three or four dimensions")
    blocks = constants(planner, operator, 1, "block", count)
    edges = constants(planner, operator, 2, "padding", 2 * count)
    whole = [edges[2 * i] + space.shape[1 + i] + edges[2 * i + 1] for i in range(count)]
    fits = [
        block >= 1 and edge == block * side
        for block, edge, side in zip(blocks, whole, batch.shape[1:-1], strict=True)
    ]
    if (
        not all(fits)
        or min(edges) < 0
        or batch.shape[0] != space.shape[0] * math.prod(blocks)
        or batch.shape[-1] != space.shape[-1]
    ):
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its blocks")
    in_space, in_batch = _steps(space.shape), _steps(batch.shape)
    if to_batch and any(edges):
        raise planner.refusal(
            operator, "TensorFlow Lite Micro leaves the value of its padding undefined; use a PAD"
        )
    for number, residue in enumerate(itertools.product(*map(range, blocks))):
        axes = [_Axis(space.shape[0], in_space[0], in_batch[0])]
        starts = [0, number * space.shape[0] * in_batch[0]]
        for i, (block, first) in enumerate(zip(blocks, residue, strict=True)):
            # Position p of the batch's axis holds position p * block + first - before of space's.
            before = edges[2 * i]
            low = -(-max(before - first, 0) // block)
            high = -(-(space.shape[1 + i] + before - first) // block)
            if high <= low:
                break
            axes.append(_Axis(high - low, block * in_space[1 + i], in_batch[1 + i]))
            starts[0] += (low * block + first - before) * in_space[1 + i]
            starts[1] += low * in_batch[1 + i]
        else:
            axes.append(_Axis(space.shape[-1], 1, 1))
            if not to_batch:
                axes = [_Axis(axis.side, axis.put, axis.take) for axis in axes]
                starts.reverse()
            _add(planner, operator, (source, target), axes, (starts[0], starts[1]))


KINDS = {
    "BATCH_TO_SPACE_ND": OperatorKind(None, _plan_blocks, inputs=3),
    "PAD": OperatorKind("AddPad", _plan_pad, inputs=2),
    "PADV2": OperatorKind(None, _plan_pad, inputs=3),
    "SLICE": OperatorKind("AddSlice", _plan_slice, inputs=3),
    "SPACE_TO_BATCH_ND": OperatorKind(None, _plan_blocks, inputs=3),
    "TRANSPOSE": OperatorKind("AddTranspose", _plan_transpose, inputs=2),
}

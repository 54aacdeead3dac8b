"""Where each value of the compiled engine lives: the caller's windows, or one static arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.convert.step import Step, Value
from training.errors import ConvertError

ALIGN = 8
"""Bytes; every value in the arena begins at a multiple."""


@dataclass(frozen=True)
class Memory:
    """`places` gives each value `input`, `output` or its arena offset in bytes."""

    places: Mapping[Value, str | int]
    arena_bytes: int


def lay_out(
    steps: Sequence[Step], same: Mapping[int, int], source: int, target: int, where: str
) -> Memory:
    """Place values so that those alive at the same time never overlap, large ones first.

    `same` maps a tensor to the one whose memory it shares; `source` and `target` are the model's
    input and output tensors. Raises ConvertError if the output is computed by no step.
    """

    def root(value: Value) -> Value:
        return Value(same.get(value.tensor, value.tensor), value.bytes, value.wide)

    begin: dict[Value, int] = {}
    end: dict[Value, int] = {}
    size: dict[Value, int] = {}
    for i, step in enumerate(steps):
        for value in map(root, (*step.reads, *step.writes)):
            size[value] = max(size.get(value, 0), value.bytes)
            begin.setdefault(value, i)
            end[value] = i
    first, last = root(Value(source, 0)), root(Value(target, 0))
    if last not in begin or last == first:
        raise ConvertError(f"{where}: no operator computes the model's output")

    # An operator that may work in place does, where nobody else needs its input.
    home = {value: value for value in begin}
    for i in reversed(range(len(steps))):
        step = steps[i]
        if step.in_place:
            read, write = root(step.reads[0]), root(step.writes[0])
            if end[read] == i and read not in (first, last):
                home[read] = home[write]

    spans: dict[Value, tuple[int, int, int]] = {}
    for value, at in home.items():
        if at in (first, last):
            continue
        b, e, s = spans.get(at, (begin[value], end[value], 0))
        spans[at] = (min(b, begin[value]), max(e, end[value]), max(s, size[value]))
    offsets = _pack(spans)
    places: dict[Value, str | int] = {}
    for step in steps:
        for value in (*step.reads, *step.writes):
            at = home[root(value)]
            places[value] = "input" if at == first else "output" if at == last else offsets[at]
    total = max((offsets[at] + spans[at][2] for at in spans), default=0)
    return Memory(places, total)


def _pack(spans: Mapping[Value, tuple[int, int, int]]) -> dict[Value, int]:
    offsets: dict[Value, int] = {}
    for value in sorted(spans, key=lambda v: (-spans[v][2], spans[v][0], v.tensor, v.wide)):
        b, e, size = spans[value]
        taken = sorted(
            (offsets[o], offsets[o] + spans[o][2])
            for o in offsets
            if spans[o][0] <= e and b <= spans[o][1]
        )
        at = 0
        for start, stop in taken:
            if at + size <= start:
                break
            at = max(at, -(-stop // ALIGN) * ALIGN)
        offsets[value] = at
    return offsets

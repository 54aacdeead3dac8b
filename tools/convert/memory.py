"""Where each value of the compiled engine lives: the caller's windows, or one static arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.convert.step import Step, Value
from training.bundle.errors import ConvertError

ALIGN = 8
"""Bytes; every value in the arena begins at a multiple."""


@dataclass(frozen=True)
class Memory:
    """`places` gives each value `input`, `output`, `input + 5`, or its arena offset in bytes."""

    places: Mapping[Value, str | int]
    arena_bytes: int


@dataclass
class Views:
    """Tensors that have no memory of their own: `same` as another, or `parts` of one.

    `same` maps a tensor to the one whose memory is its own, `parts` to the one that holds it and
    to the first byte there. A tensor is in one of them at most. Lanes (wide) have no parts.
    """

    same: dict[int, int] = field(default_factory=dict)
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def name(self, tensor: int) -> int:
        """The tensor that stands for all with the same memory."""
        while tensor in self.same:
            tensor = self.same[tensor]
        return tensor

    def find(self, value: Value) -> tuple[Value, int]:
        """The value that holds `value`, and the first byte there."""
        tensor, at = self.name(value.tensor), 0
        while not value.wide and tensor in self.parts:
            tensor, first = self.parts[tensor]
            tensor, at = self.name(tensor), at + first
        return Value(tensor, value.bytes + at, value.wide), at


def lay_out(steps: Sequence[Step], views: Views, source: int, target: int, where: str) -> Memory:
    """Place values so that those alive at the same time never overlap, large ones first.

    `source` and `target` are the model's input and output tensors. Raises ConvertError if the
    output is computed by no step.
    """

    def root(value: Value) -> Value:
        return views.find(value)[0]

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
            whole = [
                views.name(v.tensor) not in views.parts for v in (step.reads[0], step.writes[0])
            ]
            read, write = root(step.reads[0]), root(step.writes[0])
            others = map(root, step.reads[1:])
            if end[read] == i and all(whole) and read not in (first, last, *others):
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
            held, part = views.find(value)
            at = home[held]
            if at in (first, last):
                places[value] = ("input" if at == first else "output") + (
                    f" + {part}" if part else ""
                )
            else:
                places[value] = offsets[at] + part
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

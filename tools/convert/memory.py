"""Memory of the compiled engine's values: the caller's windows, or one static arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.convert.step import Step, Value
from training.bundle.errors import ConvertError

ALIGN = 8
"""Bytes; every value in the arena begins at a multiple."""


@dataclass(frozen=True)
class Memory:
    """A memory layout."""

    # per value `input`, `output`, `input + 5`, or an offset into the arena in bytes
    addresses: Mapping[Value, str | int]
    arena_bytes: int  # size of the arena


@dataclass
class Views:
    """Tensors without memory of their own. Lanes (wide values) have no parts."""

    # maps a tensor to the one with the same memory
    same: dict[int, int] = field(default_factory=dict)
    # Maps a tensor to the one that contains it, and to the first byte there. A tensor is in `same`
    # or in `parts`, not in both.
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def name(self, tensor: int) -> int:
        """The tensor that stands for all with the same memory."""
        while tensor in self.same:
            tensor = self.same[tensor]
        return tensor

    def find(self, value: Value) -> tuple[Value, int]:
        """The value that contains `value`, and the first byte there."""
        tensor, offset = self.name(value.tensor), 0
        while not value.wide and tensor in self.parts:
            tensor, first = self.parts[tensor]
            tensor, offset = self.name(tensor), offset + first
        return Value(tensor, value.bytes + offset, value.wide), offset


@dataclass
class _Life:
    """The first and the last step that use a value, and its size in bytes."""

    begin: int
    end: int
    size: int

    def extend(self, other: _Life) -> None:
        self.begin = min(self.begin, other.begin)
        self.end = max(self.end, other.end)
        self.size = max(self.size, other.size)

    def overlaps(self, other: _Life) -> bool:
        return self.begin <= other.end and other.begin <= self.end


def lay_out(steps: Sequence[Step], views: Views, source: int, target: int, where: str) -> Memory:
    """Place values so that those alive at the same time do not overlap, large ones first.

    `source` and `target` are the model's input and output tensors.

    Raises:
        ConvertError: no step computes the output.
    """

    def root(value: Value) -> Value:
        return views.find(value)[0]

    lives: dict[Value, _Life] = {}
    for i, step in enumerate(steps):
        for value in map(root, (*step.reads, *step.writes)):
            lives.setdefault(value, _Life(i, i, 0)).extend(_Life(i, i, value.bytes))
    window, result = root(Value(source, 0)), root(Value(target, 0))
    if result not in lives or result == window:
        raise ConvertError(f"{where}: no operator computes the model's output")

    owners = _share_in_place(steps, views, lives, (window, result))
    shared: dict[Value, _Life] = {}
    for value, owner in owners.items():
        if owner not in (window, result):
            life = lives[value]
            shared.setdefault(owner, _Life(life.begin, life.end, 0)).extend(life)
    offsets = _pack(shared)
    addresses: dict[Value, str | int] = {}
    for step in steps:
        for value in (*step.reads, *step.writes):
            container, first = views.find(value)
            owner = owners[container]
            if owner in (window, result):
                name = "input" if owner == window else "output"
                addresses[value] = f"{name} + {first}" if first else name
            else:
                addresses[value] = offsets[owner] + first
    arena = max((offset + shared[owner].size for owner, offset in offsets.items()), default=0)
    return Memory(addresses, arena)


def _share_in_place(
    steps: Sequence[Step], views: Views, lives: Mapping[Value, _Life], windows: tuple[Value, Value]
) -> dict[Value, Value]:
    """Maps each value to the one whose memory it takes: its own, or that of an in-place output."""
    owners = {value: value for value in lives}
    for i, step in reversed(list(enumerate(steps))):
        if not step.in_place:
            continue
        read, written = step.reads[0], step.writes[0]
        if any(views.name(value.tensor) in views.parts for value in (read, written)):
            continue
        source, target = views.find(read)[0], views.find(written)[0]
        others = [views.find(value)[0] for value in step.reads[1:]]
        if lives[source].end == i and source not in (*windows, *others):
            owners[source] = owners[target]
    return owners


def _pack(lives: Mapping[Value, _Life]) -> dict[Value, int]:
    offsets: dict[Value, int] = {}
    order = sorted(
        lives.items(),
        key=lambda item: (-item[1].size, item[1].begin, item[0].tensor, item[0].wide),
    )
    for value, life in order:
        taken = sorted(
            (offset, offset + lives[other].size)
            for other, offset in offsets.items()
            if lives[other].overlaps(life)
        )
        offset = 0
        for start, stop in taken:
            if offset + life.size <= start:
                break
            offset = max(offset, -(-stop // ALIGN) * ALIGN)
        offsets[value] = offset
    return offsets

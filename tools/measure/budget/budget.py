"""What an image takes of its board's flash and SRAM, by part, and whether it fits."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from elftools.elf.elffile import ELFFile

from tools.measure.budget.image import Image, Piece, read_image
from tools.measure.budget.parts import TITLES, part_of
from tools.measure.budget.stack import CallGraph
from tools.measure.disassembly import demangle
from training.bundle.errors import BudgetError

_ENGINE_RUN = r"_ZN5vigil6engine3runE"
_LARGEST = 8  # symbols listed under each part


class HasLimits(Protocol):
    """What a board of the catalogue says of its memories, in bytes."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def flash_bytes(self) -> int: ...  # noqa: D102
    @property
    def sram_bytes(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Limits:
    """A board's memories, bytes."""

    name: str
    flash_bytes: int
    sram_bytes: int


@dataclass(frozen=True)
class Measured:
    """What the running board reported at boot; None where it did not say."""

    source: str  # the board's name; "emulated" numbers stay marked as such
    stack_used: int | None = None  # bytes, high-water mark
    arena_used: int | None = None  # bytes
    instructions: int | None = None  # an inference
    functions: dict[str, int] = field(default_factory=dict)  # instructions by function


@dataclass(frozen=True)
class Item:
    """A symbol and its bytes."""

    symbol: str  # demangled; of unnamed bytes, the object and its section
    size: int


@dataclass(frozen=True)
class Part:
    """One owner's share of a memory."""

    name: str  # a key of parts.TITLES
    size: int  # bytes
    largest: tuple[Item, ...]

    @property
    def title(self) -> str:
        """What a person reads."""
        return TITLES[self.name]


@dataclass(frozen=True)
class Memory:
    """Flash or SRAM, attributed to the last byte.

    `size` is the sum of the output sections, and of the parts. A section that the linker script
    stretches over all SRAM left ("heap") is a part, but is not in `used`.
    """

    name: str  # "flash" or "sram"
    limit: int  # bytes
    parts: tuple[Part, ...]  # in the order of display

    @property
    def size(self) -> int:
        """Bytes in all parts."""
        return sum(p.size for p in self.parts)

    @property
    def used(self) -> int:
        """Bytes that the image takes, the heap's rest left out."""
        return sum(p.size for p in self.parts if p.name != "heap")

    @property
    def free(self) -> int:
        """Bytes left; negative when the image does not fit."""
        return self.limit - self.used

    def part(self, name: str) -> int:
        """Bytes of one part, 0 if the image has none."""
        return sum(p.size for p in self.parts if p.name == name)


@dataclass(frozen=True)
class Budget:
    """What an image takes of its board."""

    board: str
    image: str  # the ELF file: its folder, which names the environment, and its name
    flash: Memory
    sram: Memory
    stack_reserved: int  # bytes
    # Bounds from the compiler's figures, bytes; None where the graph of calls is open.
    stack_worst_case: int | None = None  # of the whole program
    inference_stack: int | None = None  # of one inference, engine::run() and all below it
    measured: Measured | None = None
    bundle: str = ""  # hash of the bundle whose model it holds, in hexadecimal, where known
    compiler: str = ""  # as the image says

    def to_json(self) -> str:
        """Everything, as JSON text with one newline at the end."""
        values = asdict(self)
        for memory in (self.flash, self.sram):
            values[memory.name].update(used=memory.used, free=memory.free)
            for part, entry in zip(memory.parts, values[memory.name]["parts"], strict=True):
                entry["title"] = part.title
        return json.dumps(values, indent=1) + "\n"

    @staticmethod
    def from_json(text: str) -> Budget:
        """The budget that to_json() wrote."""
        values = json.loads(text)
        measured = values["measured"]
        return Budget(
            **{
                **values,
                "flash": _memory(values["flash"]),
                "sram": _memory(values["sram"]),
                "measured": Measured(**measured) if measured else None,
            }
        )


def measure(
    elf: Path,
    board: HasLimits,
    link_map: Path | None = None,
    measured: Measured | None = None,
    bundle: str = "",
) -> Budget:
    """The budget of `elf` on `board`.

    `measured` and `bundle` (Bundle.hash8 in hexadecimal) are taken over as they are.
    `link_map` is GNU ld's map file, by default the file beside `elf` with the suffix `.map` if
    there is one; without it, objects are unknown and much of the image is "other".
    Raises BudgetError if `elf` cannot be read. Fitting or not is check()'s matter.
    """
    elf = Path(elf)
    beside = elf.with_suffix(".map")
    if link_map is None and beside.is_file():
        link_map = beside
    image = read_image(elf, link_map)
    graph = CallGraph(elf)
    stack = sum(p.size for p in image.pieces if part_of(p, image.mapped) == "stack")
    return Budget(
        board=board.name,
        image=f"{elf.parent.name}/{elf.name}",
        flash=_attribute("flash", board.flash_bytes, image),
        sram=_attribute("sram", board.sram_bytes, image),
        stack_reserved=stack,
        stack_worst_case=_bound(graph, "main$"),
        inference_stack=_bound(graph, _ENGINE_RUN),
        measured=measured,
        bundle=bundle,
        compiler=compiler_of(elf),
    )


def compiler_of(elf: Path) -> str:
    """What the image's .comment section says, such as "GCC 12.2.1"; empty without one."""
    with Path(elf).open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".comment")
        text = section.data().decode(errors="replace") if section else ""
    found = sorted({f"{m[1]} {m[2]}" for m in re.finditer(r"(GCC): \([^\0]*\) (\d[\d.]*)", text)})
    return ", ".join(found)


def check(budget: Budget) -> None:
    """BudgetError, in one line, if the image does not fit: flash, SRAM, stack, arena."""
    for memory in (budget.flash, budget.sram):
        if memory.free < 0:
            largest = max(memory.parts, key=lambda p: p.size * (p.name != "heap"))
            what = "SRAM" if memory.name == "sram" else memory.name
            raise BudgetError(
                f"{budget.image}: needs {memory.used:,} bytes of {what}, "
                f"{-memory.free:,} more than {budget.board} has; the largest part is "
                f"{largest.title} with {largest.size:,} bytes: make it "
                "smaller, or choose a larger board"
            )
    told = budget.measured
    for name, need in (
        ("measured", told.stack_used if told else None),
        ("worst-case", budget.stack_worst_case),
        ("an inference's worst-case", budget.inference_stack),
    ):
        if need is not None and need > budget.stack_reserved:
            raise BudgetError(
                f"{budget.image}: {name} stack of {need:,} bytes is more than the "
                f"{budget.stack_reserved:,} set aside on {budget.board}; reserve more"
            )


def with_measured(budget: Budget, measured: Measured) -> Budget:
    """`budget` with what the board reported."""
    return replace(budget, measured=measured)


def _bound(graph: CallGraph, pattern: str) -> int | None:
    function = graph.find(pattern)
    found = graph.worst_case(function) if function else None
    return found.bytes if found and found.closed else None


def _attribute(name: str, limit: int, image: Image) -> Memory:
    mine = [
        p for p in image.pieces if (p.section.in_flash if name == "flash" else p.section.in_sram)
    ]
    groups: dict[str, list[Piece]] = defaultdict(list)
    for piece in mine:
        groups[part_of(piece, image.mapped)].append(piece)
    readable = demangle(sorted({p.symbol.split(".")[0] for p in mine if p.symbol}))
    parts = tuple(
        Part(key, sum(p.size for p in groups[key]), _largest(groups[key], readable))
        for key in TITLES
        if key in groups
    )
    memory = Memory(name, limit, parts)
    sections = sum(s.size for s in image.sections if (s.in_flash if name == "flash" else s.in_sram))
    if memory.size != sections:  # cannot be, unless this module is wrong: say so, never shrug
        raise BudgetError(f"{image.path}: {name} parts add up to {memory.size}, not {sections}")
    return memory


def _largest(pieces: Iterable[Piece], readable: dict[str, str]) -> tuple[Item, ...]:
    sizes: dict[str, int] = defaultdict(int)
    for piece in pieces:
        sizes[_label(piece, readable)] += piece.size
    ranked = sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(Item(label, size) for label, size in ranked[:_LARGEST])


def _label(piece: Piece, readable: dict[str, str]) -> str:
    if piece.symbol:
        name, dot, member = piece.symbol.partition(".")
        return readable[name].replace("(anonymous namespace)::", "") + dot + member
    if piece.padding:
        return "(reserved)" if piece.section.name.startswith((".stack", ".heap")) else "(padding)"
    where = f"{Path(piece.archive).name}({piece.object})" if piece.archive else piece.object
    return f"{Path(where).name or piece.section.name} {piece.input_section}".strip()


def _memory(values: dict[str, Any]) -> Memory:
    return Memory(
        values["name"],
        values["limit"],
        tuple(
            Part(p["name"], p["size"], tuple(Item(**item) for item in p["largest"]))
            for p in values["parts"]
        ),
    )

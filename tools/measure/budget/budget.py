"""The flash and SRAM of an image by part, and whether it fits its board."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from elftools.elf.elffile import ELFFile
from pydantic import TypeAdapter

from tools.measure.budget.image import Image, Piece, read_image
from tools.measure.budget.parts import TITLES, part_of
from tools.measure.budget.stack import CallGraph
from tools.measure.disassembly import demangle
from training.bundle.errors import BudgetError

_ENGINE_RUN = r"_ZN5vigil6engine3runE"
_LARGEST = 8  # symbols listed per part


class HasLimits(Protocol):
    """The memory limits of a board, in bytes."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def flash_bytes(self) -> int: ...  # noqa: D102
    @property
    def sram_bytes(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Limits:
    """The memory limits of a board that is not in the catalogue, in bytes."""

    name: str
    flash_bytes: int
    sram_bytes: int


@dataclass(frozen=True)
class Measured:
    """Figures from a running board's boot report; None where the report has none."""

    source: str  # name of the board; figures from "emulated" are marked so
    stack_used: int | None = None  # high-water mark, bytes
    arena_used: int | None = None  # bytes
    instructions: int | None = None  # per inference
    # instructions of an inference by function
    functions: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """A symbol and its bytes."""

    symbol: str  # demangled; for bytes without a symbol, the object and its section
    size: int


@dataclass(frozen=True)
class Part:
    """The share of one part in a memory."""

    name: str  # a key of parts.TITLES
    size: int  # bytes
    largest: tuple[Item, ...]

    @property
    def title(self) -> str:
        """Display name."""
        return TITLES[self.name]


@dataclass(frozen=True)
class Memory:
    """Flash or SRAM, every byte attributed to a part.

    `size` is the sum of the output sections and of the parts. A section that the linker script
    extends over all remaining SRAM ("heap") is a part but does not count as used.
    """

    name: str  # "flash" or "sram"
    limit: int  # bytes
    parts: tuple[Part, ...]  # in the order of display

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(p.size for p in self.parts)

    @property
    def used(self) -> int:
        """Bytes that the image takes, without the heap section."""
        return sum(p.size for p in self.parts if p.name != "heap")

    @property
    def free(self) -> int:
        """Remaining bytes; negative if the image does not fit."""
        return self.limit - self.used

    def part(self, name: str) -> int:
        """Return the bytes of one part, 0 if the image has none."""
        return sum(p.size for p in self.parts if p.name == name)


@dataclass(frozen=True)
class Budget:
    """The flash, SRAM and stack that an image takes of its board."""

    board: str  # name of the board
    image: str  # folder (the environment's name) and name of the ELF file
    flash: Memory  # flash by part
    sram: Memory  # SRAM by part
    stack_reserved: int  # bytes
    # bound of the whole program's stack from the compiler's figures, bytes; None if the call graph
    # is open
    stack_worst_case: int | None = None
    inference_stack: int | None = None  # such a bound for engine::run() and its callees
    measured: Measured | None = None  # figures from the running board
    bundle: str = ""  # hash of the bundle in hexadecimal; empty if unknown
    compiler: str = ""  # compiler's name and version from the image

    def to_json(self) -> str:
        """Return the budget as JSON text that ends with a newline."""
        values = asdict(self)
        for memory in (self.flash, self.sram):
            values[memory.name].update(used=memory.used, free=memory.free)
            for part, entry in zip(memory.parts, values[memory.name]["parts"], strict=True):
                entry["title"] = part.title
        return json.dumps(values, indent=1) + "\n"

    @staticmethod
    def from_json(text: str) -> Budget:
        """Return the budget that to_json() wrote. Raises ValueError for any other text."""
        return TypeAdapter(Budget).validate_json(text)


def measure(
    elf: Path,
    board: HasLimits,
    link_map: Path | None = None,
    measured: Measured | None = None,
    bundle: str = "",
) -> Budget:
    """Compute the budget of `elf` on `board`; check() tells whether it fits.

    Args:
        link_map: GNU ld's map file; by default the file beside `elf` with the suffix `.map`, if it
            exists. Without a map, objects are unknown and much of the image is "other".
        measured: copied into the result.
        bundle: copied into the result (Bundle.hash8 in hexadecimal).

    Raises:
        BudgetError: `elf` cannot be read.
    """
    elf = Path(elf)
    beside = elf.with_suffix(".map")
    if link_map is None and beside.is_file():
        link_map = beside
    image = read_image(elf, link_map)
    graph = CallGraph(elf)
    return Budget(
        board=board.name,
        image=f"{elf.parent.name}/{elf.name}",
        flash=_attribute("flash", board.flash_bytes, image),
        sram=_attribute("sram", board.sram_bytes, image),
        stack_reserved=_reserved_stack(image),
        stack_worst_case=_bound(graph, "main$"),
        inference_stack=_bound(graph, _ENGINE_RUN),
        measured=measured,
        bundle=bundle,
        compiler=compiler_of(elf),
    )


def _reserved_stack(image: Image) -> int:
    """Bytes of the stack that runs the sketch: of the main thread, if there are threads."""
    stacks = [p for p in image.pieces if part_of(p, image.mapped) == "stack"]
    main = [p for p in stacks if p.symbol == "_main_stack"]
    return sum(p.size for p in main or stacks)


def compiler_of(elf: Path) -> str:
    """Return the compiler that the image's .comment section names ("GCC 12.2.1"), else ""."""
    with Path(elf).open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".comment")
        text = section.data().decode(errors="replace") if section else ""
    compilers = {f"{m[1]} {m[2]}" for m in re.finditer(r"(GCC): \([^\0]*\) (\d[\d.]*)", text)}
    return ", ".join(sorted(compilers))


def check(budget: Budget) -> None:
    """Check that the image fits the board's flash, SRAM and stack.

    Raises:
        BudgetError: it does not; the message is one line.
    """
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
    measured = budget.measured
    for name, need in (
        ("measured", measured.stack_used if measured else None),
        ("worst-case", budget.stack_worst_case),
        ("an inference's worst-case", budget.inference_stack),
    ):
        if need is not None and need > budget.stack_reserved:
            raise BudgetError(
                f"{budget.image}: {name} stack of {need:,} bytes is more than the "
                f"{budget.stack_reserved:,} reserved on {budget.board}; reserve more"
            )


def with_measured(budget: Budget, measured: Measured) -> Budget:
    """Return `budget` with the board's figures."""
    return replace(budget, measured=measured)


def _bound(graph: CallGraph, pattern: str) -> int | None:
    function = graph.find(pattern)
    worst = graph.worst_case(function) if function else None
    return worst.bytes if worst and worst.closed else None


def _attribute(name: str, limit: int, image: Image) -> Memory:
    pieces = [
        p for p in image.pieces if (p.section.in_flash if name == "flash" else p.section.in_sram)
    ]
    groups: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[part_of(piece, image.mapped)].append(piece)
    readable = demangle(sorted({p.symbol.split(".")[0] for p in pieces if p.symbol}))
    parts = tuple(
        Part(key, sum(p.size for p in groups[key]), _largest(groups[key], readable))
        for key in TITLES
        if key in groups
    )
    memory = Memory(name, limit, parts)
    sections = sum(s.size for s in image.sections if (s.in_flash if name == "flash" else s.in_sram))
    if memory.size != sections:  # an error of this module
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

"""A linked image: every byte of flash and SRAM with its symbol and its object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tools.measure.budget.linkmap import Placed, read_map
from tools.measure.budget.members import members_of
from training.bundle.errors import BudgetError

_ALLOC, _WRITE = 0x2, 0x1
# Linker scripts reserve these as (COPY) or (NOLOAD), so that their flags say little.
_RESERVED = (".heap", ".stack")
# Variables of the sketch from this size on are split into their members.
_LARGE, _SKETCH = 256, "main.cpp"


@dataclass(frozen=True)
class Section:
    """An output section that occupies memory."""

    name: str
    address: int
    size: int  # bytes
    in_flash: bool  # content is stored in flash
    in_sram: bool  # occupies SRAM while the program runs


@dataclass(frozen=True)
class Piece:
    """All bytes of one symbol, or of an object's bytes without symbol, in one output section."""

    section: Section
    symbol: str  # mangled; "" if no symbol covers the bytes
    input_section: str  # "" without a map file
    archive: str
    object: str
    size: int  # bytes
    padding: bool = False
    function: bool = False
    address: int = 0  # address of the symbol
    type: str = ""  # type, for a member "symbol.member" of a larger variable


@dataclass(frozen=True)
class Image:
    """The sections and pieces of one ELF file. The pieces of a section add up to its size."""

    path: Path
    sections: tuple[Section, ...]
    pieces: tuple[Piece, ...]
    mapped: bool  # whether a map file named the objects


@dataclass(frozen=True)
class _Symbol:
    name: str
    address: int
    size: int
    function: bool


def read_image(elf: Path, link_map: Path | None = None) -> Image:
    """Read `elf`, and `link_map` (GNU ld's -Map) if given.

    Raises:
        BudgetError: `elf` is no linked image of a 32-bit Arm or RISC-V with symbols.
    """
    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            if file["e_machine"] not in ("EM_ARM", "EM_RISCV") or file["e_type"] != "ET_EXEC":
                raise BudgetError(f"{elf}: not a linked program for Arm or RISC-V")
            sections = tuple(_sections(file))
            symbols = _symbols(file)
    except FileNotFoundError:
        raise BudgetError(f"{elf}: no such image; build it first") from None
    except (ELFError, OSError) as problem:
        raise BudgetError(f"{elf}: not a readable ELF file: {problem}") from None
    if not symbols:
        raise BudgetError(f"{elf}: has no symbols; build it without -s and without strip")
    placed = read_map(link_map) if link_map else []
    pieces = (p for s in sections for p in _pieces(s, symbols, placed))
    split = tuple(part for piece in pieces for part in _by_member(elf, piece))
    return Image(elf, sections, split, link_map is not None)


def _sections(file: ELFFile) -> Iterator[Section]:
    loads = [s for s in file.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_filesz"]]
    for section in file.iter_sections():
        address, size = section["sh_addr"], section["sh_size"]
        reserved = section.name.startswith(_RESERVED)
        if not size or not (section["sh_flags"] & _ALLOC or (reserved and address)):
            continue
        stored = section["sh_type"] != "SHT_NOBITS" and not reserved
        # Load and run address differ: initial values, copied to SRAM at reset.
        moved = any(
            s["p_vaddr"] <= address < s["p_vaddr"] + s["p_filesz"] and s["p_paddr"] != s["p_vaddr"]
            for s in loads
        )
        yield Section(section.name, address, size, stored, moved or not stored)


def _symbols(file: ELFFile) -> list[_Symbol]:
    symbols = []
    for table in file.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        for symbol in table.iter_symbols():
            kind = symbol["st_info"]["type"]
            if symbol["st_size"] and kind in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE"):
                code = kind == "STT_FUNC"
                address = symbol["st_value"] & ~1 if code else symbol["st_value"]  # Thumb bit
                symbols.append(_Symbol(symbol.name, address, symbol["st_size"], code))
    # Of several names for one address, the last one painted counts: sorted, because the order in
    # the file may change from link to link.
    return sorted(symbols, key=lambda s: (s.address, -s.size, s.name))


def _pieces(section: Section, symbols: list[_Symbol], placed: list[Placed]) -> Iterator[Piece]:
    """Paint every byte with its input section and its symbol, and count equal pairs."""
    start, end = section.address, section.address + section.size
    here = [
        p
        for p in placed
        if p.output == section.name and p.address < end and p.address + p.size > start
    ]
    named = [s for s in symbols if s.address < end and s.address + s.size > start]
    source = np.zeros(section.size, np.int32)
    name = np.zeros(section.size, np.int32)
    for colour, stretches in ((source, here), (name, named)):
        stretch: Any
        for i, stretch in enumerate(stretches, start=1):
            first = max(stretch.address - start, 0)
            colour[first : stretch.address + stretch.size - start] = i
    both, counts = np.unique(np.stack([source, name]), axis=1, return_counts=True)
    for (i, j), size in zip(both.T, counts, strict=True):
        at = here[i - 1] if i else None
        symbol = named[j - 1] if j else None
        yield Piece(
            section=section,
            symbol=symbol.name if symbol else "",
            input_section=at.section if at else "",
            archive=at.archive if at else "",
            object=at.object if at else "",
            size=int(size),
            padding=bool(at and at.padding and not symbol),
            function=bool(symbol and symbol.function),
            address=symbol.address if symbol else 0,
        )


def _by_member(elf: Path, piece: Piece) -> Iterator[Piece]:
    """Yield `piece`, or its members if it is a large variable of the sketch."""
    large = piece.section.in_sram and piece.symbol and piece.size >= _LARGE
    if not large or _SKETCH not in piece.object:
        yield piece
        return
    rest = piece.size
    for member in members_of(elf, piece.address, piece.size, _SKETCH):
        rest -= member.size
        name = f"{piece.symbol}.{member.name}"
        yield replace(piece, symbol=name, size=member.size, type=member.type)
    if rest:  # base classes
        yield replace(piece, size=rest)

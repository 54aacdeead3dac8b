"""The worst case of the stack, if the call graph is closed.

A function's own share is the larger of two figures. One is the compiler's: the largest distance
between the frame's base and the stack pointer in the unwinding tables (.debug_frame), which
-fstack-usage also prints. The other is the sum of all pushes in its instructions, because the
compiler does not see those of inline assembly. Calls, tail calls included, come from the
disassembly. A call through a pointer or a recursion leaves the graph open: then there is no bound.
On RISC-V a jump through a register leaves it open too, be it a call or the table of a switch.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from elftools.common.exceptions import DWARFError
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from tools.measure.disassembly import (
    disassemble,
    has_disassembler,
    processor_of,
    register_words,
)

_FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:$")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
_TARGET = re.compile(r"([0-9a-f]+) <([^>+]+)(\+0x[0-9a-f]+)?>")
_CALLS = ("b", "bl", "blx")
_SUB = r"sp,(?: sp,)? #(\d+)"
_DOWN = {"sub": _SUB, "subw": _SUB, "str": r".*\[sp, #-(\d+)\]!"}
# RISC-V: jumps that may call, and the move of the stack pointer.
_JUMPS = ("jal", "j", "call", "tail")
_ADD = re.compile(r"sp,\s*sp,\s*-(\d+)$")


@dataclass(frozen=True)
class WorstCase:
    """The most stack that a function and its callees may use."""

    function: str  # mangled
    bytes: int  # of the deepest path; in an open graph, of the deepest known path
    path: tuple[str, ...]  # functions of that path, from `function` down
    open_at: tuple[str, ...]  # functions that call through a pointer or recurse

    @property
    def closed(self) -> bool:
        """Whether `bytes` is a bound."""
        return not self.open_at


@dataclass(frozen=True)
class _Deepest:
    bytes: int
    path: tuple[int, ...]
    gaps: frozenset[str]


@dataclass
class _Function:
    name: str
    frame: int = 0  # bytes, from the tables
    pushed: int = 0  # bytes, from all instructions
    calls: set[int] = field(default_factory=set)
    indirect: bool = False

    @property
    def own(self) -> int:
        # Pushes of inline assembly are in the instructions only, computed allocations in the
        # tables only.
        return max(self.pushed, self.frame)


class CallGraph:
    """The functions of an image and their calls; empty without a disassembler for it."""

    def __init__(self, elf: Path) -> None:
        self._functions = _read(elf)
        self._known: dict[int, _Deepest | None] = {}  # None while in progress

    def find(self, pattern: str) -> str | None:
        """Return the first function whose mangled name matches the start pattern `pattern`."""
        names = sorted(f.name for f in self._functions.values())
        return next((name for name in names if re.match(pattern, name)), None)

    def worst_case(self, function: str) -> WorstCase | None:
        """Return the bound of `function` (mangled); None if the image has none, e.g. inlined."""
        start = next((a for a, f in self._functions.items() if f.name == function), None)
        deepest = None if start is None else self._deepest(start)
        if deepest is None:
            return None
        path = tuple(self._functions[a].name for a in deepest.path)
        return WorstCase(function, deepest.bytes, path, tuple(sorted(deepest.gaps)))

    def _deepest(self, at: int) -> _Deepest | None:
        if at in self._known:
            return self._known[at]
        self._known[at] = None
        function = self._functions[at]
        gaps = {function.name} if function.indirect else set()
        best = _Deepest(0, (), frozenset())
        for callee in sorted(function.calls):
            below = self._deepest(callee) if callee in self._functions else None
            if below is None:  # a recursion, or a jump into the middle of something
                gaps.add(function.name)
                continue
            gaps |= below.gaps
            best = max(best, below, key=lambda deepest: deepest.bytes)
        deepest = _Deepest(function.own + best.bytes, (at, *best.path), frozenset(gaps))
        self._known[at] = deepest
        return deepest


def _read(elf: Path) -> dict[int, _Function]:
    if not has_disassembler(elf):
        return {}
    instruction = _riscv if processor_of(elf) == "EM_RISCV" else _arm
    functions: dict[int, _Function] = {}
    at: _Function | None = None
    for line in disassemble(elf, "-d", "--no-show-raw-insn"):
        head = _FUNCTION.match(line)
        if head:
            at = functions.setdefault(int(head[1], 16), _Function(head[2]))
            continue
        code = _INSTRUCTION.match(line)
        if at is not None and code:
            instruction(at, code[2], code[3])
    for address, frame in _frames(elf).items():
        if address in functions:
            functions[address].frame = frame
    return functions


def _arm(at: _Function, name: str, operands: str) -> None:
    base = name.split(".")[0]
    target = _TARGET.search(operands)
    if base in _CALLS or (base.startswith("b") and base not in ("bic", "bics") and target):
        if target is None:
            at.indirect = True
        elif target[2] != at.name or (target[3] is None and base in ("bl", "blx")):
            at.calls.add(int(target[1], 16))
        # Other branches stay within the function: loops, and subroutines already counted.
    elif base == "bx" and operands.strip() not in ("lr", "r14"):
        at.indirect = True
    elif base in ("push", "vpush") or (base in ("stmdb", "vstmdb") and operands.startswith("sp!")):
        at.pushed += 4 * register_words(operands)
    elif base in _DOWN and (down := re.match(_DOWN[base], operands)):
        at.pushed += int(down[1])


def _riscv(at: _Function, name: str, operands: str) -> None:
    target = _TARGET.search(operands)
    if target is not None and (name in (*_JUMPS, "jalr", "jr") or name.startswith("b")):
        calls = name in ("jal", "jalr", "call") and target[3] is None  # a recursion
        if target[2] != at.name or calls:
            at.calls.add(int(target[1], 16))
    elif name in ("jr", "jalr"):  # returns are printed as "ret"
        at.indirect = True
    elif name in ("add", "addi") and (down := _ADD.match(operands.split("#")[0].strip())):
        at.pushed += int(down[1])


def _frames(elf: Path) -> dict[int, int]:
    """Return the largest frame of each function with unwinding tables, by address."""
    frames: dict[int, int] = defaultdict(int)
    try:
        with elf.open("rb") as stream:
            dwarf = ELFFile(stream).get_dwarf_info()
            if not dwarf.has_CFI():
                return {}
            for entry in dwarf.CFI_entries():
                if isinstance(entry, FDE):
                    start = entry["initial_location"]
                    for row in entry.get_decoded().table:
                        offset = row["cfa"].offset
                        frames[start] = max(frames[start], offset or 0)
    except (DWARFError, KeyError, AttributeError):
        return {}
    return dict(frames)

"""Instructions by class, and a model of the cycles that a Cortex-M4 takes for them.

Cycles: ALU and multiply 1; load 2, or 1 after another load or store; load or store of N registers
1 + N; store 1; taken branch 2 more; divide 12, its maximum. Flash waits are counted separately.
From Arm's Cortex-M4 Technical Reference Manual, table of instruction timings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.measure.disassembly import disassemble, register_words
from tools.measure.estimate.machine import Trace
from training.bundle.errors import EstimateError

CLASSES = (
    "arithmetic",
    "multiply",
    "divide",
    "load",
    "load multiple",
    "store",
    "store multiple",
    "branch",
    "float",
)
_LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(\S+)(?:\t([^;@]*))?")
_MULTIPLY = re.compile(r"^(mul|mla|mls|smul|smla|smls|smmul|smmla|smmls|smu[as]d|umul|umla|umaal)")
_BRANCH = re.compile(
    r"^(b|bl|bx|blx|cbz|cbnz|tbb|tbh)(eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?$"
)
_DIVIDE, _FLOAT_DIVIDE = 12, 14
_AT_ONCE = 1 << 18  # instructions: bounds the memory that counting a long trace takes
_LOAD, _STORE = CLASSES.index("load"), CLASSES.index("store")


@dataclass(frozen=True)
class Counts:
    """Cost of one call, or the mean of several."""

    classes: dict[str, float]  # instructions by class
    cycles: float  # cycles of the model, without flash waits
    fetches: float  # 32-bit words of code read from flash if there is no cache
    flash_reads: float  # data read from flash, in accesses
    stack: int  # bytes of stack

    @property
    def instructions(self) -> float:
        """Instructions of all classes."""
        return sum(self.classes.values())

    @staticmethod
    def mean(of: Iterable[Counts]) -> Counts:
        """Return the mean of several calls, with the deepest stack."""
        every = list(of)
        n = len(every)
        return Counts(
            {name: sum(each.classes[name] for each in every) / n for name in CLASSES},
            sum(each.cycles for each in every) / n,
            sum(each.fetches for each in every) / n,
            sum(each.flash_reads for each in every) / n,
            max(each.stack for each in every),
        )


class Code:
    """The instructions of an image, by address."""

    def __init__(self, elf: Path) -> None:
        """Disassemble `elf`.

        Raises:
            EstimateError: the Arm toolchain is not installed.
        """
        lines = (_LINE.match(line) for line in disassemble(elf, "-D", "-w", "-j", ".text"))
        self._lines = {int(line[1], 16): line for line in lines if line}
        self._known: dict[int, tuple[int, int, int]] = {}

    def count(self, trace: Trace) -> Counts:
        """Count a whole call."""
        return self.count_addresses(trace.addresses, trace.flash_reads, trace.stack)

    def count_addresses(
        self, addresses: NDArray[np.uint32], flash_reads: int = 0, stack: int = 0
    ) -> Counts:
        """Count a piece of a trace; its last instruction counts as a taken branch."""
        numbers = np.zeros(len(CLASSES), np.int64)
        cycles, fetches = 2 * len(addresses), 0
        for start in range(0, len(addresses), _AT_ONCE):
            piece = addresses[start : start + _AT_ONCE + 1]  # the last is the next piece's
            unique, at = np.unique(piece, return_inverse=True)
            table = np.array([self._entry(int(a)) for a in unique], np.int64).reshape(-1, 3)
            size, kind, cost = table[at].T
            address = piece.astype(np.int64)
            after = address + size
            first, last = address >> 2, (after - 1) >> 2
            own = slice(0, _AT_ONCE)
            cycles += int(cost[own].sum())
            fetches += int((last - first + 1)[own].sum())
            numbers += np.bincount(kind[own], minlength=len(CLASSES))
            # Pairs of an instruction and its successor.
            goes_on = after[:-1] == address[1:]
            behind = np.isin(kind[:-1], (_LOAD, _STORE)) & (kind[1:] == _LOAD)
            cycles -= int(behind.sum()) + 2 * int(goes_on.sum())
            fetches -= int((goes_on & (last[:-1] == first[1:])).sum())
        return Counts(
            {name: float(numbers[i]) for i, name in enumerate(CLASSES)},
            float(cycles),
            float(fetches),
            float(flash_reads),
            stack,
        )

    def _entry(self, address: int) -> tuple[int, int, int]:
        """Return size in bytes, class index and cycles of the instruction at `address`.

        Only executed addresses are classified: constants between the code look like instructions.
        """
        if address not in self._known:
            line = self._lines.get(address)
            if line is None or line[3].startswith((".", "<")):
                raise EstimateError(f"the trace ran through {address:#x}, which holds no code")
            name, cost = _classify(line[3].split(".")[0], line[4] or "")
            size = len(line[2].replace(" ", "")) // 2
            self._known[address] = size, CLASSES.index(name), cost
        return self._known[address]


def _classify(name: str, operands: str) -> tuple[str, int]:
    if _BRANCH.match(name):
        return "branch", 1 if name[0] != "t" else 2
    base = name.removeprefix("v")  # floating point
    if base.startswith(("ldm", "pop")):
        return "load multiple", 1 + register_words(operands)
    if base.startswith(("stm", "push")):
        return "store multiple", 1 + register_words(operands)
    if name.startswith("ldrd"):
        return "load multiple", 3
    if name.startswith("strd"):
        return "store multiple", 3
    if base.startswith("ldr"):
        return "load", 2
    if base.startswith("str"):
        return "store", 1 if base == name else 2
    if base != name:
        return "float", _FLOAT_DIVIDE if base.startswith(("div", "sqrt")) else 1
    if name.startswith(("sdiv", "udiv")):
        return "divide", _DIVIDE
    if _MULTIPLY.match(name):
        return "multiply", 1
    return "arithmetic", 1

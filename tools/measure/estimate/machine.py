"""Calls single functions of a linked Cortex-M4 image and records every instruction.

The Unicorn engine (QEMU's translator as a library) executes the image's own code, without board,
interrupts or clock. It knows no time; cycles.py has a model for that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from elftools.elf.elffile import ELFFile
from numpy.typing import NDArray

from training.bundle.errors import EstimateError

SRAM = 0x2000_0000
_SRAM_BYTES = 4 << 20
_CODE_BYTES = 4 << 20
_RETURN = _CODE_BYTES - 0x100  # return address of calls, beyond any image
_PERIPHERALS = (0x4000_0000, 0x10_0000), (0xE000_E000, 0x1000)
_STACK_BYTES = 64 << 10
_MOST = 200_000_000  # instructions; a call that takes more hangs


@dataclass(frozen=True, eq=False)
class Trace:
    """The record of one call."""

    # uint32 [n], addresses of the instructions in the order of execution
    addresses: NDArray[np.uint32]
    flash_reads: int  # data reads (word, halfword or byte) from addresses below SRAM
    stack: int  # bytes of stack that the function and its callees wrote
    result: int  # r0


class Machine:
    """An image loaded into memory; its static constructors have not run."""

    def __init__(self, elf: Path) -> None:
        """Load `elf`.

        Raises:
            EstimateError: there is no such image.
            ModuleNotFoundError: Unicorn is not installed.
        """
        # Imported here, so that only counting instructions loads Unicorn's libraries.
        import unicorn
        from unicorn import arm_const

        self.elf = Path(elf)
        if not self.elf.is_file():
            raise EstimateError(f"no image at {self.elf}: run `vigil build`")
        self._arm: Any = arm_const
        kinds: Any = unicorn
        self._unicorn = kinds
        self._uc: Any = kinds.Uc(kinds.UC_ARCH_ARM, kinds.UC_MODE_THUMB | kinds.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        self._uc.mem_map(0, _CODE_BYTES)
        self._uc.mem_map(SRAM, _SRAM_BYTES)
        for base, size in _PERIPHERALS:  # plain memory, without devices
            self._uc.mem_map(base, size)
        self.symbols: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        # Start addresses and names of functions and data, sorted; names may repeat.
        self.functions: list[tuple[int, str]] = []
        self._load()
        self._free = SRAM + _SRAM_BYTES // 2  # for arguments, far above an image's variables

    def _load(self) -> None:
        with self.elf.open("rb") as stream:
            elf = ELFFile(stream)
            for segment in elf.iter_segments():
                if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]:
                    self._uc.mem_write(segment["p_vaddr"], segment.data())
            table: Any = elf.get_section_by_name(".symtab")
            if table is None:
                raise EstimateError(f"{self.elf}: stripped of its symbols; build it again")
            entries: list[tuple[int, bool, str]] = []
            for symbol in table.iter_symbols():
                if symbol.name and not symbol.name.startswith("$"):
                    self.symbols[symbol.name] = symbol["st_value"]
                    self.sizes[symbol.name] = symbol["st_size"]
                    kind = symbol["st_info"]["type"]
                    if kind != "STT_FILE":  # labels in assembly have other types, and are code
                        entries.append((symbol["st_value"] & ~1, kind == "STT_FUNC", symbol.name))
        self.functions = [(start, name) for start, _, name in sorted(entries)]

    def find(self, start: str) -> str:
        """Return the mangled name of the function that begins with `start`.

        Raises:
            EstimateError: there is none.
        """
        for name in self.symbols:
            if name.startswith(start):
                return name
        raise EstimateError(f"{self.elf}: has no function {start}; build it again")

    def put(self, data: bytes) -> int:
        """Copy `data` to memory that the image does not use; return its address."""
        at = self._free
        self._uc.mem_write(at, data)
        self._free = (at + len(data) + 15) & ~15
        return at

    def get(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`."""
        return bytes(self._uc.mem_read(address, size))

    def call(self, name: str, *arguments: int) -> int:
        """Call a function and return its r0."""
        return self._run(name, arguments)

    def trace(self, name: str, *arguments: int) -> Trace:
        """Call a function and record what it executes."""
        uc, kinds = self._uc, self._unicorn
        blocks: list[NDArray[np.uint32]] = []
        known: dict[tuple[int, int], NDArray[np.uint32]] = {}
        reads = [0]
        lowest = [self._top()]

        def block(_uc: Any, address: int, size: int, _data: Any) -> None:
            piece = known.get((address, size))
            if piece is None:
                piece = known[address, size] = self._instructions(address, size)
            blocks.append(piece)

        def read(*_event: Any) -> None:
            reads[0] += 1

        def write(_uc: Any, _kind: int, address: int, *_rest: Any) -> None:
            lowest[0] = min(lowest[0], address)

        top = self._top()
        hooks = [
            uc.hook_add(kinds.UC_HOOK_BLOCK, block),
            uc.hook_add(kinds.UC_HOOK_MEM_READ, read, begin=0, end=SRAM - 1),
            uc.hook_add(kinds.UC_HOOK_MEM_WRITE, write, begin=top - _STACK_BYTES, end=top - 1),
        ]
        try:
            result = self._run(name, arguments)
        finally:
            for hook in hooks:
                uc.hook_del(hook)
        return Trace(np.concatenate(blocks), reads[0], top - lowest[0], result)

    def _instructions(self, address: int, size: int) -> NDArray[np.uint32]:
        """Return the addresses of a basic block's instructions.

        Instructions that an IT block skips are included, as they take a cycle.
        """
        code = np.frombuffer(self.get(address, size), "<u2")
        addresses, at = [], 0
        while at < len(code):
            addresses.append(address + 2 * at)
            at += 2 if code[at] >> 11 >= 0b11101 else 1
        return np.array(addresses, np.uint32)

    def by_function(self, trace: Trace) -> dict[str, int]:
        """Count the instructions of `trace` by the mangled name of their function."""
        starts = np.array([start for start, _ in self.functions], np.int64)
        at, counts = np.unique(
            np.searchsorted(starts, trace.addresses, side="right") - 1, return_counts=True
        )
        by_name: Counter[str] = Counter()
        for index, count in zip(at, counts, strict=True):
            by_name[self.functions[index][1]] += int(count)
        return dict(by_name)

    @staticmethod
    def _top() -> int:
        return SRAM + _SRAM_BYTES - 64

    def _run(self, name: str, arguments: tuple[int, ...]) -> int:
        uc, arm = self._uc, self._arm
        registers = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)
        for register, value in zip(registers, arguments, strict=False):
            uc.reg_write(register, value)
        uc.reg_write(arm.UC_ARM_REG_SP, self._top())
        uc.reg_write(arm.UC_ARM_REG_LR, _RETURN | 1)
        try:
            uc.emu_start(self.symbols[name] | 1, _RETURN, count=_MOST)
        except self._unicorn.UcError as error:
            at = uc.reg_read(arm.UC_ARM_REG_PC)
            raise EstimateError(f"{self.elf}: {name} stopped at {at:#x}: {error}") from None
        if uc.reg_read(arm.UC_ARM_REG_PC) & ~1 != _RETURN:
            raise EstimateError(f"{self.elf}: {name} did not return")
        return int(uc.reg_read(arm.UC_ARM_REG_R0))

"""The toolchain's view of an image: disassembly, register lists, readable names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from elftools.elf.elffile import ELFFile

from training.bundle.errors import EstimateError

_PREFIX = {"EM_ARM": "arm-none-eabi", "EM_RISCV": "riscv64-unknown-elf"}
_NAMED_REGISTERS = {"sb": 9, "sl": 10, "fp": 11, "ip": 12, "lr": 14}


def processor_of(elf: Path) -> str:
    """Return the processor that an image is for, in ELF's spelling: "EM_ARM", "EM_RISCV"."""
    with elf.open("rb") as stream:
        return str(ELFFile(stream)["e_machine"])


def has_disassembler(elf: Path) -> bool:
    """Whether the disassembler of an image's processor is on PATH."""
    prefix = _PREFIX.get(processor_of(elf))
    return prefix is not None and shutil.which(f"{prefix}-objdump") is not None


def disassemble(elf: Path, *options: str) -> list[str]:
    """Return objdump's lines for `elf`.

    Raises:
        EstimateError: the toolchain of its processor is not installed.
    """
    prefix = _PREFIX.get(processor_of(elf), _PREFIX["EM_ARM"])
    if not has_disassembler(elf):
        raise EstimateError(f"{prefix}-objdump is not on PATH: apt-get install binutils-{prefix}")
    done = subprocess.run(
        [f"{prefix}-objdump", *options, str(elf)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def register_words(operands: str) -> int:
    """Count the 32-bit words that a register list moves.

    {r4, r5, lr} is 3, {r4-r7} is 4, {d8-d9} is 4.
    """
    total = 0
    inside = operands[operands.index("{") + 1 : operands.index("}")]
    for part in inside.split(","):
        first, _, last = part.strip().partition("-")
        registers = _number(last) - _number(first) + 1 if last else 1
        total += registers * (2 if first.startswith("d") else 1)
    return total


def _number(register: str) -> int:
    return _NAMED_REGISTERS.get(register) or int(re.sub(r"\D", "", register))


def demangle(names: Iterable[str]) -> dict[str, str]:
    """Map each mangled name to its C++ spelling, or to itself where no demangler is installed."""
    mangled = list(names)
    tool = shutil.which("c++filt") or shutil.which("arm-none-eabi-c++filt")
    if tool is None or not mangled:
        return {name: name for name in mangled}
    done = subprocess.run(
        [tool], input="\n".join(mangled), capture_output=True, text=True, check=True
    )
    return dict(zip(mangled, done.stdout.split("\n"), strict=False))

"""The Arm toolchain's view of an image: disassembly, register lists, readable names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from training.bundle.errors import EstimateError

_OBJDUMP = "arm-none-eabi-objdump"
_NAMED_REGISTERS = {"sb": 9, "sl": 10, "fp": 11, "ip": 12, "lr": 14}


def has_disassembler() -> bool:
    """Whether the Arm toolchain's disassembler is on PATH."""
    return shutil.which(_OBJDUMP) is not None


def disassemble(elf: Path, *options: str) -> list[str]:
    """Return objdump's lines for `elf`.

    Raises:
        EstimateError: the Arm toolchain is not installed.
    """
    if not has_disassembler():
        raise EstimateError(f"{_OBJDUMP} is not on PATH: apt-get install binutils-arm-none-eabi")
    done = subprocess.run(
        [_OBJDUMP, *options, str(elf)], capture_output=True, text=True, check=True
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

"""Builds a bare program for QEMU's mps2-an386 (Cortex-M4 with FPU), without Arduino; runs it.

Instructions are counted by the emulator's clock: with `-icount shift=6` every instruction takes
64 ns, and CMSDK timer 0 counts 40 ns ticks. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

BARE = Path(__file__).resolve().parent / "bare"

NANO = ("-Os", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16", "-funsigned-char")
"""Arduino's flags for the Nano 33 BLE."""

FAST = ("-O2", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")


def missing() -> str | None:
    """What to install, or None if the toolchain and the emulator are there."""
    absent = [t for t in ("arm-none-eabi-g++", "qemu-system-arm") if not shutil.which(t)]
    return f"needs {' and '.join(absent)} (make setup)" if absent else None


COMPILER = (
    *("arm-none-eabi-g++", "-std=gnu++17", "-mcpu=cortex-m4", "-mthumb"),
    *("-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off"),
    *("-ffunction-sections", "-fdata-sections"),
)
"""The compiler and the flags of every bare program; one of the flag sets above is added."""


def build(
    sources: Sequence[Path], includes: Sequence[Path], elf: Path, flags: Sequence[str] = FAST
) -> Path:
    """Compile and link `sources`, which may be object files.

    Raises CalledProcessError with the compiler's output.
    """
    command = [
        *(*COMPILER, *flags, "-Wl,--gc-sections", "-nostartfiles"),
        *("--specs=rdimon.specs", f"-T{BARE / 'bare.ld'}", "-Wl,--no-warn-rwx-segments"),
        *(f"-I{folder}" for folder in (BARE, *includes)),
        *map(str, (BARE / "startup.cpp", *sources)),
        *("-o", str(elf)),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return elf


def run(elf: Path, folder: Path, seconds: float = 120) -> str:
    """Run it with `folder` as its working directory; what it printed.

    Raises CalledProcessError if it ends with another code than 0.
    """
    done = subprocess.run(
        [
            *("qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none"),
            *("-serial", "none", "-icount", "shift=6"),
            *("-semihosting-config", "enable=on,target=native"),
            *("-kernel", str(elf.resolve())),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, elf.name, done.stdout, done.stderr)
    return done.stdout + done.stderr

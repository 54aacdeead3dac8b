"""Builds a bare program for a machine of QEMU, by default Cortex-M4 with FPU; runs it.

Instructions are counted by the emulator's clock: with `-icount shift=6` every instruction takes
64 ns, and CMSDK timer 0 counts 40 ns ticks. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from runpy import run_path

from tools.boards.catalogue import Board, find_board
from tools.checkout import FIRMWARE
from training.bundle.errors import EstimateError

BARE = Path(__file__).resolve().parent / "bare"

NANO = ("-Os", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16", "-funsigned-char")
"""Arduino's flags for the Nano 33 BLE."""

RISCV_PACKAGES = "apt-get install gcc-riscv64-unknown-elf qemu-system-misc"
# In version 2.2, -march=rv32imac has the instructions that read counters.
_RISCV = ("-misa-spec=2.2", "-mabi=ilp32", "-msmall-data-limit=0")

FAST = ("-O2", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")


def missing(core: Core | None = None) -> str | None:
    """What to install for a core, the M4 if None, or None if compiler and emulator are there."""
    if core is not None and core.board.riscv:
        programs, remedy = ("riscv64-unknown-elf-g++", "qemu-system-riscv32"), RISCV_PACKAGES
    else:
        programs, remedy = ("arm-none-eabi-g++", "qemu-system-arm"), "make setup"
    absent = [program for program in programs if not shutil.which(program)]
    return f"needs {' and '.join(absent)} ({remedy})" if absent else None


@cache
def _riscv_includes() -> tuple[str, ...]:
    script = FIRMWARE / "emulated" / "builder" / "arm_headers.py"
    folders = run_path(str(script))["arm_headers"]()
    return tuple(word for folder in folders for word in ("-isystem", folder))


@dataclass(frozen=True)
class Core:
    """A processor core and the machine that executes its programs."""

    board: Board  # the emulated board with this core and this machine
    flags: tuple[str, ...] = ()  # beside -mcpu, for programs without flags of their own
    code: int = 0x00000000  # start of the memory for code
    data: int = 0x20000000  # start of the memory for data
    clock_hz: int = 25_000_000  # rate of the core's own timer, or of its counter

    @property
    def compiler(self) -> tuple[str, ...]:
        """The compiler and the flags of every bare program."""
        if self.board.riscv:
            kind = (
                "riscv64-unknown-elf-g++",
                f"-march={self.board.core}",
                *_RISCV,
                *_riscv_includes(),
            )
        else:
            kind = ("arm-none-eabi-g++", f"-mcpu={self.board.core}", "-mthumb")
        return (
            *(*kind, "-std=gnu++17"),
            *("-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off"),
            *("-ffunction-sections", "-fdata-sections"),
        )


M4 = Core(find_board("emulated"), FAST)
OTHER_CORES = {
    "M0": Core(find_board("emulated_m0"), ("-O2", "-masm-syntax-unified")),
    "M3": Core(find_board("emulated_m3"), ("-O2",)),
    "M7": Core(find_board("emulated_m7"), ("-O2", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16")),
    "M33": Core(
        find_board("emulated_m33"),
        ("-O2", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        code=0x10000000,
        data=0x38000000,
        clock_hz=20_000_000,
    ),
    "M55": Core(
        find_board("emulated_m55"),
        ("-O2", "-mfloat-abi=hard"),
        data=0x21000000,
        clock_hz=32_000_000,
    ),
    "RISC-V": Core(
        find_board("emulated_riscv"),
        ("-O2",),
        code=0x80000000,
        data=0x80400000,
        clock_hz=1_000_000_000,
    ),
}
CORES = {"M4": M4, **OTHER_CORES}
_RISCV_BOARD = FIRMWARE / "emulated" / "architectures" / "riscv"
COMPILER = M4.compiler


def build(
    sources: Sequence[Path],
    includes: Sequence[Path],
    elf: Path,
    flags: Sequence[str] | None = None,
    core: Core = M4,
) -> Path:
    """Compile and link `sources`, which may be object files.

    Raises CalledProcessError with the compiler's output.
    """
    startup, library = [BARE / "startup.cpp"], ["--specs=rdimon.specs"]
    if core.board.riscv:
        includes = [*includes, _RISCV_BOARD]
        startup = [BARE / "startup_riscv.cpp", _RISCV_BOARD / "libc.cpp"]
        library = ["-nostdlib", "-lgcc"]
    command = [
        *(*core.compiler, *(core.flags if flags is None else flags)),
        *("-Wl,--gc-sections", "-nostartfiles"),
        *(f"-Wl,--defsym=code_start={core.code}", f"-Wl,--defsym=data_start={core.data}"),
        *(f"-T{BARE / 'bare.ld'}", "-Wl,--no-warn-rwx-segments"),
        *(f"-I{folder}" for folder in (BARE, *includes)),
        *map(str, (*startup, *sources)),
        *(*library, "-o", str(elf)),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return elf


def compile_library(compiler: Sequence[str], source: Path, target: Path, what: str) -> Path:
    """Compile a source of another library to the object `target`; return it.

    Raises:
        EstimateError: it does not compile; the message starts with `what`.
    """
    command = [*compiler, "-c", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or ["not compiled"]
        raise EstimateError(f"{what}: {lines[0]}")
    return target


def run(elf: Path, folder: Path, seconds: float = 120, core: Core = M4) -> str:
    """Run it with `folder` as its working directory; what it printed.

    Raises CalledProcessError if it ends with another code than 0.
    """
    done = subprocess.run(
        [
            *(
                ("qemu-system-riscv32", "-bios", "none")
                if core.board.riscv
                else ("qemu-system-arm",)
            ),
            *("-M", core.board.machine, "-nographic", "-monitor", "none"),
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

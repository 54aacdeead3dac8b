"""The command doctor: check everything that Vigil needs, from Python to the serial port.

Every check takes the `Computer` that it examines, so that a test can pass a prepared one.
"""

from __future__ import annotations

import enum
import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from packaging.requirements import InvalidRequirement, Requirement
from rich.markup import escape

from tools.boards.build import has_tflm_library
from tools.boards.ports import find_ports
from tools.cli.app import app
from tools.cli.options import TRAINING, console
from tools.link.transport import SerialTransport
from training.bundle.errors import LinkError

OLDEST_PYTHON = (3, 11)
OLDEST_QEMU = (7, 0)  # oldest version that the emulated board is tested with
QEMU_MACHINE = "mps2-an386"
UDEV_RULES = ("/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
TIMEOUT_S = 20.0


class State(enum.Enum):
    """Result of a check."""

    GOOD = "good"
    NOTE = "note"  # a limitation: the demo runs, some other command may not
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str  # the part that was checked
    state: State  # the result
    detail: str  # the version, or the problem
    remedy: str = ""  # what to do about the problem; empty if there is none


class Computer:
    """The computer, as far as the checks examine it."""

    python: tuple[int, ...] = sys.version_info[:3]
    system = sys.platform
    root = Path("/")

    def which(self, program: str) -> str | None:
        """Path of a program, or None."""
        return shutil.which(program)

    def says(self, *command: str) -> str:
        """Output of a program, errors included; empty if it cannot be run or fails."""
        try:
            ran = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return ran.stdout if ran.returncode == 0 else ""

    def requirements(self) -> list[str]:
        """Requirements of the installed package, as in pyproject.toml."""
        return importlib.metadata.requires("vigil-tinyml") or []

    def version(self, package: str) -> str | None:
        """Version of an installed Python package, or None."""
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return None

    def imports(self, module: str) -> str:
        """Empty if a module can be imported, else the reason."""
        try:
            importlib.import_module(module)
        except ImportError as problem:
            return str(problem)
        return ""

    def is_root(self) -> bool:
        """Whether the user is root, to whom permissions do not apply."""
        return hasattr(os, "geteuid") and os.geteuid() == 0

    def groups(self) -> set[str]:
        """Names of the login's groups."""
        import grp  # Unix only

        names = set()
        for number in {*os.getgroups(), os.getegid()}:
            try:
                names.add(grp.getgrgid(number).gr_name)
            except KeyError:
                continue
        return names

    def ports(self) -> list[tuple[str, str]]:
        """Port and name of every board that is plugged in, and how far it was tried."""
        return [(p.path, f"{p.board.name} ({p.board.checked})") for p in find_ports()]

    def open(self, port: str) -> str:
        """Empty if a port can be opened, else the reason and the remedy."""
        try:
            SerialTransport(port).close()
        except LinkError as problem:
            return str(problem)
        return ""

    def has_tflm(self) -> bool:
        """Whether the TensorFlow Lite Micro library is installed."""
        return has_tflm_library()


def python(computer: Computer) -> Finding:
    """Check that Python is new enough."""
    version = ".".join(map(str, computer.python))
    if computer.python >= OLDEST_PYTHON:
        return Finding("Python", State.GOOD, version)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Finding(
        "Python", State.BAD, version, f"install Python {oldest} or newer; then make setup"
    )


def packages(computer: Computer) -> Finding:
    """Check the packages that every command needs."""
    count, wrong = _installed(computer, "")
    if wrong:
        return Finding("Python packages", State.BAD, "; ".join(wrong), "make setup")
    return Finding("Python packages", State.GOOD, f"{count}, in the required versions")


def training_packages(computer: Computer) -> Finding:
    """Check the packages that training and measuring need; without them, the monitor works."""
    count, wrong = _installed(computer, "train")
    if wrong:
        return Finding("training packages", State.NOTE, "; ".join(wrong), TRAINING)
    return Finding("training packages", State.GOOD, f"{count}, in the required versions")


def _installed(computer: Computer, extra: str) -> tuple[int, list[str]]:
    """The number of packages that `extra` requires, and what is wrong with them."""
    wrong, count = [], 0
    for line in computer.requirements():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        marker = wanted.marker
        needed_by = "" if marker is None or marker.evaluate({"extra": ""}) else extra
        if needed_by != extra or not (marker is None or marker.evaluate({"extra": extra})):
            continue
        count += 1
        version = computer.version(wanted.name)
        if version is None:
            wrong.append(f"no {wanted.name}")
        elif not wanted.specifier.contains(version, prereleases=True):
            wrong.append(f"{wanted.name} {version}, not {wanted.specifier}")
    return count, wrong


def native(computer: Computer) -> Finding:
    """Check the firmware's signal chain, compiled for Python."""
    problem = computer.imports("training.native.core")
    if problem:
        return Finding("signal chain", State.BAD, problem, "make setup compiles it (needs g++)")
    return Finding("signal chain", State.GOOD, "compiled for this Python")


def compilers(computer: Computer) -> Iterator[Finding]:
    """Check the C++ compilers for this computer and for Arm."""
    for name, program, package in (
        ("C++ compiler", "g++", "g++"),
        ("Arm compiler", "arm-none-eabi-g++", "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib"),
    ):
        if computer.which(program) is None:
            yield Finding(name, State.BAD, f"no {program} on PATH", f"apt-get install {package}")
            continue
        version = computer.says(program, "-dumpfullversion").strip() or "no answer"
        yield Finding(name, State.GOOD, f"{program} {version}")
    if computer.which("arm-none-eabi-g++") is not None:
        library = computer.says("arm-none-eabi-gcc", "-print-file-name=libc_nano.a").strip()
        if "/" not in library:
            package = "libnewlib-arm-none-eabi"
            yield Finding(
                "Arm C library", State.BAD, "no libc_nano.a", f"apt-get install {package}"
            )
        else:
            yield Finding("Arm C library", State.GOOD, "newlib nano")


def qemu(computer: Computer) -> Finding:
    """Check that QEMU is new enough and emulates the board."""
    if computer.which("qemu-system-arm") is None:
        return Finding(
            "QEMU", State.BAD, "no qemu-system-arm on PATH", "apt-get install qemu-system-arm"
        )
    match = re.search(r"version (\d+)\.(\d+)[.\d]*", computer.says("qemu-system-arm", "--version"))
    if match is None:
        return Finding("QEMU", State.BAD, "it does not start", "apt-get install qemu-system-arm")
    version = match[0].removeprefix("version ")
    if (int(match[1]), int(match[2])) < OLDEST_QEMU:
        oldest = ".".join(map(str, OLDEST_QEMU))
        return Finding("QEMU", State.NOTE, version, f"tested with {oldest} and newer")
    if QEMU_MACHINE not in computer.says("qemu-system-arm", "-machine", "help"):
        return Finding(
            "QEMU", State.BAD, f"{version}, without {QEMU_MACHINE}", "install the full package"
        )
    return Finding("QEMU", State.GOOD, f"{version}, with {QEMU_MACHINE}")


def riscv(computer: Computer) -> Finding:
    """Check compiler and emulator of the RISC-V board, which nothing else needs."""
    wanted = {
        "riscv64-unknown-elf-g++": "gcc-riscv64-unknown-elf",
        "qemu-system-riscv32": "qemu-system-misc",
    }
    missing = [program for program in wanted if computer.which(program) is None]
    if missing:
        packages = " ".join(wanted[program] for program in missing)
        detail = f"no {' and no '.join(missing)} on PATH"
        remedy = f"for emulated_riscv only: apt-get install {packages}"
        return Finding("RISC-V", State.NOTE, detail, remedy)
    version = computer.says("riscv64-unknown-elf-g++", "-dumpfullversion").strip() or "no answer"
    return Finding("RISC-V", State.GOOD, f"riscv64-unknown-elf-g++ {version}, with QEMU")


def platformio(computer: Computer) -> Iterator[Finding]:
    """Check the build system, and whether its TensorFlow Lite Micro library is installed."""
    version = computer.version("platformio")
    if version is None:
        yield Finding("PlatformIO", State.BAD, "not installed", "make setup")
        return
    if not computer.says(sys.executable, "-m", "platformio", "--version").strip():
        yield Finding("PlatformIO", State.BAD, f"{version}, but does not start", "make setup")
        return
    yield Finding("PlatformIO", State.GOOD, version)
    if computer.has_tflm():
        yield Finding("TensorFlow Lite Micro", State.GOOD, "installed for the emulated board")
    else:
        remedy = "the first build with --engine tflm downloads it; that needs a network"
        yield Finding("TensorFlow Lite Micro", State.NOTE, "not installed yet", remedy)


def ports(computer: Computer) -> Iterator[Finding]:
    """Check that the port of every board that is plugged in can be opened."""
    boards = computer.ports()
    if not boards:
        remedy = (
            "plug one in with a USB cable that carries data; until then, use the emulated board"
        )
        yield Finding("boards", State.NOTE, "none plugged in", remedy)
    for path, name in boards:
        problem = computer.open(path)
        if problem:
            reason, _, remedy = problem.removeprefix(f"{path}: ").partition(": ")
            yield Finding("boards", State.BAD, f"{name} on {path}: {reason}", remedy or reason)
        else:
            yield Finding("boards", State.GOOD, f"{name} on {path}")


def permission(computer: Computer) -> Finding | None:
    """Check the right to open serial ports, on Linux."""
    if not computer.system.startswith("linux"):
        return None
    if computer.is_root():
        return Finding("permission", State.GOOD, "root may open every port")
    mine = computer.groups() & {"dialout", "uucp"}
    if mine:
        return Finding("permission", State.GOOD, f"you are in group {', '.join(sorted(mine))}")
    remedy = "sudo usermod -a -G dialout $USER, then log in again"
    return Finding("permission", State.NOTE, "you are not in group dialout", remedy)


def modem_manager(computer: Computer) -> Finding | None:
    """Check for ModemManager, which probes each new serial port and blocks it for some seconds."""
    if not computer.system.startswith("linux"):
        return None
    if not _running(computer, "ModemManager"):
        return Finding("ModemManager", State.GOOD, "not running")
    if _udev_rules(computer):
        return Finding("ModemManager", State.GOOD, "running; udev rules keep it off the boards")
    remedy = (
        "wait some seconds after plugging in, or install PlatformIO's udev rules "
        "(99-platformio-udev.rules), or sudo systemctl stop ModemManager"
    )
    return Finding("ModemManager", State.NOTE, "running; it probes each new port", remedy)


def _running(computer: Computer, name: str) -> bool:
    for comm in (computer.root / "proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == name[:15]:
                return True
        except OSError:
            continue
    return False


def _udev_rules(computer: Computer) -> bool:
    """Whether a udev rule makes ModemManager ignore Arduino's devices (USB vendor 2341)."""
    for folder in UDEV_RULES:
        for rules in (computer.root / folder.lstrip("/")).glob("*.rules"):
            try:
                text = rules.read_text(errors="replace")
            except OSError:
                continue
            if "2341" in text and "ID_MM_DEVICE_IGNORE" in text:
                return True
    return False


@app.command()
def doctor() -> None:
    """Check everything that Vigil needs, from Python to the serial port."""
    out, good = console(), True
    good_sign, note_sign, bad_sign = "+-x" if out.options.ascii_only else "✓•✗"
    marks = {
        State.GOOD: f"[green]{good_sign}[/]",
        State.NOTE: f"[yellow]{note_sign}[/]",
        State.BAD: f"[red]{bad_sign}[/]",
    }
    for finding in examine():
        good &= finding.state is not State.BAD
        line = f"{marks[finding.state]} {finding.name:<22} {escape(finding.detail)}"
        remedy = f": {escape(finding.remedy)}" if finding.remedy else ""
        out.print(line + remedy, soft_wrap=True)
    if not good:
        raise typer.Exit(1)


Check = Callable[[Computer], Finding | Iterator[Finding] | None]
CHECKS: Sequence[Check] = (
    python,
    packages,
    training_packages,
    native,
    compilers,
    qemu,
    riscv,
    platformio,
    ports,
    permission,
    modem_manager,
)


def examine(computer: Computer | None = None) -> Iterator[Finding]:
    """Run every check, in the order of the chain."""
    computer = computer or Computer()
    for check in CHECKS:
        result = check(computer)
        if isinstance(result, Finding):
            yield result
        elif result is not None:
            yield from result

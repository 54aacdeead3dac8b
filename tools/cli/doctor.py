"""Whether everything is there that Vigil needs, from Python to the serial port; a line each.

Every check takes the `Machine` that it looks at, so that a test can hand it another.
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

OLDEST_PYTHON = (3, 11)
OLDEST_QEMU = (7, 0)  # what the emulated board is tested with
QEMU_MACHINE = "mps2-an386"
UDEV_RULES = ("/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
TIMEOUT_S = 20.0


class State(enum.Enum):
    """How a check ended."""

    GOOD = "good"
    NOTE = "note"  # nothing fails for it, or only what was not asked for yet
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and what to do where it is not good."""

    name: str
    state: State
    found: str
    do: str = ""


class Machine:
    """What the checks may look at."""

    python: tuple[int, ...] = sys.version_info[:3]
    system = sys.platform
    root = Path("/")

    def which(self, program: str) -> str | None:
        """Where a program is."""
        return shutil.which(program)

    def says(self, *command: str) -> str:
        """What a program prints, errors included; empty if it cannot be run."""
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
        """What the installed package asks for, as in pyproject.toml."""
        return importlib.metadata.requires("vigil-tinyml") or []

    def version(self, package: str) -> str | None:
        """Of an installed Python package."""
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return None

    def imports(self, module: str) -> str:
        """Empty if a module can be imported, else why not."""
        try:
            importlib.import_module(module)
        except ImportError as problem:
            return str(problem)
        return ""

    def is_root(self) -> bool:
        """Whether permissions do not matter."""
        return hasattr(os, "geteuid") and os.geteuid() == 0

    def groups(self) -> set[str]:
        """Names of the groups of this login."""
        import grp

        names = set()
        for number in {*os.getgroups(), os.getegid()}:
            try:
                names.add(grp.getgrgid(number).gr_name)
            except KeyError:
                continue
        return names

    def ports(self) -> list[tuple[str, str]]:
        """Path and board of every board that is plugged in."""
        from tools.boards.ports import find_ports

        return [(port.path, port.board.name) for port in find_ports()]

    def open(self, port: str) -> str:
        """Empty if a port can be opened, else why not and what to do."""
        from tools.link.transport import SerialTransport
        from training.bundle.errors import LinkError

        try:
            SerialTransport(port).close()
        except LinkError as problem:
            return str(problem)
        return ""

    def has_tflm(self) -> bool:
        """Whether the TensorFlow Lite Micro library is there already."""
        from tools.boards.build import has_tflm_library

        return has_tflm_library()


def python(machine: Machine) -> Finding:
    """New enough."""
    found = ".".join(map(str, machine.python))
    if machine.python >= OLDEST_PYTHON:
        return Finding("Python", State.GOOD, found)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Finding("Python", State.BAD, found, f"install Python {oldest} or newer; then make setup")


def packages(machine: Machine) -> Finding:
    """All there, in the versions that pyproject.toml asks for."""
    from packaging.requirements import InvalidRequirement, Requirement

    wrong, count = [], 0
    for line in machine.requirements():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        count += 1
        version = machine.version(wanted.name)
        if version is None:
            wrong.append(f"no {wanted.name}")
        elif not wanted.specifier.contains(version, prereleases=True):
            wrong.append(f"{wanted.name} {version}, not {wanted.specifier}")
    if wrong:
        return Finding("Python packages", State.BAD, "; ".join(wrong), "make setup")
    return Finding("Python packages", State.GOOD, f"{count}, in the versions asked for")


def native(machine: Machine) -> Finding:
    """The firmware's signal chain, compiled for Python."""
    problem = machine.imports("training.native.core")
    if problem:
        return Finding("signal chain", State.BAD, problem, "make setup compiles it (needs g++)")
    return Finding("signal chain", State.GOOD, "compiled for this Python")


def compilers(machine: Machine) -> Iterator[Finding]:
    """For this machine and for Arm."""
    for name, program, package in (
        ("C++ compiler", "g++", "g++"),
        ("Arm compiler", "arm-none-eabi-g++", "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib"),
    ):
        if machine.which(program) is None:
            yield Finding(name, State.BAD, f"no {program} on PATH", f"apt-get install {package}")
            continue
        version = machine.says(program, "-dumpfullversion").strip() or "no answer"
        yield Finding(name, State.GOOD, f"{program} {version}")
    if machine.which("arm-none-eabi-g++") is not None:
        place = machine.says("arm-none-eabi-gcc", "-print-file-name=libc_nano.a").strip()
        if "/" not in place:
            package = "libnewlib-arm-none-eabi"
            yield Finding(
                "Arm C library", State.BAD, "no libc_nano.a", f"apt-get install {package}"
            )
        else:
            yield Finding("Arm C library", State.GOOD, "newlib nano")


def qemu(machine: Machine) -> Finding:
    """New enough, and with the board that is emulated."""
    if machine.which("qemu-system-arm") is None:
        return Finding(
            "QEMU", State.BAD, "no qemu-system-arm on PATH", "apt-get install qemu-system-arm"
        )
    found = re.search(r"version (\d+)\.(\d+)[.\d]*", machine.says("qemu-system-arm", "--version"))
    if found is None:
        return Finding("QEMU", State.BAD, "it does not start", "apt-get install qemu-system-arm")
    version = found[0].removeprefix("version ")
    if (int(found[1]), int(found[2])) < OLDEST_QEMU:
        oldest = ".".join(map(str, OLDEST_QEMU))
        return Finding("QEMU", State.NOTE, version, f"tested with {oldest} and newer")
    if QEMU_MACHINE not in machine.says("qemu-system-arm", "-machine", "help"):
        return Finding("QEMU", State.BAD, f"{version}, without {QEMU_MACHINE}", "install all of it")
    return Finding("QEMU", State.GOOD, f"{version}, with {QEMU_MACHINE}")


def platformio(machine: Machine) -> Iterator[Finding]:
    """The build system, and what it need not download any more."""
    version = machine.version("platformio")
    if version is None:
        yield Finding("PlatformIO", State.BAD, "not installed", "make setup")
        return
    said = machine.says(sys.executable, "-m", "platformio", "--version").strip()
    if not said:
        yield Finding("PlatformIO", State.BAD, f"{version}, but does not start", "make setup")
        return
    yield Finding("PlatformIO", State.GOOD, version)
    if machine.has_tflm():
        yield Finding("TensorFlow Lite Micro", State.GOOD, "there for the emulated board")
    else:
        do = "with a network, the first build with --engine tflm fetches it"
        yield Finding("TensorFlow Lite Micro", State.NOTE, "not here yet", do)


def ports(machine: Machine) -> Iterator[Finding]:
    """Boards that are plugged in, and whether they can be spoken to."""
    found = machine.ports()
    if not found:
        do = "plug one in with a cable that carries data; until then the emulated one is used"
        yield Finding("boards", State.NOTE, "none plugged in", do)
    for path, name in found:
        problem = machine.open(path)
        if problem:
            said, _, do = problem.removeprefix(f"{path}: ").partition(": ")
            yield Finding("boards", State.BAD, f"{name} on {path}: {said}", do or said)
        else:
            yield Finding("boards", State.GOOD, f"{name} on {path}")


def permission(machine: Machine) -> Finding | None:
    """The right to open a serial port, on Linux."""
    if not machine.system.startswith("linux"):
        return None
    if machine.is_root():
        return Finding("permission", State.GOOD, "root may open every port")
    mine = machine.groups() & {"dialout", "uucp"}
    if mine:
        return Finding("permission", State.GOOD, f"you are in group {', '.join(sorted(mine))}")
    do = "sudo usermod -a -G dialout $USER, then log in again"
    return Finding("permission", State.NOTE, "you are not in group dialout", do)


def modem_manager(machine: Machine) -> Finding | None:
    """Takes every new serial port for a modem, and holds it for some seconds."""
    if not machine.system.startswith("linux"):
        return None
    if not _running(machine, "ModemManager"):
        return Finding("ModemManager", State.GOOD, "does not run")
    if _udev_rules(machine):
        return Finding("ModemManager", State.GOOD, "runs; udev rules keep it off the boards")
    do = (
        "wait some seconds after plugging in, or install PlatformIO's udev rules "
        "(99-platformio-udev.rules), or sudo systemctl stop ModemManager"
    )
    return Finding("ModemManager", State.NOTE, "runs, and probes a board's port", do)


def _running(machine: Machine, name: str) -> bool:
    for place in (machine.root / "proc").glob("[0-9]*/comm"):
        try:
            if place.read_text().strip() == name[:15]:
                return True
        except OSError:
            continue
    return False


def _udev_rules(machine: Machine) -> bool:
    """Whether any rule tells ModemManager to leave Arduino's devices (USB vendor 2341) alone."""
    for folder in UDEV_RULES:
        for place in (machine.root / folder.lstrip("/")).glob("*.rules"):
            try:
                text = place.read_text(errors="replace")
            except OSError:
                continue
            if "2341" in text and "ID_MM_DEVICE_IGNORE" in text:
                return True
    return False


Check = Callable[[Machine], Finding | Iterator[Finding] | None]
CHECKS: Sequence[Check] = (
    python,
    packages,
    native,
    compilers,
    qemu,
    platformio,
    ports,
    permission,
    modem_manager,
)


def examine(machine: Machine | None = None) -> Iterator[Finding]:
    """Every finding, in the order of the chain."""
    machine = machine or Machine()
    for check in CHECKS:
        found = check(machine)
        if isinstance(found, Finding):
            yield found
        elif found is not None:
            yield from found

"""The doctor, on machines where something is missing: every line gives the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.cli import doctor
from tools.cli.doctor import Computer, Finding, State, examine

VERSIONS = {"numpy": "2.3.1", "platformio": "6.2.0", "tensorflow": "2.21.0"}


class Healthy(Computer):
    """A machine where all is well, and where anything can be taken away."""

    python = (3, 12, 1)
    system = "linux"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.missing: set[str] = set()
        self.plugged = [("/dev/ttyACM0", "Arduino Nano 33 BLE")]
        self.problem = ""
        self.answers = {
            "g++": "12.2.0\n",
            "arm-none-eabi-g++": "12.2.1\n",
            "arm-none-eabi-gcc": "/usr/lib/arm-none-eabi/newlib/libc_nano.a\n",
            "qemu-system-arm --version": "QEMU emulator version 7.2.9 (Debian)\n",
            "qemu-system-arm -machine": "mps2-an386  ARM MPS2\n",
        }
        (root / "proc" / "1").mkdir(parents=True)
        (root / "proc" / "1" / "comm").write_text("init\n")

    def which(self, program: str) -> str | None:
        return None if program in self.missing else f"/usr/bin/{program}"

    def says(self, *command: str) -> str:
        if "platformio" in command:
            return "PlatformIO Core, version 6.2.0\n"
        answer = self.answers.get(" ".join(command[:2]), self.answers.get(command[0], ""))
        return "" if command[0] in self.missing else answer

    def requirements(self) -> list[str]:
        return [
            "numpy>=2.2",
            "platformio==6.2.0",
            'tensorflow==2.21.0; extra == "train"',
            'pytest>=8; extra == "dev"',
        ]

    def version(self, package: str) -> str | None:
        return None if package in self.missing else VERSIONS.get(package)

    def imports(self, module: str) -> str:
        return f"No module named '{module}'" if module in self.missing else ""

    def is_root(self) -> bool:
        return False

    def groups(self) -> set[str]:
        return {"users"} if "dialout" in self.missing else {"users", "dialout"}

    def ports(self) -> list[tuple[str, str]]:
        return self.plugged

    def open(self, port: str) -> str:
        return self.problem

    def has_tflm(self) -> bool:
        return "tflm" not in self.missing

    def find(self, name: str) -> Finding:
        (finding,) = (f for f in examine(self) if f.name == name)
        return finding


@pytest.fixture
def machine(tmp_path: Path) -> Healthy:
    return Healthy(tmp_path)


def test_all_is_well_on_a_healthy_machine(machine):
    findings = list(examine(machine))
    assert [f for f in findings if f.state is not State.GOOD] == []
    assert len(findings) >= len(doctor.CHECKS)


@pytest.mark.parametrize(
    ("missing", "name", "state", "remedy"),
    [
        ("g++", "C++ compiler", State.BAD, "apt-get install g++"),
        ("arm-none-eabi-g++", "Arm compiler", State.BAD, "gcc-arm-none-eabi"),
        ("arm-none-eabi-gcc", "Arm C library", State.BAD, "libnewlib-arm-none-eabi"),
        ("qemu-system-arm", "QEMU", State.BAD, "apt-get install qemu-system-arm"),
        ("riscv64-unknown-elf-g++", "RISC-V", State.NOTE, "apt-get install gcc-riscv64"),
        ("qemu-system-riscv32", "RISC-V", State.NOTE, "apt-get install qemu-system-misc"),
        ("numpy", "Python packages", State.BAD, "make setup"),
        ("tensorflow", "training packages", State.NOTE, "pip install -e '.[train]'"),
        ("platformio", "PlatformIO", State.BAD, "make setup"),
        ("training.native.core", "signal chain", State.BAD, "make setup"),
        ("tflm", "TensorFlow Lite Micro", State.NOTE, "--engine tflm"),
        ("dialout", "permission", State.NOTE, "usermod -a -G dialout"),
    ],
)
def test_what_is_missing_is_found_and_the_remedy_is_given(machine, missing, name, state, remedy):
    machine.missing = {missing}
    finding = machine.find(name)
    assert finding.state is state
    assert remedy in finding.remedy


def test_an_old_python_is_found(machine):
    machine.python = (3, 10, 4)
    assert machine.find("Python").state is State.BAD


def test_a_package_of_another_version_is_named(machine, monkeypatch):
    monkeypatch.setitem(VERSIONS, "platformio", "6.1.0")
    assert machine.find("Python packages").detail == "platformio 6.1.0, not ==6.2.0"


def test_a_qemu_without_the_board_is_found(machine):
    machine.answers["qemu-system-arm -machine"] = "virt\n"
    assert machine.find("QEMU").state is State.BAD


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        ("/dev/ttyACM0: no permission: sudo usermod -a -G dialout $USER", "usermod"),
        ("/dev/ttyACM0: busy: close the other monitor", "close the other monitor"),
    ],
)
def test_a_port_that_cannot_be_opened_says_why(machine, problem, remedy):
    machine.problem = problem
    finding = machine.find("boards")
    assert finding.state is State.BAD and remedy in finding.remedy


def test_no_board_is_a_note(machine):
    machine.plugged = []
    assert machine.find("boards").state is State.NOTE


def test_modem_manager_is_a_note_unless_udev_keeps_it_away(machine):
    (machine.root / "proc" / "1" / "comm").write_text("ModemManager\n")
    assert machine.find("ModemManager").state is State.NOTE
    rules = machine.root / "etc/udev/rules.d"
    rules.mkdir(parents=True)
    (rules / "99-platformio-udev.rules").write_text(
        'ATTRS{idVendor}=="2341", ENV{ID_MM_DEVICE_IGNORE}="1"\n'
    )
    assert machine.find("ModemManager").state is State.GOOD


def test_this_machine_is_examined_without_a_failure_of_the_doctor():
    findings = list(examine())
    assert {"Python", "Python packages", "signal chain", "boards"} <= {f.name for f in findings}
    assert all(f.remedy for f in findings if f.state is not State.GOOD)

"""Images that link but cannot run are refused: firmware/limits.py."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.small_image import GXX, needs_compiler
from tools.checkout import FIRMWARE

pytestmark = [pytest.mark.toolchain, needs_compiler]


def check_state() -> Callable[..., int]:
    """The build's check, as PlatformIO's build program runs it."""
    environment = SimpleNamespace(
        AddPostAction=lambda *_: None, VerboseAction=lambda action, _: action
    )
    script = FIRMWARE / "limits.py"
    names = {"env": environment, "Import": lambda _: None}
    exec(compile(script.read_text(encoding="utf-8"), script, "exec"), names)
    return names["check_state"]


def state_of(elf: Path, core: str = "cortex-m4") -> int:
    board = SimpleNamespace(get=lambda name, default="": {"build.cpu": core}.get(name, default))
    return check_state()([], [elf], SimpleNamespace(BoardConfig=lambda: board))


def image(folder: Path, *flags: str) -> Path:
    """A program that calls the C library, linked with `flags`."""
    assert GXX is not None
    source = folder / "main.cpp"
    source.write_text('#include <cstdlib>\nint main() { return std::atoi("1"); }\n')
    elf = folder / "firmware.elf"
    machine = ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16"]
    specs = ["--specs=nano.specs", "--specs=nosys.specs", "-Wl,-w"]
    subprocess.run(
        [GXX, *machine, *flags, *specs, str(source), "-o", str(elf)],
        check=True,
        capture_output=True,
    )
    return elf


def test_one_float_abi_passes(tmp_path: Path) -> None:
    assert state_of(image(tmp_path, "-mfloat-abi=softfp")) == 0


def test_two_float_abis_link_a_library_in_arm_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elf = image(tmp_path, "-mfloat-abi=softfp", "-mfloat-abi=soft")
    assert state_of(elf) == 1
    assert "build_unflags in platformio.ini" in capsys.readouterr().err
    assert state_of(elf, core="cortex-a9") == 0  # which executes Arm state


def test_the_nanos_environments_take_the_second_abi_away() -> None:
    lines = (FIRMWARE / "platformio.ini").read_text(encoding="utf-8").splitlines()
    assert "build_unflags = -mfloat-abi=soft" in lines
    assert "extends = arduino_mbed" in lines

"""Without the packages of training, boards are watched; without POSIX, all but the emulator."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.hidden_modules import POSIX, TRAINING, hide, run_python
from tools.checkout import ROOT

EVERY_MODULE = """
import importlib, pkgutil, sys
for package in map(importlib.import_module, ("tools", "training")):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as problem:
                sys.exit(f"{module.name}: {problem}")
"""


@pytest.fixture
def light(tmp_path: Path) -> dict[str, str]:
    """An environment in which only what `pip install -e .` brings can be imported."""
    return hide(tmp_path, TRAINING)


def test_the_hidden_modules_are_those_of_the_training_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {"scikit-learn": "sklearn", "tensorflow": "tensorflow"}
    listed = {
        named.get(name, name)
        for line in project["optional-dependencies"]["train"]
        for name in re.findall(r"^[\w-]+", line)
    }
    assert listed | {"keras"} == set(TRAINING)  # TensorFlow installs Keras
    assert not any(re.match(r"tensorflow\b", line) for line in project["dependencies"])


@pytest.mark.parametrize(
    "command", ["monitor", "record", "replay", "build", "flash", "convert", "boards", "inspect"]
)
def test_boards_are_built_for_and_watched(light: dict[str, str], command: str) -> None:
    ran = run_python(light, "-m", "tools.cli", command, "--help")
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr


@pytest.mark.parametrize("command", ["train simulated", "report x", "zoo"])
def test_what_needs_training_packages_says_how_to_install_them(
    light: dict[str, str], command: str
) -> None:
    ran = run_python(light, "-m", "tools.cli", *command.split())
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert re.search(r"this needs the package \w+, .* pip install -e '\.\[train\]'", line)


def test_a_file_is_inspected_without_a_picture(light: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "pump.csv"
    file.write_text("time,pressure\n" + "".join(f"{i},{i % 50}\n" for i in range(2000)))
    ran = run_python(light, "-m", "tools.cli", "inspect", str(file))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "no picture, which needs the packages of training: pip install -e" in ran.stdout
    assert "pressure" in ran.stdout and "vigil train" in ran.stdout
    asked = str(tmp_path / "pump.png")
    ran = run_python(light, "-m", "tools.cli", "inspect", str(file), "--picture", asked)
    assert ran.returncode == 2 and "needs the package matplotlib" in ran.stderr


def test_counting_instructions_says_how_to_install_the_packages(light: dict[str, str]) -> None:
    code = "from tools.measure.estimate import Machine; Machine('firmware.elf')"
    ran = run_python(light, "-c", code)
    assert "ModuleNotFoundError: No module named 'unicorn'" in ran.stderr


def test_help_lists_every_command(light: dict[str, str]) -> None:
    ran = run_python(light, "-m", "tools.cli", "--help")
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"train +Not installed: pip install -e", ran.stdout)
    assert "monitor" in ran.stdout


def test_the_doctor_says_what_is_missing_and_how_to_install_it(light: dict[str, str]) -> None:
    ran = run_python(light, "-m", "tools.cli", "doctor")
    assert "Traceback" not in ran.stderr and "signal chain" in ran.stdout


def test_no_module_needs_posix_when_it_is_imported(tmp_path: Path) -> None:
    """PySerial chooses its own module for the system, so it is imported before POSIX is hidden."""
    windows = (
        "import asyncio, os, pathlib, platformio, serial.tools.list_ports, signal, subprocess\n"
        "import filelock, uvicorn, websockets, textual.app, multiprocessing, concurrent.futures\n"
        "for name in ('SIGHUP', 'pthread_kill'):\n"
        "    delattr(signal, name)\n"
        "for name in ('memfd_create', 'set_blocking', 'fork', 'geteuid'):\n"
        "    delattr(os, name)\n"
    )
    ran = run_python(hide(tmp_path, POSIX, windows), "-c", EVERY_MODULE)
    assert ran.returncode == 0, ran.stderr


def test_the_emulated_board_is_refused_in_one_line_where_it_cannot_run(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; del os.memfd_create\n"
        "from tools.boards.emulated import EmulatedBoard\n"
        "try: EmulatedBoard(pathlib.Path('firmware.elf'))\n"
        "except Exception as problem: print(type(problem).__name__, problem)\n"
    )
    ran = run_python(hide(tmp_path, ()), "-c", code)
    assert ran.stdout.startswith("BoardError the emulated board runs on Linux only"), ran.stderr

"""`make setup` and the virtual environment that it finds."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.checkout import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make on PATH")


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing to install; `python3 -m venv` makes an environment of stubs."""
    folder = tmp_path / 'my föld er, it\'s "q"'
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "pyproject.toml").touch()
    script(folder / ".ci" / "apt", "exit 0")
    script(
        tmp_path / "bin" / "python3",
        'mkdir -p "$3/bin" && printf "#!/bin/sh\\nexit 0\\n" > "$3/bin/python"'
        ' && chmod +x "$3/bin/python"',
    )
    script(tmp_path / "bin" / "arm-none-eabi-gcc", "echo 12")
    return folder


def make_setup(checkout: Path) -> None:
    path = f"{checkout.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["make", "setup"],
        cwd=checkout,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("status", [1, None])
def test_an_environment_whose_python_is_too_old_or_gone_is_made_again(
    checkout: Path, status: int | None
) -> None:
    venv = checkout / ".venv"
    venv.mkdir()
    for name in (".ready", ".packages", "left over"):
        (venv / name).touch()
    if status is not None:
        script(venv / "bin" / "python", f"exit {status}")
    make_setup(checkout)
    assert not (venv / "left over").exists()
    assert (venv / ".ready").exists() and (venv / "bin" / "python").exists()


def test_a_usable_environment_is_kept(checkout: Path) -> None:
    make_setup(checkout)
    (checkout / ".venv" / "kept").touch()
    make_setup(checkout)
    assert (checkout / ".venv" / "kept").exists()

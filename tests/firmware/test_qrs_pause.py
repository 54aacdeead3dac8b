"""Beats are found after a pause of any length: times of the QRS detector wrap around."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.support.build_cache import compile_objects, link
from tools.checkout import LIBRARIES, ROOT

SOURCE = ROOT / "tests/support/cpp/qrs_pause.cpp"
COMPILER = [
    *("g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover"),
]


def test_every_beat_after_a_pause_of_months_is_found() -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed (run: make setup)")
    includes = [LIBRARIES / "signal", LIBRARIES / "span"]
    sources = [SOURCE, LIBRARIES / "signal/qrs.cpp"]
    program = link(COMPILER, compile_objects(COMPILER, sources, includes), "qrs_pause")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["100"] * 5

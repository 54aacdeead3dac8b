"""A command in a child process: its exit code, and one line when a library kills it."""

from __future__ import annotations

import subprocess
import sys

from tools.checkout import ROOT

PROGRAM = """
import os, sys, typer
from tools.cli.child import continue_in_child
from training.bundle.errors import ConvertError

before = os.getpid()
try:
    continue_in_child("m.tflite")
except typer.Exit as end:
    sys.exit(end.exit_code)
except ConvertError as problem:
    sys.exit(str(problem))
assert os.getpid() != before
print("child", flush=True)
"""


def run(end: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + end], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_exit_code_is_the_child_s() -> None:
    ran = run("sys.exit(2)")
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "child\n", "")


def test_a_crash_is_one_line_and_the_memory_is_limited() -> None:
    ran = run("try: bytearray(1 << 40)\nexcept MemoryError: os.kill(os.getpid(), 11)")
    assert ran.returncode == 1 and ran.stdout == "child\n"
    (line,) = ran.stderr.splitlines()
    assert line.startswith("m.tflite: TensorFlow crashes on it (SIGSEGV)")
    assert line.endswith("copy or convert it again")

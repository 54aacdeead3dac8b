"""Fuzz every target, two at a time, and print a table of the results.

    python -m tests.fuzz.run [--seconds 60] [--seed N] [TARGET...]

With a seed, a run repeats the same inputs as far as its time allows; without one, every run tries
others. The exit code is 1 after a finding: its input is then in `findings/`, and the command that
adds it to the regressions is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.saved_inputs import command_to_add, findings

DESCRIPTIONS = {
    "board_bytes": "C++: the board's receiver and state machine, raw bytes",
    "board_frames": "C++: the same, frames with a correct CRC and any payload",
    "host_bytes": "Python: the host's receiver and session, raw bytes",
    "host_frames": "Python: the same, frames with a correct CRC",
    "manifest": "manifest.json",
    "golden": "golden.npz, read as part of a bundle",
    "model": "model.tflite, converted for both engines",
}


@dataclass(frozen=True)
class Result:
    """The result of fuzzing one target."""

    name: str
    executions: int
    findings: list[Path]
    seconds: float
    failed: bool
    output: str


def command(name: str, seconds: float, seed: int, work: Path) -> list[str]:
    """The command that fuzzes a target; seed 0 draws one."""
    module = "board_fuzz" if name.startswith("board_") else "python_fuzz"
    words = [name, f"{seconds:.0f}", str(seed), str(work)]
    return [sys.executable, "-m", f"tests.fuzz.{module}", *words]


def fuzz(name: str, seconds: float, seed: int) -> Result:
    """Fuzz one target in a temporary folder of its own."""
    before = set(findings(name))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run(
            command(name, seconds, seed, Path(work)),
            env={**os.environ, "PYTHONHASHSEED": "0"},  # so that a seed repeats the order of sets
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    counts = re.findall(r"number_of_executed_units: (\d+)", done.stdout)
    new = sorted(set(findings(name)) - before)
    failed = done.returncode != 0 or not counts
    took = time.monotonic() - began
    return Result(name, int(counts[-1]) if counts else 0, new, took, failed, done.stdout)


def has_libfuzzer() -> bool:
    """Whether clang++ is installed with libFuzzer and the sanitizers."""
    if shutil.which("clang++") is None:
        return False
    code = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) {return 0;}'
    flags = ["-fsanitize=fuzzer,address,undefined", "-x", "c++", "-", "-o", os.devnull]
    done = subprocess.run(["clang++", *flags], input=code.encode(), capture_output=True)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", choices=[[], *DESCRIPTIONS], metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="0, the default, draws a seed")
    given = parser.parse_args()
    names = given.targets or list(DESCRIPTIONS)
    if not has_libfuzzer():
        print("board_*: skipped, needs clang++: apt-get install clang libclang-rt-dev")
        names = [name for name in names if not name.startswith("board_")]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda name: fuzz(name, given.seconds, given.seed), names))
    for result in results:
        if result.failed:
            print(f"--- {result.name}", *result.output.splitlines()[-40:], sep=os.linesep)
    print(f"{'target':13} {'executions':>11} {'findings':>8} {'seconds':>7}")
    for result in results:
        count = len(result.findings) or int(result.failed)
        print(
            f"{result.name:13} {result.executions:>11,} {count:>8} {result.seconds:>7.0f}"
            f"  {DESCRIPTIONS[result.name]}"
        )
        for path in result.findings:
            print(f"  to keep it: {command_to_add(result.name, path)}")
    return int(any(result.failed or result.findings for result in results))


if __name__ == "__main__":
    sys.exit(main())

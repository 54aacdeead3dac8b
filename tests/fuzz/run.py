"""Fuzzes every target and prints what came of it.

`python tests/fuzz/run.py [--seconds 60] [--seed N] [TARGET...]`, two targets at a time. Without a
seed every run goes other ways; with one it repeats, as far as it gets in its time. Ends with 1 if
any had a finding; its input then lies in TARGET_regressions, to be kept.
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

HERE = Path(__file__).resolve().parent

WHAT = {
    "board_bytes": "C++: the board's receiver and state machine, raw bytes",
    "board_frames": "C++: the same, frames with a right check, payloads of anything",
    "host_bytes": "Python: the host's receiver and session, raw bytes",
    "host_frames": "Python: the same, frames with a right check",
    "manifest": "manifest.json",
    "golden": "golden.npz, by the bundle's reader",
    "model": "model.tflite, to source for both engines",
}


@dataclass(frozen=True)
class Result:
    """Of one target."""

    name: str
    executions: int
    findings: list[Path]
    seconds: float
    failed: bool
    said: str


def command(name: str, seconds: float, seed: int, work: Path) -> list[str]:
    """What fuzzes a target; 0 draws a seed."""
    board = name.startswith("board_")
    program = (
        [str(HERE / "link_fuzz.sh")] if board else [sys.executable, "-m", "tests.fuzz.python_fuzz"]
    )
    return [*program, name, f"{seconds:.0f}", str(seed), str(work)]


def fuzz(name: str, seconds: float, seed: int) -> Result:
    """Runs one target in a folder of its own."""
    regressions = HERE / f"{'link' if name.startswith('board_') else name}_regressions"
    before = set(regressions.glob("*"))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run(
            command(name, seconds, seed, Path(work)),
            env={**os.environ, "PYTHONHASHSEED": "0"},  # sets in one order, so that a seed repeats
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    counts = re.findall(r"number_of_executed_units: (\d+)", done.stdout)
    found = sorted(set(regressions.glob("*")) - before)
    failed = done.returncode != 0 or not counts
    took = time.monotonic() - began
    return Result(name, int(counts[-1]) if counts else 0, found, took, failed, done.stdout)


def has_libfuzzer() -> bool:
    """Whether clang++ is there with libFuzzer and the sanitizers."""
    if shutil.which("clang++") is None:
        return False
    code = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) {return 0;}'
    flags = ["-fsanitize=fuzzer,address,undefined", "-x", "c++", "-", "-o", os.devnull]
    done = subprocess.run(["clang++", *flags], input=code.encode(), capture_output=True)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", choices=[[], *WHAT], metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="0, the default, draws one")
    given = parser.parse_args()
    names = given.targets or list(WHAT)
    if not has_libfuzzer():
        print(
            "board_*: left out, they need clang++ with libFuzzer: "
            "apt-get install clang libclang-rt-dev"
        )
        names = [name for name in names if not name.startswith("board_")]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda name: fuzz(name, given.seconds, given.seed), names))
    for result in results:
        if result.failed:
            print(f"--- {result.name}", *result.said.splitlines()[-40:], sep=os.linesep)
    print(f"{'target':13} {'executions':>11} {'findings':>8} {'seconds':>7}")
    for result in results:
        findings = len(result.findings) or int(result.failed)
        print(
            f"{result.name:13} {result.executions:>11,} {findings:>8} {result.seconds:>7.0f}"
            f"  {WHAT[result.name]}"
        )
        for path in result.findings:
            print(f"  {path.relative_to(HERE.parents[1])}")
    return int(any(result.failed or result.findings for result in results))


if __name__ == "__main__":
    sys.exit(main())

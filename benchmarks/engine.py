"""Instructions of the compiled engine, step by step, on the emulated Cortex-M4.

    .venv/bin/python -m benchmarks.engine build/ecg5000/model.tflite

It takes some seconds and prints a table: instructions of each step and per multiply-accumulate
(emulated), then bytes of code.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import emulator
from tools.convert.compiled import compile_model
from tools.convert.host import kernel_sources
from tools.convert.model import read_model
from tools.convert.plan import make_plan

TICK_NS, INSTRUCTION_NS = 40, 64


@dataclass(frozen=True)
class Measured:
    """Instructions of each step, of the whole inference, and the image's bytes by symbol."""

    steps: tuple[float, ...]
    total: float
    code: dict[str, int]


def measure(model: bytes, flags: Sequence[str] = emulator.FAST, *, plain: bool = False) -> Measured:
    """Run 20 random windows through `model` on the emulated machine; means."""
    parsed = read_model(model)
    rng = np.random.default_rng(1)
    inputs = rng.integers(-128, 128, (20, parsed.input.size)).astype(np.int8)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "inputs.bin").write_bytes(inputs.tobytes())
        whole = _ticks(parsed, folder, flags, plain, marked=False).mean(0)
        each = _ticks(parsed, folder, flags, plain, marked=True).mean(0)
        code = _symbols(folder / "bench.elf")
    scale = TICK_NS / INSTRUCTION_NS
    return Measured(
        steps=tuple((each[1:-1] - each[0]) * scale),
        total=float(whole[1] - whole[0]) * scale,
        code=code,
    )


def _ticks(model, folder: Path, flags: Sequence[str], plain: bool, marked: bool) -> np.ndarray:
    for name, text in compile_model(model, "bench", "bench", plain=plain).items():
        if marked and name.endswith(".cpp"):
            head, body = text.split("void infer(", 1)
            body = re.sub(r";\n", ";\n    bench_mark();\n", body)
            text = "void bench_mark();\n" + head + "void infer(" + body
        (folder / name).write_text(text)
    sources = [
        folder / "compiled_model.cpp",
        emulator.BARE / "engine_main.cpp",
        *kernel_sources(),
    ]
    elf = emulator.build(
        sources, [folder, emulator.LIBRARIES / "engine_compiled"], folder / "bench.elf", flags
    )
    lines = emulator.run(elf, folder).splitlines()
    return np.array([[float(field) for field in line.split()[1:]] for line in lines if line])


def _symbols(elf: Path) -> dict[str, int]:
    done = subprocess.run(
        ["arm-none-eabi-nm", "-S", "-C", "--size-sort", str(elf)],
        check=True,
        capture_output=True,
        text=True,
    )
    sizes = {}
    for line in done.stdout.splitlines():
        fields = line.split(maxsplit=3)
        if len(fields) == 4 and "vigil" in fields[3]:
            sizes[fields[3]] = int(fields[1], 16)
    return sizes


def main() -> None:
    """Print the table for the model named on the command line."""
    path = Path(sys.argv[1])
    data = path.read_bytes()
    flags = emulator.NANO if "--nano" in sys.argv else emulator.FAST
    plain = "--plain" in sys.argv
    measured = measure(data, flags, plain=plain)
    steps = make_plan(read_model(data), path.name, plain=plain).steps
    for i, (step, count) in enumerate(zip(steps, measured.steps, strict=True)):
        report = step.report
        per = f"{count / report.macs:.3f}" if report.macs else "-"
        print(f"{i:3} {report.kernel:12} {report.shape:18} {report.macs:7} {count:10.1f} {per:>6}")
    macs = sum(step.report.macs for step in steps)
    print(
        f"    whole model, emulated {macs:23} {measured.total:10.1f} {measured.total / macs:6.3f}"
    )
    for name, size in measured.code.items():
        print(f"    {size:6} {name[:110]}")


if __name__ == "__main__":
    main()

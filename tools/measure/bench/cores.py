"""Counts the compiled engine's instructions per inference on each emulated core, in QEMU.

The program counts itself, by a timer that runs from QEMU's count of instructions. The Unicorn
engine does not execute every core's code.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.checkout import LIBRARIES
from tools.convert.compiled import compile_model
from tools.convert.model import read_model
from tools.measure.bench import emulator
from training.bundle.errors import EstimateError
from training.bundle.interpreter import open_interpreter

_KERNELS = LIBRARIES / "engine_compiled"
_MAIN = emulator.BARE / "count_main.cpp"
_INSTRUCTION_NS = 64  # -icount shift=6


@dataclass(frozen=True)
class CoreCount:
    """Instructions of one inference on one core, mean over the windows."""

    core: str  # "M4"
    machine: str  # QEMU's
    instructions: float
    macs: int


def count_cores(model: bytes, inputs: NDArray[np.int8]) -> Iterator[CoreCount]:
    """Count an inference of `model` on each core; inputs int8 [n, input size].

    Raises:
        EstimateError: a tool is missing, or an output differs from the interpreter's.
    """
    if absent := emulator.missing():
        raise EstimateError(absent)
    expected = open_interpreter(model).run(inputs)
    for name, core in emulator.CORES.items():
        ticks, outputs = _run(core, model, inputs, expected.shape[1])
        if wrong := int((outputs != expected).sum()):
            raise EstimateError(f"{name}: {wrong} output bytes differ from the interpreter's")
        mean = float(np.mean(ticks)) * 1e9 / core.systick_hz / _INSTRUCTION_NS
        yield CoreCount(name, core.machine, mean, read_model(model).macs())


def _run(
    core: emulator.Core, model: bytes, inputs: NDArray[np.int8], size: int
) -> tuple[Sequence[int], NDArray[np.int8]]:
    """Return the ticks of each inference, and the outputs int8 [n, size]."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, text in compile_model(
            read_model(model), "bench", "bench", plain=not core.pairs
        ).items():
            (folder / name).write_text(text, encoding="utf-8")
        kernels = [path for path in sorted(_KERNELS.glob("*.cpp")) if path.name != "engine.cpp"]
        sources = [_MAIN, folder / "compiled_model.cpp", *kernels]
        inputs.tofile(folder / "inputs.bin")
        try:
            elf = emulator.build(sources, [folder, _KERNELS], folder / "count.elf", core=core)
            text = emulator.run(elf, folder, core=core)
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or error.stdout or "no output").splitlines()
            raise EstimateError(f"{core.cpu}: {lines[0]}") from error
        outputs = np.fromfile(folder / "outputs.bin", np.int8).reshape(-1, size)
    return [int(line) for line in text.split()], outputs

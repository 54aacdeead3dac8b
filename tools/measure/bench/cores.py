"""Counts the compiled engine's instructions per inference on each emulated core, in QEMU.

The program counts itself, by a timer that runs from QEMU's count of instructions. The Unicorn
engine does not execute every core's code.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.checkout import LIBRARIES
from tools.convert.compiled import compile_model
from tools.convert.graph import Model
from tools.convert.model import read_model
from tools.measure.bench import cmsis, emulator, reference_kernel
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
    # by CMSIS-NN's functions, or on RISC-V by TensorFlow Lite Micro's reference kernel; None if the
    # library is not installed or cannot run the model
    library: float | None = None


def count_cores(
    model: bytes, inputs: NDArray[np.int8], normal: NDArray[np.int8] | None = None
) -> Iterator[CoreCount]:
    """Count an inference of `model` on each core.

    Args:
        inputs: int8 [n, input size].
        normal: int8 [m, input size], other windows, by which the converter orders hidden units.

    Raises:
        EstimateError: a tool is missing, or an output differs from the interpreter's.
    """
    if absent := emulator.missing():
        raise EstimateError(absent)
    read, expected = read_model(model), open_interpreter(model).run(inputs)
    for name, core in emulator.CORES.items():
        if core.board.riscv and emulator.missing(core):
            continue
        beside = reference_kernel if core.board.riscv else cmsis
        library = beside.library() if cmsis.can_run(read) else None
        ours, outputs = _run(core, partial(_compiled, read, normal), inputs, expected.shape[1])
        _check(name, outputs, expected)
        theirs = None
        if library is not None:
            write = partial(beside.build, read, library=library)
            theirs, outputs = _run(core, write, inputs, expected.shape[1])
            _check(f"{name}, the library beside", outputs, expected)
        yield CoreCount(name, core.board.machine, ours, read.macs(), theirs)


def _check(name: str, outputs: NDArray[np.int8], expected: NDArray[np.int8]) -> None:
    if wrong := int((outputs != expected).sum()):
        raise EstimateError(f"{name}: {wrong} output bytes differ from the interpreter's")


Sources = Callable[[Path, emulator.Core], list[Path]]


def _compiled(
    model: Model, normal: NDArray[np.int8] | None, folder: Path, core: emulator.Core
) -> list[Path]:
    board = core.board
    files = compile_model(
        model, "bench", "bench", plain=not board.dsp, vectors=board.vectors, windows=normal
    )
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    kernels = [path for path in sorted(_KERNELS.glob("*.cpp")) if path.name != "engine.cpp"]
    return [folder / "compiled_model.cpp", *kernels]


def _run(
    core: emulator.Core, write: Sources, inputs: NDArray[np.int8], size: int
) -> tuple[float, NDArray[np.int8]]:
    """Return the instructions of an inference, and the outputs int8 [n, size].

    `write` writes a program's sources into a folder.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sources = [_MAIN, *write(folder, core)]
        inputs.tofile(folder / "inputs.bin")
        try:
            elf = emulator.build(sources, [folder, _KERNELS], folder / "count.elf", core=core)
            emulator.run(elf, folder, core=core)
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or error.stdout or "no output").splitlines()
            raise EstimateError(f"{core.board.core}: {lines[0]}") from error
        outputs = np.fromfile(folder / "outputs.bin", np.int8).reshape(-1, size)
        ticks = np.fromfile(folder / "ticks.bin", np.uint32)
    return float(np.mean(ticks)) * 1e9 / core.clock_hz / _INSTRUCTION_NS, outputs

"""The cost of an encoder alone on a Cortex-M4: its C++ is compiled, linked and executed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tools.convert.encoder import NAME, convert_encoder
from tools.convert.host import includes, kernel_sources
from tools.measure.estimate.cycles import Code
from tools.measure.estimate.machine import Machine
from training.bundle import Bundle
from training.bundle.errors import EstimateError
from training.bundle.files import ENCODER
from training.bundle.interpreter import Interpreter

_COMPILER = "arm-none-eabi-g++"
WINDOWS = 4  # executed; each is compared with the interpreter


def measure(bundle: Bundle) -> str:
    """Bytes, multiply-accumulates and, with an Arm compiler, instructions, as a sentence.

    Raises:
        EstimateError: the image computes another byte than the interpreter.
    """
    interpreter = Interpreter((bundle.path / ENCODER).read_bytes())
    with tempfile.TemporaryDirectory() as scratch:
        encoder = convert_encoder(bundle.path, Path(scratch))
        cost = (
            f"{encoder.model_bytes:,} bytes, arena {interpreter.arena_bytes:,}, "
            f"{encoder.macs:,} MACs; its codes equal the interpreter's on {encoder.windows} golden "
            "windows on this host"
        )
        if shutil.which(_COMPILER) is None:
            return cost
        count = _instructions(Path(scratch), bundle.golden.input[:WINDOWS], interpreter)
    return f"{cost} and on {WINDOWS} emulated; {count:,.0f} instructions each (`-O2`)"


def _instructions(generated: Path, inputs: np.ndarray, interpreter: Interpreter) -> float:
    elf = generated / "encoder.elf"
    command = [
        *(_COMPILER, "-std=gnu++17", "-mcpu=cortex-m4", "-mthumb", "-O2"),
        *("-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16", "-ffp-contract=off", "-fno-exceptions"),
        *("-fno-rtti", "-ffunction-sections", "-fdata-sections", "-nostartfiles"),
        *("--specs=nosys.specs", "-Wl,--gc-sections", "-Wl,-Ttext=0x1000,-Tdata=0x20000000"),
        *(f"-I{folder}" for folder in includes(generated)),
        *map(str, (generated / f"{NAME}_model.cpp", *kernel_sources())),
        *("-Wl,-e,_ZN5vigil5model7encoder5inferEPKaPa", "-o", str(elf)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EstimateError(f"the encoder does not compile: {done.stderr.splitlines()[0]}")
    machine, code = Machine(elf), Code(elf)
    infer = machine.find("_ZN5vigil5model7encoder5infer")
    counted = []
    for row, expected in zip(inputs, interpreter.run(inputs), strict=True):
        target = machine.put(bytes(expected.size))
        trace = machine.trace(infer, machine.put(row.tobytes()), target)
        if machine.get(target, expected.size) != expected.tobytes():
            raise EstimateError("the emulated encoder computes other bytes than the interpreter")
        counted.append(code.count(trace).instructions)
    return float(np.mean(counted))

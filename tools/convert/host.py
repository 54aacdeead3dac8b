"""Runs a model's generated C++ on this machine, with the kernels that a board uses."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.checkout import LIBRARIES
from training.bundle.errors import ConvertError

_KERNELS = LIBRARIES / "engine_compiled"

FLAGS = ("-std=c++17", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror")

_BRIDGE = """
#include MODEL_HEADER

namespace compiled = vigil::model::MODEL;

extern "C" void vigil_run(const std::int8_t* input, std::int8_t* output, std::uint32_t windows) {
    for (std::uint32_t i = 0; i < windows; ++i) {
        compiled::infer(input, output);
        input += compiled::kInputSize;
        output += compiled::kOutputSize;
    }
}
extern "C" std::uint32_t vigil_input_size() { return compiled::kInputSize; }
extern "C" std::uint32_t vigil_output_size() { return compiled::kOutputSize; }
"""


class HostEngine:
    """The compiled engine, built from generated sources.

    Attributes:
        input_size: values of an input window.
        output_size: values of an output.
    """

    def __init__(self, generated: Path, flags: Sequence[str] = (), name: str = "compiled") -> None:
        """Compile `name`_model.cpp in the folder `generated`.

        `flags` go to the compiler after the defaults.

        Raises:
            ConvertError: no C++ compiler is installed, or the sources do not compile; the message
                has the compiler's first error.
        """
        compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
        if not compiler:
            raise ConvertError("no C++ compiler: install g++ (apt-get install g++)")
        with tempfile.TemporaryDirectory() as scratch:
            bridge = Path(scratch) / "bridge.cpp"
            bridge.write_text(_BRIDGE)
            library = Path(scratch) / "engine.so"
            sources = [bridge, generated / f"{name}_model.cpp", *kernel_sources()]
            command = [
                *(compiler, *FLAGS, "-shared"),
                *(f"-I{folder}" for folder in includes(generated)),
                *(f'-DMODEL_HEADER="{name}_model.h"', f"-DMODEL={name}", *map(str, sources)),
                *("-o", str(library)),
                *flags,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = [line for line in done.stderr.splitlines() if "error" in line]
                raise ConvertError(
                    f"{generated}: the generated source does not compile: "
                    f"{(lines or ['no message'])[0]}"
                )
            self._library = ctypes.CDLL(str(library))
        self.input_size = int(self._library.vigil_input_size())
        self.output_size = int(self._library.vigil_output_size())

    def run(self, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """int8 [n, input size] to int8 [n, output size]."""
        rows = np.ascontiguousarray(inputs, np.int8)
        if rows.ndim != 2 or rows.shape[1] != self.input_size:
            raise ConvertError(
                f"the compiled model takes windows of {self.input_size} values, "
                f"not {list(rows.shape)}"
            )
        outputs = np.empty((len(rows), self.output_size), np.int8)
        self._library.vigil_run(
            rows.ctypes.data_as(ctypes.c_void_p),
            outputs.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_uint32(len(rows)),
        )
        return outputs


def kernel_sources() -> list[Path]:
    """The kernels that a compiled model is linked with, on the host and on a board."""
    return [path for path in sorted(_KERNELS.glob("*.cpp")) if path.name != "engine.cpp"]


def includes(generated: Path) -> list[Path]:
    """Folders of headers for the kernels and for the model's source in `generated`."""
    return [generated, _KERNELS, LIBRARIES / "span"]

"""TensorFlow Lite Micro's reference kernel of dense layers, as a program for a RISC-V.

It is the one inside TensorFlow Lite Micro for Arduino, where PlatformIO has installed it.
"""

from __future__ import annotations

from pathlib import Path

from tools.boards.build import library_folder
from tools.convert.graph import Model
from tools.measure.bench import cmsis, emulator

_KERNEL = "tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h"

_CODE = """
namespace {

int8_t values[2][kMostOutputs];

}  // namespace

extern "C" void library_infer(const int8_t* input, int8_t* output) {
    for (int n = 0; n < kLayers; ++n) {
        const layer& at = layers[n];
        int8_t* const target = n == kLayers - 1 ? output : values[n % 2];
        tflite::FullyConnectedParams params{};
        params.input_offset = at.input_offset;
        params.output_offset = at.output_offset;
        params.output_multiplier = at.multiplier;
        params.output_shift = at.shift;
        params.quantized_activation_min = at.low;
        params.quantized_activation_max = at.high;
        const int32_t source[] = {1, at.inputs};
        const int32_t filter[] = {at.outputs, at.inputs};
        const int32_t rows[] = {1, at.outputs};
        tflite::reference_integer_ops::FullyConnected(
            params, tflite::RuntimeShape(2, source), input, tflite::RuntimeShape(2, filter),
            at.weights, tflite::RuntimeShape(1, &at.outputs), at.bias,
            tflite::RuntimeShape(2, rows), target);
        input = target;
    }
}
"""


def library() -> Path | None:
    """Return the folder of the library's sources, or None where it is not installed."""
    folder = library_folder("emulated_tflm") / "src"
    return folder if (folder / _KERNEL).is_file() else None


def build(model: Model, folder: Path, core: emulator.Core, library: Path) -> list[Path]:
    """Write the program that runs `model` into `folder`; return its objects.

    Raises:
        EstimateError: the kernel does not compile for the core.
    """
    cmsis.write_header(model, folder)
    source = folder / "layers.cpp"
    text = f'#include "{_KERNEL}"\n{cmsis.layers(model)}{_CODE}'
    source.write_text(text, encoding="utf-8")
    includes = [library, library / "third_party" / "gemmlowp"]
    compiler = [
        *(*core.compiler, *core.flags, "-w", "-DNDEBUG"),
        *(word for each in includes for word in ("-isystem", str(each))),
    ]
    what = f"TensorFlow Lite Micro's kernel for {core.board.core}"
    return [emulator.compile_library(compiler, source, folder / "layers.o", what)]

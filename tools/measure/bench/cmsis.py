"""CMSIS-NN's dense layers, called directly, as a program for the emulated cores.

The library is the one inside TensorFlow Lite Micro for Arduino, where PlatformIO has installed it,
or the folder that the variable VIGIL_CMSIS_NN names: a checkout of CMSIS-NN.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from tools.boards.build import library_folder
from tools.convert.cpp import array, braced
from tools.convert.fixedpoint import activation_range, multipliers
from tools.convert.graph import Model, Operator
from tools.measure.bench import emulator
from training.bundle.errors import EstimateError

_SOURCES = (
    "FullyConnectedFunctions/arm_fully_connected_s8.c",
    "FullyConnectedFunctions/arm_fully_connected_get_buffer_sizes_s8.c",  # of newer versions
    "NNSupportFunctions/arm_nn_vec_mat_mult_t_s8.c",
)

_HEADER = """#pragma once

#include <cstdint>

extern "C" void library_infer(const std::int8_t* input, std::int8_t* output);

namespace vigil::model::compiled {{

constexpr std::uint32_t kInputSize = {inputs};
constexpr std::uint32_t kOutputSize = {outputs};

inline void infer(const std::int8_t* input, std::int8_t* output) {{
    library_infer(input, output);
}}

}}  // namespace vigil::model::compiled
"""

# On a core with vectors, newer versions of the library take each row's bias with the input's zero
# point folded in. They state the size of that buffer, which is 0 otherwise.
_CODE = """
static int32_t folded[kMostOutputs * kLayers];
static int8_t values[2][kMostOutputs];

__attribute__((constructor)) static void fold(void) {
    for (int n = 0; n < kLayers; ++n) {
        const struct layer* at = &layers[n];
        for (int row = 0; row < at->outputs; ++row) {
            int32_t sum = 0;
            for (int i = 0; i < at->inputs; ++i) sum += at->weights[row * at->inputs + i];
            folded[n * kMostOutputs + row] = at->bias[row] + at->input_offset * sum;
        }
    }
}

void library_infer(const int8_t* input, int8_t* output) {
    for (int n = 0; n < kLayers; ++n) {
        const struct layer* at = &layers[n];
        int8_t* const target = n == kLayers - 1 ? output : values[n % 2];
        const cmsis_nn_dims source = {1, 1, 1, at->inputs};
        const cmsis_nn_dims filter = {at->inputs, 1, 1, at->outputs};
        const cmsis_nn_dims rows = {1, 1, 1, at->outputs};
        const int32_t size = arm_fully_connected_s8_get_buffer_size(&filter);
        const cmsis_nn_context context = {size > 0 ? &folded[n * kMostOutputs] : 0, size};
        const cmsis_nn_fc_params params = {
            at->input_offset, 0, at->output_offset, {at->low, at->high}};
        const cmsis_nn_per_tensor_quant_params by = {at->multiplier, at->shift};
        arm_fully_connected_s8(&context, &params, &by, &source, input, &filter, at->weights, &rows,
                               at->bias, &rows, target);
        input = target;
    }
}
"""


def library() -> Path | None:
    """Return the library's folder, with Include and Source, or None where there is none."""
    chosen = os.environ.get("VIGIL_CMSIS_NN")
    here = library_folder("emulated_tflm") / "src" / "third_party" / "cmsis_nn"
    folder = Path(chosen) if chosen else here
    if (folder / "Include" / "arm_nnfunctions.h").is_file():
        return folder
    if chosen:
        raise EstimateError(
            f"VIGIL_CMSIS_NN={chosen}: no Include/arm_nnfunctions.h in this folder; "
            "name a checkout of CMSIS-NN, or unset the variable"
        )
    return None


def version(folder: Path) -> str:
    """Return the date of the library's interface, as its header states it."""
    text = (folder / "Include" / "arm_nnfunctions.h").read_text(encoding="utf-8", errors="replace")
    date = re.search(r"\$Date:\s*([\w ]+?)\s*$", text, flags=re.MULTILINE)
    return date[1] if date else "unknown date"


def can_run(model: Model) -> bool:
    """Whether the model is a chain of dense layers whose weights are quantized per tensor."""
    return all(
        operator.name == "FULLY_CONNECTED" and not model.tensors[operator.inputs[1]].per_channel
        for operator in model.operators
    )


def build(model: Model, folder: Path, core: emulator.Core, library: Path) -> list[Path]:
    """Write the program that runs `model` into `folder`; return its objects.

    Raises:
        EstimateError: a source of the library does not compile for the core.
    """
    write_header(model, folder)
    source = folder / "layers.c"
    includes_text = '#include <stdalign.h>\n\n#include "arm_nnfunctions.h"\n'
    source.write_text(f"{includes_text}{layers(model)}{_CODE}", encoding="utf-8")
    # Inside TensorFlow Lite Micro, headers name each other from the top of that library.
    includes = [library / "Include", library.parent.parent]
    sources = [source, *(library / "Source" / name for name in _SOURCES)]
    return [_object(source, folder, includes, core) for source in sources if source.is_file()]


def write_header(model: Model, folder: Path) -> None:
    """Write the header through which the counting program calls `library_infer`."""
    head = _HEADER.format(inputs=model.input.size, outputs=model.output.size)
    (folder / "compiled_model.h").write_text(head, encoding="utf-8")


def layers(model: Model) -> str:
    """Return C for the table `layers` of a chain of dense layers, which is C++ too."""
    text, rows = [], []
    for n, operator in enumerate(model.operators):
        arrays, row = _layer(model, operator, n)
        text += arrays
        rows.append(row)
    most = max(model.ends(operator)[1].size for operator in model.operators)
    text.append(
        "struct layer {\n"
        "    int32_t inputs, outputs;\n"
        "    const int8_t* weights;\n"
        "    const int32_t* bias;\n"
        "    int32_t input_offset, output_offset, multiplier, shift, low, high;\n"
        "};\n"
    )
    text.append(f"enum {{ kLayers = {len(rows)}, kMostOutputs = {most} }};\n")
    text.append(array("struct layer", "layers", rows).replace("const", "static const", 1))
    return "\n".join(text)


def _layer(model: Model, operator: Operator, n: int) -> tuple[list[str], str]:
    """Return a layer's arrays, and its initializer of `struct layer`."""
    source, target = model.ends(operator)
    weights = model.tensors[operator.inputs[1]]
    bias = model.tensor(operator.inputs[2]) if len(operator.inputs) > 2 else None
    assert weights.data is not None
    outputs = weights.shape[0]
    biases = [0] * outputs if bias is None or bias.data is None else bias.data.reshape(-1).tolist()
    [by] = multipliers(source, weights, target)
    low, high = activation_range(operator.activation, target)
    arrays = [
        array("int8_t", f"weights_{n}", weights.data.reshape(-1).tolist(), align=4),
        array("int32_t", f"bias_{n}", biases),
    ]
    size = weights.size // outputs
    fields: list[int | str] = [
        size,
        outputs,
        f"weights_{n}",
        f"bias_{n}",
        -source.zero_point,
        target.zero_point,
    ]
    return arrays, braced([*fields, by.value, by.shift, low, high])


def _object(source: Path, folder: Path, includes: Sequence[Path], core: emulator.Core) -> Path:
    compiler = [
        *("arm-none-eabi-gcc", f"-mcpu={core.board.core}", "-mthumb", *core.flags, "-w"),
        *("-ffunction-sections", "-fdata-sections", *(f"-I{each}" for each in includes)),
    ]
    target = folder / f"{source.stem}.o"
    return emulator.compile_library(compiler, source, target, f"CMSIS-NN for {core.board.core}")

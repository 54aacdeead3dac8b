"""The model for TensorFlow Lite Micro: the flatbuffer as an array, and its operators registered."""

from __future__ import annotations

from tools.convert import cpp
from tools.convert.fixedpoint import activation_range, multipliers, quantize_multiplier
from tools.convert.graph import Model, Operator
from tools.convert.operators import kinds
from training.bundle.errors import ConvertError
from training.bundle.interpreter import probe_arena

REGISTERED = frozenset(name for name, kind in kinds().items() if kind.tflm)
"""Operators that the tflm engine has."""

_HEADER = """\
{generated}
#pragma once

#include "constants.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace vigil::model {{

// The flatbuffer, in flash. Check its CRC-32 before anything parses it.
extern const std::uint8_t kModel[kModelBytes];

using OpResolver = tflite::MicroMutableOpResolver<{count}>;

// Registers the model's operators only.
inline TfLiteStatus register_operators(OpResolver& resolver) {{
{registrations}\
    return kTfLiteOk;
}}

}}  // namespace vigil::model
"""

_SOURCE = """\
{generated}
#include "tflm_model.h"

namespace vigil::model {{

// TensorFlow Lite Micro needs sixteen-byte alignment.
{array}
}}  // namespace vigil::model
"""


def tflm_model(model: Model, data: bytes, where: str) -> dict[str, str]:
    """File name to text of tflm_model.h and tflm_model.cpp.

    Raises:
        ConvertError: in one line: the board's TensorFlow Lite Micro would refuse the model, or its
            outputs would differ from the interpreter's.
    """
    for operator in model.operators:
        difference = _difference(model, operator)
        if difference:
            raise ConvertError(f"{where}: {operator.label} {difference}")
    methods = [_method(model, name, where) for name in model.operator_names()]
    lines = [f"    TF_LITE_ENSURE_STATUS(resolver.{method}());\n" for method in methods]
    array = cpp.array("std::uint8_t", "kModel", data, align=16)
    return {
        "tflm_model.h": _HEADER.format(
            generated=cpp.GENERATED, count=len(methods), registrations="".join(lines)
        ),
        "tflm_model.cpp": _SOURCE.format(
            generated=cpp.GENERATED, array=array.replace("kModel[]", "kModel[kModelBytes]", 1)
        ),
    }


def refused_model(engine: str, reason: str) -> dict[str, str]:
    """The sources of an engine's model that stop a build with `reason`."""
    header = f"{engine}_model.h"
    return {
        header: f'{cpp.GENERATED}\n#pragma once\n#error "{reason}"\n',
        f"{engine}_model.cpp": f'{cpp.GENERATED}\n#include "{header}"\n',
    }


def arena_bytes(model: Model, data: bytes) -> int:
    """Bytes of arena that a board sets aside: an upper bound, measured and computed.

    It is the sum of
    - the interpreter's use on this machine, where pointers have 64 bits and every record is at
      least as large as on a board;
    - the memory planner's temporary memory on 32 bits: 24 bytes per tensor, and 40 more per
      activation;
    - the scratch memory that CMSIS-NN's convolutions and average pooling ask for, unlike the
      reference kernels;
    - 1/16 for differences between versions.

    A dense model uses about half of it, as the board reports.

    Raises:
        ConvertError: the interpreter refuses the model or fails on it.
    """
    activations = sum(tensor.data is None for tensor in model.tensors)
    planner = 24 * len(model.tensors) + 40 * activations
    total = probe_arena(data) + planner + _cmsis_scratch(model)
    return -(-(total + total // 16) // 16) * 16 + 16


def _cmsis_scratch(model: Model) -> int:
    """Upper bound of the largest scratch buffer: two columns of int16 input patches."""
    largest = 0
    for operator in model.operators:
        if operator.name in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            weights = model.tensors[operator.inputs[1]]
            patch = weights.size // max(weights.shape[0], 1)
            largest = max(largest, 2 * 2 * (patch + 4))
        elif operator.name == "AVERAGE_POOL_2D":
            largest = max(largest, 4 * model.tensors[operator.inputs[0]].shape[-1])
    return largest


def _method(model: Model, name: str, where: str) -> str:
    kind = kinds().get(name)
    if kind is None or kind.tflm is None:
        label = next(each.label for each in model.operators if each.name == name)
        raise ConvertError(
            f"{where}: {label} is not among the operators that Vigil registers with "
            "TensorFlow Lite Micro; use layers that convert to other operators"
        )
    return kind.tflm


def _difference(model: Model, operator: Operator) -> str | None:
    """How the boards' library, of 2024, differs from the interpreter here; None if it does not."""
    if operator.name == "FULLY_CONNECTED":
        return _dense_difference(model, operator)
    name = "the boards' TensorFlow Lite Micro"
    difference = None
    if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        difference = f"is computed in another way by {name}"
    elif operator.name in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
        if len(operator.inputs) < 3 or operator.inputs[2] < 0:
            difference = f"has no bias, which ends the program in {name}"
    elif operator.name == "TRANSPOSE_CONV":
        target = model.tensors[operator.outputs[0]]
        if target.dtype == "int8" and activation_range(operator.activation, target) != (-128, 127):
            difference = f"has a fused {operator.activation}, which {name} leaves out"
    elif operator.name == "MEAN":
        difference = f"is rounded in another way by {name}"
    elif operator.name == "RESIZE_NEAREST_NEIGHBOR" and operator.option("half_pixel_centers"):
        difference = f"has half_pixel_centers on, which {name} ignores"
    return f"{difference}; use the compiled engine" if difference else None


def _dense_difference(model: Model, operator: Operator) -> str | None:
    """The boards' library has one scale per layer, and multiplies scales in single precision."""
    source, weights = (model.tensors[i] for i in operator.inputs[:2])
    target = model.tensors[operator.outputs[0]]
    if not all(len(each.scales) for each in (source, weights, target)):
        return None  # float, which the interpreter judges
    if weights.per_channel:
        return (
            "has weights per channel, which the boards' TensorFlow Lite Micro reads as per tensor; "
            "use the compiled engine, or quantize with weights per tensor"
        )
    product = float(source.scale * weights.scale)  # single precision
    factor = quantize_multiplier(product / float(target.scale))
    if [factor] != multipliers(source, weights, target):
        return (
            "has scales whose product single precision rounds, so a board's TensorFlow Lite Micro "
            "would differ in rare bytes; use the compiled engine, or quantize it again"
        )
    return None

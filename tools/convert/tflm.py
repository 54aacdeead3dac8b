"""The model for TensorFlow Lite Micro: an aligned array, and its operators registered by name."""

from __future__ import annotations

import re

from tools.convert import cpp
from tools.convert.fixedpoint import activation_range, multipliers, quantize_multiplier
from tools.convert.model import Model, Operator
from training.bundle.errors import ConvertError
from training.bundle.interpreter import interpreter_arena

_METHODS = {
    "ADD": "AddAdd",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "CONCATENATION": "AddConcatenation",
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "DEQUANTIZE": "AddDequantize",
    "EXPAND_DIMS": "AddExpandDims",
    "FULLY_CONNECTED": "AddFullyConnected",
    "LEAKY_RELU": "AddLeakyRelu",
    "LOGISTIC": "AddLogistic",
    "MAX_POOL_2D": "AddMaxPool2D",
    "MEAN": "AddMean",
    "MUL": "AddMul",
    "PACK": "AddPack",
    "PAD": "AddPad",
    "QUANTIZE": "AddQuantize",
    "RELU": "AddRelu",
    "RELU6": "AddRelu6",
    "RESHAPE": "AddReshape",
    "RESIZE_NEAREST_NEIGHBOR": "AddResizeNearestNeighbor",
    "SHAPE": "AddShape",
    "SLICE": "AddSlice",
    "SPLIT": "AddSplit",
    "SPLIT_V": "AddSplitV",
    "SQUEEZE": "AddSqueeze",
    "STRIDED_SLICE": "AddStridedSlice",
    "SUB": "AddSub",
    "TANH": "AddTanh",
    "TRANSPOSE": "AddTranspose",
    "TRANSPOSE_CONV": "AddTransposeConv",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
    "UNPACK": "AddUnpack",
}

REGISTERED = frozenset(_METHODS)
"""Operators that the tflm engine has."""

_HEADER = """\
{generated}
#pragma once

#include "constants.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace vigil::model {{

// The flatbuffer, in flash. Nothing may parse it before its CRC-32 was found right.
extern const std::uint8_t kModel[kModelBytes];

using OpResolver = tflite::MicroMutableOpResolver<{count}>;

// The model's own operators and no others.
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

// Sixteen-byte alignment, as TensorFlow Lite Micro wants it.
{array}
}}  // namespace vigil::model
"""


def tflm_model(model: Model, data: bytes, where: str) -> dict[str, str]:
    """File name to text of tflm_model.h and tflm_model.cpp.

    Raises ConvertError, one line, for a model that the board's TensorFlow Lite Micro would refuse
    or answer with other bytes than the interpreter.
    """
    _check_dense(model, where)
    for operator in model.operators:
        _check(model, operator, where)
    methods = [_method(model, name, where) for name in model.operator_names()]
    lines = [f"    TF_LITE_ENSURE_STATUS(resolver.{method}());\n" for method in methods]
    array = cpp.array("std::uint8_t", "kModel", data, align=16)
    return {
        "tflm_model.h": _HEADER.format(
            generated=cpp.GENERATED, count=len(methods), registrations="".join(lines)
        ),
        "tflm_model.cpp": _SOURCE.format(
            generated=cpp.GENERATED, array=re.sub(r"kModel\[\]", "kModel[kModelBytes]", array)
        ),
    }


def refused(reason: str) -> dict[str, str]:
    """tflm_model.h and .cpp that stop a build with `reason`."""
    return {
        "tflm_model.h": f'{cpp.GENERATED}\n#pragma once\n#error "{reason}"\n',
        "tflm_model.cpp": f'{cpp.GENERATED}\n#include "tflm_model.h"\n',
    }


def arena_bytes(model: Model, data: bytes) -> int:
    """Bytes of arena to set aside on a board: a bound, measured and computed.

    The interpreter's own use here, where pointers have 64 bits and every record is at least as
    large as on a board; what the memory planner needs for a moment on 32 bits (24 bytes a tensor,
    40 more for one that it places); the scratch memory that CMSIS-NN's convolutions and average
    pooling ask for and the reference kernels do not; and 1/16 for differences between versions.
    A dense model uses about half of it, as the board reports.
    Raises ConvertError if the interpreter refuses the model or breaks down on it.
    """
    placed = sum(tensor.data is None for tensor in model.tensors)
    planner = 24 * len(model.tensors) + 40 * placed
    total = interpreter_arena(data) + planner + _cmsis_scratch(model)
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
    method = _METHODS.get(name)
    if method is None:
        place = next(each.place for each in model.operators if each.name == name)
        raise ConvertError(
            f"{where}: {place} is not among the operators that Vigil registers with "
            "TensorFlow Lite Micro; train another architecture"
        )
    return method


def _check(model: Model, operator: Operator, where: str) -> None:
    """Other operators in which the boards' library of 2024 differs from the interpreter."""
    trouble = None
    if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        trouble = "is computed in another way"
    elif operator.name in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
        if len(operator.inputs) < 3 or operator.inputs[2] < 0:
            trouble = "has no bias, and ends the program"
    elif operator.name == "TRANSPOSE_CONV":
        target = model.tensors[operator.outputs[0]]
        if target.dtype == "int8" and activation_range(operator.activation, target) != (-128, 127):
            trouble = f"leaves out the fused {operator.activation}"
    elif operator.name == "RESIZE_NEAREST_NEIGHBOR" and operator.option("half_pixel_centers"):
        trouble = "takes half_pixel_centers for off"
    if trouble:
        raise ConvertError(
            f"{where}: {operator.place}, which in the boards' TensorFlow Lite Micro {trouble}; "
            "use the compiled engine"
        )


def _check_dense(model: Model, where: str) -> None:
    """The library of 2024 that boards run knows one scale a layer, and multiplies it in float32."""
    for operator in model.operators:
        if operator.name != "FULLY_CONNECTED" or len(operator.inputs) < 2:
            continue
        source, weights = (model.tensors[i] for i in operator.inputs[:2])
        target = model.tensors[operator.outputs[0]]
        if not all(len(each.scales) for each in (source, weights, target)):
            continue  # float; the interpreter has its own word on that
        if weights.per_channel:
            raise ConvertError(
                f"{where}: {operator.place} has weights per channel, which the boards' "
                "TensorFlow Lite Micro takes as per tensor; use the compiled engine, or train "
                "with weights per tensor"
            )
        product = float(source.scale * weights.scale)  # single precision
        if [quantize_multiplier(product / float(target.scale))] != multipliers(
            source, weights, target
        ):
            raise ConvertError(
                f"{where}: {operator.place} has scales whose product single precision rounds, "
                "so a board's TensorFlow Lite Micro would differ in rare bytes; use the compiled "
                "engine, or train again"
            )

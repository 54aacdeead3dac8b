"""Weight scales on which every version of TensorFlow Lite Micro agrees.

A fully connected layer's factor is input scale * weight scale / output scale. Since 2025 the
interpreter computes it in double precision; the library that boards run (2024) rounds the product
of the two scales to single precision first, which can move the last bits of the 31-bit factor,
and then an output byte in some ten thousands. A weight scale moved by a few units in the last
place (relative 1e-5 at most) gives the same factor both ways.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from training.errors import VigilError

_TRIES = 4096


def agree_on_factors(flatbuffer: bytes) -> bytes:
    """`flatbuffer` with the weight scales of its FULLY_CONNECTED layers moved that little.

    Only for weights quantized per tensor. Raises VigilError if no scale nearby agrees.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    data = bytearray(flatbuffer)
    model = schema.Model.GetRootAsModel(data, 0)
    graph = model.Subgraphs(0)
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        code = model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number != schema.BuiltinOperator.FULLY_CONNECTED:
            continue
        source, weights = (_scales(graph, operator.Inputs(at)) for at in (0, 1))
        target = _scales(graph, operator.Outputs(0))
        if len(source) == len(weights) == len(target) == 1:
            # The array is a view of `data`: this writes the scale into the flatbuffer.
            weights[0] = _nearby(source[0], weights[0], target[0], i)
    return bytes(data)


def _scales(graph: Any, tensor: int) -> Any:
    quantization = graph.Tensors(tensor).Quantization()
    if quantization is None or quantization.ScaleIsNone():
        return np.empty(0, np.float32)
    return quantization.ScaleAsNumpy()


def _nearby(source: np.float32, weight: np.float32, target: np.float32, layer: int) -> np.float32:
    low = high = np.float32(weight)
    for _ in range(_TRIES):
        for candidate in (low, high):
            exact = float(source) * float(candidate)
            single = float(np.float32(source) * np.float32(candidate))
            if _factor(exact / float(target)) == _factor(single / float(target)):
                return candidate
        low = np.nextafter(low, np.float32(0))
        high = np.nextafter(high, np.float32(np.inf))
    raise VigilError(f"layer {layer}: no weight scale near {weight} gives one factor; defect")


def _factor(real: float) -> tuple[int, int]:
    """QuantizeMultiplier() of TensorFlow Lite: 31 bits and an exponent."""
    fraction, exponent = math.frexp(real)
    return math.floor(fraction * (1 << 31) + 0.5), exponent

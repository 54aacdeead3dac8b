"""Weight scales on which every version of TensorFlow Lite Micro agrees.

A fully connected layer's factor is input scale * weight scale / output scale. Since 2025 the
interpreter computes it in double precision; the library that boards run (2024) rounds the product
of the two scales to single precision first, which can move the last bits of the 31-bit factor,
and then an output byte in some ten thousands. A weight scale moved by some units in the last
place gives the same factor both ways: one in 200 does, so that a relative 1e-5 is the rule. Where
the input scale's mantissa is close to a simple fraction (5/6, say) the good ones lie in distant
clusters, and it can take 1e-3; where it is within some units in the last place of one like 16/25
(0.02 is), there are none for most weights. The input's scale is ours to choose, and is chosen so
that this does not happen: `with_agreement`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_REACH = 1 << 16  # units in the last place, each way: less than 1 %


def agree_on_factors(flatbuffer: bytes) -> bytes:
    """`flatbuffer` with the weight scales of its FULLY_CONNECTED layers moved that little.

    Only for weights quantized per tensor. A layer for which no scale nearby agrees is left as it
    is: the converter refuses it for the boards' library, and the compiled engine carries it.
    """
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

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
            moved = _nearby(source[0], weights[0], target[0])
            weights[0] = weights[0] if moved is None else moved
    return bytes(data)


def _scales(graph: Any, tensor: int) -> Any:
    quantization = graph.Tensors(tensor).Quantization()
    if quantization is None or quantization.ScaleIsNone():
        return np.empty(0, np.float32)
    return quantization.ScaleAsNumpy()


def with_agreement(scale: np.float32) -> np.float32:
    """`scale`, or the next one of 8 significant bits if weights could hardly agree on `scale`.

    The product of 8 bits and a weight scale's 24 is exact for one weight scale in 256.
    """
    one = np.float32(1)
    weights = np.geomspace(1, 2, 8, dtype=np.float32)
    if all(_nearby(scale, weight, one) is not None for weight in weights):
        return scale
    fraction, exponent = np.frexp(np.float64(scale))
    return np.float32(np.ldexp(np.ceil(fraction * 256), exponent - 8))


def _nearby(source: np.float32, weight: np.float32, target: np.float32) -> np.float32 | None:
    steps = np.arange(-_REACH, _REACH + 1)
    bits = np.float32(weight).view(np.int32) + steps[np.argsort(np.abs(steps), kind="stable")]
    candidates = bits.astype(np.int32).view(np.float32)  # neighbours first
    exact = np.float64(source) * candidates.astype(np.float64)
    single = (np.float32(source) * candidates).astype(np.float64)
    fractions, exponents = np.frexp(np.stack([exact, single]) / np.float64(target))
    # QuantizeMultiplier() of TensorFlow Lite: 31 bits and an exponent.
    factors = np.floor(fractions * (1 << 31) + 0.5)
    agree = (factors[0] == factors[1]) & (exponents[0] == exponents[1])
    return np.float32(candidates[np.argmax(agree)]) if agree.any() else None

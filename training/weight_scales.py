"""Weight scales with which every version of TensorFlow Lite Micro computes the same factor.

The factor of a fully connected layer is input scale * weight scale / output scale. Since 2025 the
interpreter computes it in double precision. The library on the boards (2024) first rounds the
product of the two scales to single precision. This can change the last bits of the 31-bit factor,
and then about one output byte in ten thousand.

The remedy is a weight scale, some units in the last place away, that gives the same factor in both
ways. One scale in 200 does, so the change is usually below 1e-5. If the mantissa of the input scale
is close to a simple fraction such as 5/6, the change can reach 1e-3. Within some units in the last
place of a fraction such as 16/25 (0.02, for example), most weight scales have no such neighbour.
`compatible_scale` avoids these input scales.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

_REACH = 1 << 16  # units in the last place in each direction: less than 1 %


def match_factors(flatbuffer: bytes) -> bytes:
    """Adjust the weight scales of the FULLY_CONNECTED layers as the module describes.

    Only weights with one scale per tensor are adjusted. If no neighbouring scale fits, the layer
    is left as it is: the converter then rejects the model for the boards' library, and the
    compiled engine still runs it.
    """
    # The schema takes long to import, and only training needs it.
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
            # The array is a view of `data`, so this writes the scale into the flatbuffer.
            neighbour = _nearest_matching(source[0], weights[0], target[0])
            weights[0] = weights[0] if neighbour is None else neighbour
    return bytes(data)


def _scales(graph: Any, tensor: int) -> Any:
    quantization = graph.Tensors(tensor).Quantization()
    if quantization is None or quantization.ScaleIsNone():
        return np.empty(0, np.float32)
    return quantization.ScaleAsNumpy()


@lru_cache(maxsize=256)
def compatible_scale(scale: np.float32) -> np.float32:
    """Return `scale`, or the next scale of 8 significant bits if few weight scales fit `scale`.

    The product of 8 bits and the 24 bits of a weight scale is exact for one weight scale in 256.
    """
    one = np.float32(1)
    weights = np.geomspace(1, 2, 8, dtype=np.float32)
    if all(_nearest_matching(scale, weight, one) is not None for weight in weights):
        return scale
    fraction, exponent = np.frexp(np.float64(scale))
    return np.float32(np.ldexp(np.ceil(fraction * 256), exponent - 8))


def _nearest_matching(
    source: np.float32, weight: np.float32, target: np.float32
) -> np.float32 | None:
    """Find the weight scale nearest to `weight` whose factor is the same in both precisions."""
    steps = np.arange(-_REACH, _REACH + 1)
    bits = np.float32(weight).view(np.int32) + steps[np.argsort(np.abs(steps), kind="stable")]
    candidates = bits.astype(np.int32).view(np.float32)  # nearest first
    exact = np.float64(source) * candidates.astype(np.float64)
    single = (np.float32(source) * candidates).astype(np.float64)
    fractions, exponents = np.frexp(np.stack([exact, single]) / np.float64(target))
    # QuantizeMultiplier() of TensorFlow Lite: 31 bits and an exponent.
    factors = np.floor(fractions * (1 << 31) + 0.5)
    equal = (factors[0] == factors[1]) & (exponents[0] == exponents[1])
    return np.float32(candidates[np.argmax(equal)]) if equal.any() else None

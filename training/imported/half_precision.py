"""Constants of models whose weights were stored in float16, written out in float32."""

from __future__ import annotations

import numpy as np

from training.imported.graph import names_of, packed, parsed
from training.tensorflow_setup import schema


def with_float32_constants(flatbuffer: bytes) -> bytes:
    """Write out float16 constants, and leave out the DEQUANTIZE operators that would do it.

    TensorFlow quantizes no model that has them.
    """
    model = parsed(flatbuffer)
    graph = model.subgraphs[0]
    names = names_of(model)
    converted = []
    for operator in graph.operators:
        if names[operator.opcodeIndex] != "DEQUANTIZE":
            continue
        source, target = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        data = model.buffers[source.buffer].data
        if source.type == schema.TensorType.FLOAT16 and data is not None and len(data):
            halves = np.frombuffer(bytes(bytearray(data)), np.float16)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(halves.astype(np.float32).tobytes(), np.uint8)
            model.buffers.append(buffer)
            target.buffer = len(model.buffers) - 1
            converted.append(operator)
    if not converted:
        return flatbuffer
    for operator in converted:
        graph.operators.remove(operator)
    return packed(model, flatbuffer)

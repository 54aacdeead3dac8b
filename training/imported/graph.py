"""A flatbuffer as objects of TensorFlow Lite's schema, and back."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from training.tensorflow_setup import schema


def parsed(flatbuffer: bytes) -> Any:
    """Return the model as a `schema.ModelT`."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))


def packed(model: Any, like: bytes) -> bytes:
    """Return the flatbuffer, without codes of operators that are gone; `like` has its size."""
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    used = sorted({operator.opcodeIndex for operator in operators})
    for operator in {id(each): each for each in operators}.values():
        operator.opcodeIndex = used.index(operator.opcodeIndex)
    model.operatorCodes = [model.operatorCodes[i] for i in used]
    builder = flatbuffers.Builder(len(like))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def names_of(model: Any) -> list[str]:
    """Return the name of each operator code; empty for one that the schema lacks."""
    known = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
    return [known.get(max(c.builtinCode, c.deprecatedBuiltinCode), "") for c in model.operatorCodes]


def constant_of(model: Any, index: int) -> NDArray[np.int64] | None:
    """Return the integers of a constant tensor, int64; None for any other tensor."""
    tensor = model.subgraphs[0].tensors[index]
    data = model.buffers[tensor.buffer].data
    kinds = {schema.TensorType.INT32: np.int32, schema.TensorType.INT64: np.int64}
    if data is None or not len(data) or tensor.type not in kinds:
        return None
    values = np.frombuffer(bytes(bytearray(data)), kinds[tensor.type])
    shape = () if tensor.shape is None else tuple(tensor.shape)
    return values.astype(np.int64).reshape(shape)

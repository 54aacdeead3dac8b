"""Operators whose results are known ahead of time, replaced by constants.

The interpreter computes the constants, so that they are exact whatever the operator.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tools.convert.graph import Model, Operator
from tools.convert.operators import kinds
from training.bundle.errors import ConvertError
from training.bundle.interpreter import open_interpreter


def fold_constants(model: Model, where: str) -> Model:
    """Replace the outputs of operators that read constants only, and of SHAPE, by constants.

    Raises:
        ConvertError: the model's output does not depend on its input, or the interpreter refuses
            the operators.
    """
    folded: list[Operator] = []
    known = {tensor.index for tensor in model.tensors if tensor.data is not None}
    for operator in model.operators:
        states = kinds()[operator.name].states if operator.name in kinds() else ()
        read = {i for at, i in enumerate(operator.inputs) if i >= 0 and at not in states}
        # The shape of a tensor is fixed, even where its values are not.
        if operator.name == "SHAPE" or read <= known:
            folded.append(operator)
            known.update(operator.outputs)
    if not folded:
        return model
    if model.output.index in known:
        raise ConvertError(f"{where}: the model's output does not depend on its input")
    rest = tuple(operator for operator in model.operators if operator not in folded)
    outputs = {i for operator in folded for i in operator.outputs}
    needed = sorted(outputs & {i for operator in rest for i in operator.inputs})
    tensors = list(model.tensors)
    if needed:
        part = _part(model.flatbuffer, [operator.index for operator in folded], needed)
        try:
            values = open_interpreter(part).constants(len(needed))
        except ConvertError as problem:
            raise ConvertError(f"{where}: its constants cannot be computed: {problem}") from None
        for i, value in zip(needed, values, strict=True):
            tensors[i] = replace(tensors[i], data=value.reshape(tensors[i].shape))
    return replace(model, tensors=tuple(tensors), operators=rest)


def _part(flatbuffer: bytes, operators: list[int], outputs: list[int]) -> bytes:
    """A flatbuffer with some operators of a model that `read_model` has checked."""
    # The schema and the builder take longer to load than most models take to convert.
    import flatbuffers
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    try:
        # Reads everything, also what `read_model` needs not.
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))
    except Exception as problem:  # of many kinds, such as struct.error
        raise ConvertError(f"the flatbuffer is damaged ({problem})") from None
    graph = model.subgraphs[0]
    graph.operators = [graph.operators[i] for i in operators]
    graph.outputs = np.array(outputs, np.int32)
    builder = flatbuffers.Builder(len(flatbuffer))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())

"""Models of a single operator, for questions that the interpreter answers exactly."""

from __future__ import annotations

from typing import Any, NamedTuple


class Grid(NamedTuple):
    """Scale and zero point of a tensor."""

    scale: float
    zero_point: int


def one_operator_model(
    name: str,
    dtype: str,
    size: int,
    source: Grid,
    target: Grid,
    leaky_alpha: float | None = None,
) -> bytes:
    """A flatbuffer that applies operator `name` to [1, size] values of `dtype`.

    `leaky_alpha` is the option of a LEAKY_RELU.
    """
    # The schema and the builder take longer to load than most models take to convert.
    import flatbuffers
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    def tensor(grid: Grid) -> Any:
        result = schema.TensorT()
        result.shape = [1, size]
        result.type = getattr(schema.TensorType, dtype.upper())
        result.quantization = schema.QuantizationParametersT()
        result.quantization.scale = [grid.scale]
        result.quantization.zeroPoint = [grid.zero_point]
        return result

    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0], [1]
    if leaky_alpha is not None:
        operator.builtinOptionsType = schema.BuiltinOptions.LeakyReluOptions
        operator.builtinOptions = schema.LeakyReluOptionsT(alpha=leaky_alpha)
    graph = schema.SubGraphT()
    graph.tensors = [tensor(source), tensor(target)]
    graph.inputs, graph.outputs, graph.operators = [0], [1], [operator]
    model = schema.ModelT()
    model.version = 3
    model.subgraphs, model.buffers, model.operatorCodes = [graph], [schema.BufferT()], [code]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())

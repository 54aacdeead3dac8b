"""Tables for operators that map one int8 value to one: every result asked of the interpreter.

LOGISTIC and TANH are approximations in fixed point; a table of the interpreter's own 256 answers
is exact by construction, and the fastest kernel there is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.convert.model import Operator, Tensor
from training.bundle.interpreter import Interpreter

UNARY = frozenset({"LOGISTIC", "TANH", "LEAKY_RELU", "QUANTIZE", "RELU", "RELU6"})
"""Operators that a table replaces."""


def table_of(operator: Operator, source: Tensor, target: Tensor) -> NDArray[np.int8]:
    """int8 [256]: what `operator` makes of -128, -127, ... 127.

    Raises ConvertError if the interpreter refuses the operator with these scales.
    """
    ramp = np.arange(-128, 128, dtype=np.int8)
    interpreter = Interpreter(_one_operator_model(operator, source, target))
    return interpreter.run(ramp[None]).reshape(256)


def _one_operator_model(operator: Operator, source: Tensor, target: Tensor) -> bytes:
    import flatbuffers
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    def tensor(like: Tensor) -> Any:
        result = schema.TensorT()
        result.shape = [1, 256]
        result.type = schema.TensorType.INT8
        result.quantization = schema.QuantizationParametersT()
        result.quantization.scale = [float(like.scale)]
        result.quantization.zeroPoint = [like.zero_point]
        return result

    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator.name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1
    step = schema.OperatorT()
    step.inputs, step.outputs = [0], [1]
    if operator.name == "LEAKY_RELU":
        step.builtinOptionsType = schema.BuiltinOptions.LeakyReluOptions
        step.builtinOptions = schema.LeakyReluOptionsT(alpha=float(operator.options["alpha"]))
    graph = schema.SubGraphT()
    graph.tensors = [tensor(source), tensor(target)]
    graph.inputs, graph.outputs, graph.operators = [0], [1], [step]
    model = schema.ModelT()
    model.version = 3
    model.subgraphs, model.buffers, model.operatorCodes = [graph], [schema.BufferT()], [code]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())

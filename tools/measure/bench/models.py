"""Builds small .tflite models without TensorFlow, for the reference model and for tests.

Supports int8 activations, constants, state, and quantization per tensor or per channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

Activation = schema.ActivationFunctionType
Scales = float | Sequence[float]

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int8": schema.TensorType.INT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
}


class ModelBuilder:
    """Builder of a flatbuffer: add tensors and operators, then call `finish`."""

    def __init__(self) -> None:
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [_buffer(b"")]
        self._codes: list[int] = []
        self._operators: list[Any] = []

    def tensor(
        self, shape: Sequence[int], scale: Scales, zero_point: int = 0, axis: int = 0
    ) -> int:
        """Add an int8 activation; return its index."""
        return self._add(shape, "int8", 0, scale, zero_point, axis)

    def state(self, shape: Sequence[int], dtype: str, scale: Scales, zero_point: int = 0) -> int:
        """Add a variable tensor, which keeps its values between inferences; return its index."""
        index = self._add(shape, dtype, 0, scale, zero_point, 0)
        self._tensors[index].isVariable = True
        return index

    def constant(
        self, values: np.ndarray, scale: Scales | None = None, zero_point: int = 0, axis: int = 0
    ) -> int:
        """Add a constant of the array's dtype; return its index."""
        self._buffers.append(_buffer(np.ascontiguousarray(values).tobytes()))
        at = len(self._buffers) - 1
        return self._add(values.shape, values.dtype.name, at, scale, zero_point, axis)

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
    ) -> None:
        """Add an operator; `options` is a schema object, e.g. schema.FullyConnectedOptionsT()."""
        code = getattr(schema.BuiltinOperator, name)
        if code not in self._codes:
            self._codes.append(code)
        op = schema.OperatorT()
        op.opcodeIndex = self._codes.index(code)
        op.inputs = list(inputs)
        op.outputs = list(outputs)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            op.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            op.builtinOptions = options
        self._operators.append(op)

    def finish(self, source: int, target: int) -> bytes:
        """Return the flatbuffer, with one input and one output."""
        graph = schema.SubGraphT()
        graph.tensors = self._tensors
        graph.inputs = [source]
        graph.outputs = [target]
        graph.operators = self._operators
        model = schema.ModelT()
        model.version = 3
        model.subgraphs = [graph]
        model.buffers = self._buffers
        model.operatorCodes = [_code(code) for code in self._codes]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _add(
        self,
        shape: Sequence[int],
        dtype: str,
        buffer: int,
        scale: Scales | None,
        zero_point: int,
        axis: int,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape = [int(side) for side in shape]
        tensor.type = _TYPES[dtype]
        tensor.buffer = buffer
        tensor.name = f"t{len(self._tensors)}"
        if scale is not None:
            scales = [float(s) for s in np.atleast_1d(np.asarray(scale, np.float32))]
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = [zero_point] * len(scales)
            tensor.quantization.quantizedDimension = axis
        self._tensors.append(tensor)
        return len(self._tensors) - 1


def dense(
    builder: ModelBuilder,
    source: int,
    weights: np.ndarray,
    bias: np.ndarray | None,
    *,
    source_scale: float,
    weight_scale: Scales,
    target_scale: float,
    target_zero_point: int,
    activation: int = Activation.NONE,
) -> int:
    """Append a FULLY_CONNECTED (weights int8 [out, in], bias int32 [out]); return its output."""
    w = builder.constant(weights, weight_scale)
    b = -1
    if bias is not None:
        product = np.float32(source_scale) * np.atleast_1d(np.asarray(weight_scale, np.float32))
        b = builder.constant(bias.astype(np.int32), [float(s) for s in product])
    target = builder.tensor((1, weights.shape[0]), target_scale, target_zero_point)
    options = schema.FullyConnectedOptionsT(fusedActivationFunction=activation)
    builder.operator("FULLY_CONNECTED", [source, w, b], [target], options)
    return target


def unary(
    builder: ModelBuilder, name: str, source: int, shape: Sequence[int], scale: float, zero: int
) -> int:
    """Append an operator with one input and without options; return its output."""
    target = builder.tensor(shape, scale, zero)
    builder.operator(name, [source], [target])
    return target


def _buffer(data: bytes) -> Any:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8) if data else None
    return buffer


def _code(code: int) -> Any:
    entry = schema.OperatorCodeT()
    entry.builtinCode = code
    entry.deprecatedBuiltinCode = min(code, 127)
    entry.version = 1
    return entry

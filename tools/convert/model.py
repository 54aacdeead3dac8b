"""A TensorFlow Lite model as plain data: tensors, and operators in the order in which they run.

Field numbers are those of TensorFlow Lite's schema, version 3 (schema.fbs).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.convert.flatbuffer import DamagedError, Table, root
from training.bundle.errors import ConvertError
from training.bundle.validation import brief

_DTYPES = {0: "float32", 2: "int32", 4: "int64", 6: "bool", 7: "int16", 9: "int8"}

# Options of each operator: field name -> (field number, kind, default).
_Options = Mapping[str, tuple[int, str, float]]
_WINDOW: _Options = {
    "padding": (0, "int8", 0),
    "stride_w": (1, "int32", 0),
    "stride_h": (2, "int32", 0),
}
_POOL: _Options = {
    **_WINDOW,
    "filter_w": (3, "int32", 0),
    "filter_h": (4, "int32", 0),
    "activation": (5, "int8", 0),
}
_OPTIONS: Mapping[str, _Options] = {
    "FULLY_CONNECTED": {"activation": (0, "int8", 0), "weights_format": (1, "int8", 0)},
    "CONV_2D": {
        **_WINDOW,
        "activation": (3, "int8", 0),
        "dilation_w": (4, "int32", 1),
        "dilation_h": (5, "int32", 1),
    },
    "DEPTHWISE_CONV_2D": {
        **_WINDOW,
        "depth_multiplier": (3, "int32", 0),
        "activation": (4, "int8", 0),
        "dilation_w": (5, "int32", 1),
        "dilation_h": (6, "int32", 1),
    },
    "TRANSPOSE_CONV": {**_WINDOW, "activation": (3, "int8", 0)},
    "MAX_POOL_2D": _POOL,
    "AVERAGE_POOL_2D": _POOL,
    "RESIZE_NEAREST_NEIGHBOR": {
        "align_corners": (0, "uint8", 0),
        "half_pixel_centers": (1, "uint8", 0),
    },
    "ADD": {"activation": (0, "int8", 0)},
    "MUL": {"activation": (0, "int8", 0)},
    "LEAKY_RELU": {"alpha": (0, "float32", 0.0)},
    "SPLIT": {"splits": (0, "int32", 0)},
    "SPLIT_V": {"splits": (0, "int32", 0)},
    "PACK": {"count": (0, "int32", 0), "axis": (1, "int32", 0)},
    "UNPACK": {"count": (0, "int32", 0), "axis": (1, "int32", 0)},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {
        "activation": (0, "int8", 0),
        "cell_clip": (1, "float32", 0.0),
        "proj_clip": (2, "float32", 0.0),
        "time_major": (3, "uint8", 0),
    },
    "STRIDED_SLICE": {
        "begin_mask": (0, "int32", 0),
        "end_mask": (1, "int32", 0),
        "ellipsis_mask": (2, "int32", 0),
        "new_axis_mask": (3, "int32", 0),
        "shrink_axis_mask": (4, "int32", 0),
    },
    "CONCATENATION": {"axis": (0, "int32", 0), "activation": (1, "int8", 0)},
}

_REQUIRED: Mapping[str, int] = {
    **dict.fromkeys(("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MUL", "SPLIT"), 2),
    **dict.fromkeys(("TRANSPOSE_CONV", "SPLIT_V"), 3),
    "STRIDED_SLICE": 4,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 24,
}
"""How many inputs an operator has at the least; 1 where it is not listed."""

_WEIGHTS: Mapping[str, tuple[int, int]] = {
    "FULLY_CONNECTED": (1, 2),
    "CONV_2D": (1, 4),
    "DEPTHWISE_CONV_2D": (1, 4),
    "TRANSPOSE_CONV": (1, 4),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (1, 2),
}
"""Which input holds an operator's weights, and how many dimensions they have."""

_STATES = (18, 19)
"""Inputs of an LSTM that are its own memory: hidden and cell state."""

_MOST_SIDES, _LONGEST, _LARGEST = 8, 1 << 20, 1 << 24
"""Dimensions of a tensor, values along one of them, and values in all."""

_SCALES = 1e-20, 1e20
"""Scales outside belong to no signal, and their products leave single precision."""

ACTIVATIONS = {0: "none", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor.

    scales float32 [0, 1 or channels], zero_points int64 of the same length, `axis` the dimension
    that per-channel scales run along; `data` of `shape` for constants, None for activations.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    data: NDArray[Any] | None

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def scale(self) -> np.float32:
        """The one scale, or the first channel's."""
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The one zero point, or the first channel's."""
        return int(self.zero_points[0])

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a scale of its own."""
        return len(self.scales) > 1


@dataclass(frozen=True)
class Operator:
    """One operator; `inputs` and `outputs` are tensor indices, -1 for an optional one left out."""

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, float]

    def option(self, name: str) -> int:
        """An integer option."""
        return int(self.options[name])

    @property
    def activation(self) -> str:
        """The fused activation: none, RELU, RELU6, ..."""
        code = int(self.options.get("activation", 0))
        return ACTIVATIONS.get(code, f"activation {code}")

    @property
    def place(self) -> str:
        """`operator 3 (FULLY_CONNECTED)`, for messages."""
        return f"operator {self.index} ({self.name})"


@dataclass(frozen=True, eq=False)
class Model:
    """A model of one subgraph with one int8 input and one int8 output."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    input: Tensor
    output: Tensor
    size: int  # bytes of the flatbuffer

    def tensor(self, index: int) -> Tensor | None:
        """The tensor at `index`, None for -1."""
        return None if index < 0 else self.tensors[index]

    def operator_names(self) -> list[str]:
        """Each kind of operator once, sorted."""
        return sorted({operator.name for operator in self.operators})

    def macs(self, operator: Operator | None = None) -> int:
        """Multiply-accumulates of one inference, of the whole model or of one operator."""
        if operator is None:
            return sum(self.macs(each) for each in self.operators)
        out = self.tensors[operator.outputs[0]]
        if operator.name == "TRANSPOSE_CONV":  # every input value meets the whole kernel
            weights = self.tensors[operator.inputs[1]]
            return self.tensors[operator.inputs[2]].size * weights.size // weights.shape[3]
        if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":  # four gates, input and feedback
            weights, recurrent = (self.tensors[operator.inputs[i]] for i in (1, 5))
            return 4 * (out.size // weights.shape[0]) * (weights.size + recurrent.size)
        if operator.name in {"FULLY_CONNECTED", "CONV_2D"}:
            weights = self.tensors[operator.inputs[1]]
            return out.size * (weights.size // weights.shape[0])
        if operator.name == "DEPTHWISE_CONV_2D":
            weights = self.tensors[operator.inputs[1]]
            return out.size * weights.shape[1] * weights.shape[2]
        return 0


def read_model(data: bytes, where: str = "model.tflite") -> Model:
    """Read a flatbuffer.

    Raises ConvertError, one line naming `where`: damaged, or not a model of one int8 window in
    and one out.
    """
    try:
        return _read(data, where)
    except DamagedError as problem:
        raise ConvertError(
            f"{where}: not a whole TensorFlow Lite model: {problem}; train again"
        ) from None


def _read(data: bytes, where: str) -> Model:
    model = root(data, b"TFL3")
    if model.uint32(0) != 3:
        raise ConvertError(f"{where}: schema version {model.uint32(0)}, must be 3")
    graphs = model.tables(2)
    if len(graphs) != 1:
        raise ConvertError(f"{where}: {len(graphs)} subgraphs, must be 1")
    graph = graphs[0]
    buffers = model.tables(4)
    tensors = tuple(_tensor(i, table, buffers, where) for i, table in enumerate(graph.tables(0)))
    names = [_operator_name(code) for code in model.tables(1)]
    operators = tuple(
        _operator(i, table, names, len(tensors), where) for i, table in enumerate(graph.tables(3))
    )
    if not operators:
        raise ConvertError(f"{where}: it holds no operator")
    ends = [
        _end(graph, field, what, tensors, where) for field, what in ((1, "input"), (2, "output"))
    ]
    written = {ends[0].index}
    for operator in operators:
        _check_operator(operator, tensors, where)
        _check_order(operator, tensors, written, where)
        written.update(operator.outputs)
    if ends[1].index not in written or ends[1] is ends[0]:
        raise ConvertError(f"{where}: no operator computes the model's output")
    return Model(tensors, operators, ends[0], ends[1], len(data))


def _end(graph: Table, field: int, what: str, tensors: tuple[Tensor, ...], where: str) -> Tensor:
    indices = [int(i) for i in graph.array(field, "<i4")]
    if len(indices) != 1 or not 0 <= indices[0] < len(tensors):
        raise ConvertError(f"{where}: {len(indices)} {what}s, must be 1")
    tensor = tensors[indices[0]]
    if tensor.dtype != "int8" or len(tensor.scales) != 1 or tensor.data is not None:
        raise ConvertError(
            f"{where}: the {what} is {tensor.dtype}, must be a quantized int8 tensor"
        )
    return tensor


def _tensor(index: int, table: Table, buffers: list[Table], where: str) -> Tensor:
    place = f"{where}: tensor {index}"
    shape = tuple(table.array(0, "<i4").tolist())
    code = table.int8(1)
    dtype = _DTYPES.get(code, f"type {code}")
    if len(shape) > _MOST_SIDES or any(not 0 <= side <= _LONGEST for side in shape):
        raise ConvertError(f"{place} has shape {brief(str(list(shape)))}, which cannot be")
    if math.prod(shape) > _LARGEST:
        raise ConvertError(f"{place} has shape {list(shape)}, which is too large for any board")
    scales, zeros, axis = np.empty(0, np.float32), np.empty(0, np.int64), 0
    quantization = table.table(4)
    if quantization is not None:
        scales = quantization.array(2, "<f4").astype(np.float32)
        zeros = quantization.array(3, "<i8").astype(np.int64)
        axis = quantization.int32(6)
        if len(zeros) != len(scales):
            raise ConvertError(f"{place} has {len(scales)} scales but {len(zeros)} zero points")
        if not ((scales >= _SCALES[0]) & (scales <= _SCALES[1])).all():
            raise ConvertError(
                f"{place} has a scale that is no number between {_SCALES[0]:g} and {_SCALES[1]:g}"
            )
        if dtype == "int8" and (abs(zeros) > 128).any():
            raise ConvertError(f"{place} has a zero point outside int8")
    at = table.uint32(2)
    if at >= len(buffers):
        raise ConvertError(f"{place} names buffer {at} of {len(buffers)}")
    raw = buffers[at].array(0, "u1")
    data = None
    if len(raw):
        if dtype.startswith("type "):
            raise ConvertError(f"{place} holds constants of {dtype}, which Vigil does not read")
        kind = np.dtype(dtype).newbyteorder("<")
        if len(raw) != math.prod(shape) * kind.itemsize:
            raise ConvertError(
                f"{place} has {len(raw)} bytes, but shape {list(shape)} of {dtype} "
                f"takes {math.prod(shape) * kind.itemsize}"
            )
        data = np.frombuffer(raw.tobytes(), kind).reshape(shape)
    return Tensor(index, table.text(3), shape, dtype, scales, zeros, axis, data)


def _check_operator(operator: Operator, tensors: tuple[Tensor, ...], where: str) -> None:
    """What every reader of operators takes for granted."""
    place = f"{where}: {operator.place}"
    needed = _REQUIRED.get(operator.name, 1)
    if len(operator.inputs) < needed or (needed < 24 and min(operator.inputs[:needed]) < 0):
        raise ConvertError(f"{place} has {len(operator.inputs)} inputs, must be {needed} or more")
    for each in (tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0):
        if each.dtype == "int8" and not len(each.scales):
            raise ConvertError(f"{place}: tensor {each.index} is int8 without a scale")
        if each.dtype == "int8" and not each.size:
            raise ConvertError(f"{place}: tensor {each.index} holds no values")
    for each in (tensors[i] for i in operator.outputs):
        if each.data is not None:
            raise ConvertError(f"{place} writes to tensor {each.index}, which is a constant")
    if operator.name in _WEIGHTS:
        at, sides = _WEIGHTS[operator.name]
        index = operator.inputs[at]
        if index < 0 or len(tensors[index].shape) != sides:
            raise ConvertError(f"{place}: its weights must have {sides} dimensions")


def _check_order(
    operator: Operator, tensors: tuple[Tensor, ...], written: set[int], where: str
) -> None:
    """Values are computed once, and before they are read: `written` are those so far."""
    place = f"{where}: {operator.place}"
    for i in operator.outputs:
        if i in written or operator.outputs.count(i) > 1:
            raise ConvertError(f"{place} writes to tensor {i}, which has its values already")
    states = _STATES if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM" else ()
    for at, i in enumerate(operator.inputs):
        unknown = i >= 0 and tensors[i].dtype == "int8" and tensors[i].data is None
        if unknown and i not in written and at not in states:
            raise ConvertError(f"{place} reads tensor {i}, which nothing has computed yet")


def _operator_name(code: Table) -> str:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    number = max(code.int32(3), code.int8(0))
    if number == schema.BuiltinOperator.CUSTOM:
        return brief(code.text(1), 40) or "CUSTOM"
    for name, value in vars(schema.BuiltinOperator).items():
        if value == number and name.isupper():
            return str(name)
    return f"builtin {number}"


def _operator(index: int, table: Table, names: list[str], tensors: int, where: str) -> Operator:
    code = table.uint32(0)
    if code >= len(names):
        raise ConvertError(f"{where}: operator {index} names code {code} of {len(names)}")
    name = names[code]
    inputs = tuple(int(i) for i in table.array(1, "<i4"))
    outputs = tuple(int(i) for i in table.array(2, "<i4"))
    if any(not -1 <= i < tensors for i in inputs) or any(not 0 <= i < tensors for i in outputs):
        raise ConvertError(f"{where}: operator {index} ({name}) names a tensor that is not there")
    if not inputs or not outputs:
        raise ConvertError(f"{where}: operator {index} ({name}) has no input or no output")
    given = table.table(4)
    options = {
        key: default if given is None else getattr(given, kind)(field, default)
        for key, (field, kind, default) in _OPTIONS.get(name, {}).items()
    }
    for key, value in options.items():
        if not math.isfinite(value):
            raise ConvertError(f"{where}: operator {index} ({name}): its {key} is no finite number")
    return Operator(index, name, inputs, outputs, options)

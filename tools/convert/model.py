"""Reads a TensorFlow Lite model (a flatbuffer) into a graph.

Field numbers are those of TensorFlow Lite's schema, version 3 (schema.fbs).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tools.convert.graph import Model, Operator, Tensor
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators import kinds
from training.bundle.errors import ConvertError
from training.bundle.flatbuffer import DamagedError, Table, root
from training.bundle.validation import brief

_DTYPES = {0: "float32", 2: "int32", 4: "int64", 6: "bool", 7: "int16", 9: "int8"}

_MAX_RANK, _MAX_SIDE, _MAX_SIZE = 8, 1 << 20, 1 << 24
"""Limits of a tensor: dimensions, values along one of them, and values in all."""

_SCALES = 1e-20, 1e20
"""Scales outside belong to no signal, and their products leave single precision."""

_UNKNOWN = OperatorKind()


def read_model(data: bytes, where: str = "model.tflite") -> Model:
    """Read a flatbuffer.

    Raises:
        ConvertError: in one line that begins with `where`: the file is damaged, or the model has
            more than one int8 input or output.
    """
    try:
        return _read(data, where)
    except DamagedError as problem:
        raise ConvertError(
            f"{where}: not a whole TensorFlow Lite model: {problem}; copy or convert it again"
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
    source = _window(graph, 1, "input", tensors, where)
    target = _window(graph, 2, "output", tensors, where)
    operators = []
    computed, states = {source.index}, set[int]()
    for i, table in enumerate(graph.tables(3)):
        operator = _operator(i, table, names, tensors, where)
        _check_order(operator, tensors, computed, where)
        _check_variables(operator, tensors, states, where)
        computed.update(operator.outputs)
        operators.append(operator)
    if not operators:
        raise ConvertError(f"{where}: the model has no operator")
    if target.index not in computed or target is source:
        raise ConvertError(f"{where}: no operator computes the model's output")
    return Model(tensors, tuple(operators), source, target, data)


def _window(graph: Table, field: int, role: str, tensors: tuple[Tensor, ...], where: str) -> Tensor:
    indices = [int(i) for i in graph.array(field, "<i4")]
    if len(indices) != 1 or not 0 <= indices[0] < len(tensors):
        raise ConvertError(
            f"{where}: {len(indices)} {role}s, must be 1: a detector compares one window with its "
            "reconstruction"
        )
    tensor = tensors[indices[0]]
    if tensor.variable:
        raise ConvertError(
            f"{where}: the {role} is a variable, whose values outlive an inference; only an LSTM "
            "may keep values"
        )
    if not tensor.quantized or tensor.data is not None:
        raise ConvertError(
            f"{where}: the {role} is {tensor.dtype}, must be a quantized int8 tensor; convert the "
            "model with full-integer quantization"
        )
    return tensor


def _tensor(index: int, table: Table, buffers: list[Table], where: str) -> Tensor:
    label = f"{where}: tensor {index}"
    shape = tuple(table.array(0, "<i4").tolist())
    code = table.int8(1)
    dtype = _DTYPES.get(code, f"type {code}")
    if len(shape) > _MAX_RANK or any(not 0 <= side <= _MAX_SIDE for side in shape):
        raise ConvertError(f"{label} has the impossible shape {brief(str(list(shape)))}")
    if math.prod(shape) > _MAX_SIZE:
        raise ConvertError(f"{label} has shape {list(shape)}, which is too large for any board")
    scales, zeros = np.empty(0, np.float32), np.empty(0, np.int64)
    quantization = table.table(4)
    if quantization is not None:
        scales = quantization.array(2, "<f4").astype(np.float32)
        zeros = quantization.array(3, "<i8").astype(np.int64)
        if len(zeros) != len(scales):
            raise ConvertError(f"{label} has {len(scales)} scales but {len(zeros)} zero points")
        if not ((scales >= _SCALES[0]) & (scales <= _SCALES[1])).all():
            raise ConvertError(f"{label} has a scale outside {_SCALES[0]:g} to {_SCALES[1]:g}")
        if dtype == "int8" and ((zeros < -128) | (zeros > 127)).any():
            raise ConvertError(f"{label} has a zero point outside int8")
    buffer = table.uint32(2)
    if buffer >= len(buffers):
        raise ConvertError(f"{label} refers to buffer {buffer} of {len(buffers)}")
    data = _constant(buffers[buffer].array(0, "u1"), shape, dtype, label)
    return Tensor(index, shape, dtype, scales, zeros, data, bool(table.uint8(5)))


def _constant(
    raw: NDArray[np.generic], shape: tuple[int, ...], dtype: str, label: str
) -> NDArray[np.generic] | None:
    """A buffer's bytes as values of `shape`; None for an empty buffer, an activation's."""
    if not len(raw):
        return None
    if dtype.startswith("type "):
        raise ConvertError(f"{label} holds constants of {dtype}, which Vigil does not read")
    kind = np.dtype(dtype).newbyteorder("<")
    expected = math.prod(shape) * kind.itemsize
    if len(raw) != expected:
        raise ConvertError(
            f"{label} has {len(raw)} bytes, but shape {list(shape)} of {dtype} takes {expected}"
        )
    return np.frombuffer(raw.tobytes(), kind).reshape(shape)


def _operator(
    index: int, table: Table, names: list[str], tensors: tuple[Tensor, ...], where: str
) -> Operator:
    code = table.uint32(0)
    if code >= len(names):
        raise ConvertError(f"{where}: operator {index} refers to code {code} of {len(names)}")
    name = names[code]
    kind = kinds().get(name, _UNKNOWN)
    label = f"{where}: operator {index} ({name})"
    inputs = tuple(int(i) for i in table.array(1, "<i4"))
    outputs = tuple(int(i) for i in table.array(2, "<i4"))
    count = len(tensors)
    if any(not -1 <= i < count for i in inputs) or any(not 0 <= i < count for i in outputs):
        raise ConvertError(f"{label} refers to a tensor that does not exist")
    if not inputs or not outputs:
        raise ConvertError(f"{label} has no input or no output")
    given = table.table(4)
    options = {
        key: default if given is None else getattr(given, method)(field, default)
        for key, (field, method, default) in kind.options.items()
    }
    for key, value in options.items():
        if not math.isfinite(value):
            raise ConvertError(f"{label}: the option {key} is not a finite number")
    read = [tensors[i] if i >= 0 else None for i in inputs]
    written = [tensors[i] for i in outputs]
    _check_tensors(label, kind, read, written)
    return Operator(index, name, inputs, outputs, options, kind.macs(read, written[0]))


def _check_tensors(
    label: str, kind: OperatorKind, inputs: list[Tensor | None], outputs: list[Tensor]
) -> None:
    """Check what the operators' own files rely on."""
    # The file of an operator with more than four inputs checks which of them are absent.
    absent = kind.inputs <= 4 and None in inputs[: kind.inputs]
    if len(inputs) < kind.inputs or absent:
        raise ConvertError(f"{label} has {len(inputs)} inputs, must be {kind.inputs} or more")
    for tensor in (*filter(None, inputs), *outputs):
        if tensor.dtype == "int8" and not len(tensor.scales):
            raise ConvertError(f"{label}: tensor {tensor.index} is int8 without a scale")
        if tensor.dtype == "int8" and not tensor.size:
            raise ConvertError(f"{label}: tensor {tensor.index} has no values")
    for tensor in outputs:
        if tensor.data is not None:
            raise ConvertError(f"{label} writes to tensor {tensor.index}, which is a constant")
    if kind.weights is not None:
        position, rank = kind.weights
        weights = inputs[position]
        if weights is None or len(weights.shape) != rank:
            raise ConvertError(f"{label}: its weights must have {rank} dimensions")


def _check_order(
    operator: Operator, tensors: tuple[Tensor, ...], computed: set[int], where: str
) -> None:
    """Check that a tensor is computed once, and before it is read; `computed` are those so far."""
    label = f"{where}: {operator.label}"
    for i in operator.outputs:
        if i in computed or operator.outputs.count(i) > 1:
            raise ConvertError(f"{label} writes to tensor {i}, which is computed already")
    states = kinds().get(operator.name, _UNKNOWN).states
    for position, i in enumerate(operator.inputs):
        activation = i >= 0 and tensors[i].dtype == "int8" and tensors[i].data is None
        if activation and i not in computed and position not in states:
            raise ConvertError(f"{label} reads tensor {i}, which is not computed yet")


def _check_variables(
    operator: Operator, tensors: tuple[Tensor, ...], states: set[int], where: str
) -> None:
    """Check that variables are the states of one LSTM each; `states` are those so far."""
    own = {operator.inputs[i] for i in kinds().get(operator.name, _UNKNOWN).states}
    for i in {*operator.inputs, *operator.outputs} - {-1}:
        if tensors[i].variable != (i in own) or i in states:
            raise ConvertError(
                f"{where}: {operator.label}: tensor {i} is "
                + ("a variable" if tensors[i].variable else "a state, but no variable")
                + "; only an LSTM may keep values, each in states of its own"
            )
    states |= own


def _operator_name(code: Table) -> str:
    # Imported here: the generated schema takes half a second to load.
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    number = max(code.int32(3), code.int8(0))
    if number == schema.BuiltinOperator.CUSTOM:
        return brief(code.text(1), 40) or "CUSTOM"
    for name, value in vars(schema.BuiltinOperator).items():
        if value == number and name.isupper():
            return str(name)
    return f"builtin {number}"

"""UNIDIRECTIONAL_SEQUENCE_LSTM for the compiled engine: the standard LSTM, state from zero.

Gates and cell state are int16. Gate sums are in 2^-12, gates in 2^-15; sigmoid and tanh come from
one table of 256 entries, which the interpreter is asked for.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.dense import checked_weights
from tools.convert.fixedpoint import Multiplier, quantize_multiplier
from tools.convert.model import Model, Operator, Tensor
from tools.convert.step import Report, Step, Value, scratch
from training.bundle.errors import ConvertError

_NO_CLIP = 32768
"""Where the model asks for no clip of the cell state, which 16 bits hold anyway."""

_SUM_SCALE = 2.0**-12
_GATE_SCALE = 2.0**-15

# Input indices of the operator.
_WEIGHTS, _RECURRENT, _BIASES = (1, 2, 3, 4), (5, 6, 7, 8), (12, 13, 14, 15)
_HIDDEN, _CELL = 18, 19
_ABSENT = (9, 10, 11, 16, 17, 20, 21, 22, 23)  # peepholes, projection, layer normalization


@dataclass(frozen=True, eq=False)
class _Gate:
    weights: NDArray[np.int8]
    recurrent: NDArray[np.int8]
    bias: NDArray[np.int64]
    recurrent_bias: NDArray[np.int64]
    by: Multiplier
    recurrent_by: Multiplier


@dataclass(frozen=True, eq=False)
class Lstm(Step):
    """The operator; gates in the order input, forget, candidate, output."""

    source: Tensor
    target: Tensor
    steps: int
    gates: tuple[_Gate, ...]
    multipliers: tuple[Multiplier, ...]
    clip: int
    cell_power: int
    zero_point: int

    @property
    def features(self) -> int:
        """Inputs of a step."""
        return int(self.gates[0].weights.shape[1])

    @property
    def units(self) -> int:
        """Outputs of a step."""
        return int(self.gates[0].weights.shape[0])

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 sequence."""
        return (Value(self.source.index, self.source.size),)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 hidden states; then room for the cell state, int16."""
        room = Value(scratch(self.target.index, 0)[0], 2 * self.units)
        return (Value(self.target.index, self.target.size), room)

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"lstm.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        macs = self.steps * 4 * self.units * (self.features + self.units)
        shape = f"{self.steps} x ({self.features} -> {self.units})"
        scale = f"{self.target.scale:.4g}"
        return Report("UNIDIRECTIONAL_SEQUENCE_LSTM", shape, macs, scale, "lstm", "-")

    def shared(self) -> frozenset[str]:
        """The table, once for all."""
        return frozenset({cpp.array("std::uint16_t", "kSigmoid", map(int, sigmoid_table()))})

    def constants(self, index: int) -> str:
        """Weights, biases and the record."""
        text, gates = "", []
        for i, gate in enumerate(self.gates):
            names = [f"k{what}{index}_{i}" for what in ("Weights", "Recurrent", "Bias", "Fed")]
            text += cpp.array("std::int8_t", names[0], gate.weights.ravel())
            text += cpp.array("std::int8_t", names[1], gate.recurrent.ravel())
            text += cpp.array("std::int32_t", names[2], gate.bias)
            text += cpp.array("std::int32_t", names[3], gate.recurrent_bias)
            by = ", ".join(_record(each) for each in (gate.by, gate.recurrent_by))
            gates.append(f"{{{', '.join(names)}, {by}}}")
        fields = [f"{{{', '.join(gates)}}}", *map(_record, self.multipliers), "kSigmoid"]
        sizes = (self.steps, self.features, self.units)
        fields += map(str, (*sizes, self.clip, self.cell_power, self.zero_point))
        return text + f"const Lstm kLstm{index} = {{{', '.join(fields)}}};\n"

    def constant_bytes(self) -> int:
        """Weights 1, biases 4 bytes each, the record 168; the table 512."""
        return 4 * self.units * (self.features + self.units + 8) + 168 + 512

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        target, room = (at[value] for value in self.writes)
        cell = f"reinterpret_cast<std::int16_t*>({room})"
        return f"lstm(kLstm{index}, {at[self.reads[0]]}, {cell}, {target});"


def read_lstm(model: Model, operator: Operator, where: str) -> list[Step]:
    """The operator's step; ConvertError, one line, for what the compiled engine does not carry."""
    place = f"{where}: {operator.place}"
    given = [model.tensor(i) for i in operator.inputs]
    source, target = given[0], model.tensors[operator.outputs[0]]
    if len(given) != 24 or any(given[i] is not None for i in _ABSENT):
        raise ConvertError(f"{place}: only the standard LSTM: no peepholes, projection or norms")
    hidden, cell = given[_HIDDEN], given[_CELL]
    if source is None or hidden is None or cell is None:
        raise ConvertError(f"{place}: it has no input or no state")
    kinds = [(source, "int8"), (hidden, "int8"), (target, "int8"), (cell, "int16")]
    if any(each.dtype != kind or len(each.scales) != 1 for each, kind in kinds):
        raise ConvertError(f"{place}: input, hidden state and output must be int8, the cell int16")
    if operator.activation != "TANH" or operator.options["proj_clip"]:
        raise ConvertError(f"{place}: its activation must be TANH, its projection not clipped")
    fraction, exponent = math.frexp(float(cell.scale))
    power = exponent - 1
    if fraction != 0.5 or cell.zero_point or not -27 <= power <= 0:
        raise ConvertError(f"{place}: the cell state's scale must be a power of two")
    gates = tuple(
        _gate(place, given[w], given[r], given[b], source, hidden)
        for w, r, b in zip(_WEIGHTS, _RECURRENT, _BIASES, strict=True)
    )
    units, features = gates[0].weights.shape
    steps = source.size // features
    major = source.shape[1:2] if operator.options["time_major"] else source.shape[:1]
    if (
        any(each.weights.shape != (units, features) for each in gates)
        or (len(source.shape), *major) != (3, 1)
        or (source.size, target.size) != (steps * features, steps * units)
        or (hidden.size, cell.size) != (units, units)
        or max(steps, units, features) > 65535
    ):
        raise ConvertError(f"{place}: its weights do not fit one sequence {list(source.shape)}")
    factors = (
        _GATE_SCALE,
        _GATE_SCALE**2 / float(cell.scale),
        _GATE_SCALE**2 / float(hidden.scale),
    )
    clip = float(operator.options["cell_clip"])
    return [
        Lstm(
            *(source, target, steps, gates),
            tuple(quantize_multiplier(each) for each in factors),
            int(min(clip / float(cell.scale), 32767.0)) if clip > 0 else _NO_CLIP,
            *(power, hidden.zero_point),
        )
    ]


def _gate(
    place: str,
    weights: Tensor | None,
    recurrent: Tensor | None,
    bias: Tensor | None,
    source: Tensor,
    hidden: Tensor,
) -> _Gate:
    rows, back = checked_weights(place, weights), checked_weights(place, recurrent)
    assert weights is not None
    assert recurrent is not None
    if bias is None or bias.data is None or bias.dtype != "int32":
        raise ConvertError(f"{place}: its biases must be int32 constants")
    if rows.ndim != 2 or back.shape != (rows.shape[0],) * 2 or bias.shape != rows.shape[:1]:
        raise ConvertError(f"{place}: weights {list(rows.shape)} and {list(back.shape)} do not fit")
    if weights.per_channel or recurrent.per_channel:
        raise ConvertError(f"{place}: weights per channel, which TensorFlow Lite Micro cannot")
    folded = bias.data.astype(np.int64) - source.zero_point * rows.sum(1, dtype=np.int64)
    fed = -hidden.zero_point * back.sum(1, dtype=np.int64)
    for start, each in ((folded, rows), (fed, back)):
        if (abs(start) + 128 * abs(each.astype(np.int64)).sum(1) >= 1 << 31).any():
            raise ConvertError(f"{place}: a sum can leave 32 bits")
    return _Gate(
        *(rows, back, folded, fed),
        quantize_multiplier(float(source.scale) * float(weights.scale) / _SUM_SCALE),
        quantize_multiplier(float(hidden.scale) * float(recurrent.scale) / _SUM_SCALE),
    )


def _record(by: Multiplier) -> str:
    return f"{{{by.value}, {by.shift}}}"


@functools.cache
def sigmoid_table() -> NDArray[np.int64]:
    """The interpreter's table of the sigmoid, 256 entries of 16 bits.

    Its TANH of int16 interpolates in that table. At scale 1/48 an input k falls on entry k; entry
    255 is reached as the neighbour of entry 254.
    """
    whole = _tanh(1 / 48, np.arange(255, dtype=np.int16))
    last = _tanh(97 / 12288, np.array([673], np.int16))  # 255/256 of the way
    return np.concatenate([whole, last]).astype(np.int64) + 32768


def _tanh(scale: float, values: NDArray[np.int16]) -> NDArray[np.int16]:
    import flatbuffers
    from tflite_micro import runtime
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    def tensor(each: float) -> Any:
        result = schema.TensorT()
        result.shape = [1, len(values)]
        result.type = schema.TensorType.INT16
        result.quantization = schema.QuantizationParametersT()
        result.quantization.scale, result.quantization.zeroPoint = [each], [0]
        return result

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TANH
    code.version = 1
    step = schema.OperatorT()
    step.inputs, step.outputs = [0], [1]
    graph = schema.SubGraphT()
    graph.tensors = [tensor(scale), tensor(_GATE_SCALE)]
    graph.inputs, graph.outputs, graph.operators = [0], [1], [step]
    model = schema.ModelT()
    model.version = 3
    model.subgraphs, model.buffers, model.operatorCodes = [graph], [schema.BufferT()], [code]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    interpreter = runtime.Interpreter.from_bytes(bytes(builder.Output()))
    interpreter.set_input(values[None], 0)
    interpreter.invoke()
    return np.array(interpreter.get_output(0), np.int16).ravel()

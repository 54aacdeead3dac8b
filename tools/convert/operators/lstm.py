"""UNIDIRECTIONAL_SEQUENCE_LSTM: the standard LSTM, whose state is zero before each window.

Gates and cell state are int16. The gates' sums have a scale of 2^-12, the gates one of 2^-15.
Sigmoid and tanh interpolate in one table of 256 entries, which comes from the interpreter.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.fixedpoint import Multiplier, quantize_multiplier
from tools.convert.graph import Operator, Tensor
from tools.convert.one_operator import Grid, one_operator_model
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators.dense import check_sums, checked_weights
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value, scratch
from tools.convert.work import Work, added, dot, requantizations

LSTM_BYTES, TABLE_BYTES = 168, 512
"""sizeof(Lstm) in lstm.h, and of the table."""

_NO_CLIP = 32768
"""The kernel's clip where the model has none: 16 bits bound the cell state anyway."""

_SUM_SCALE = 2.0**-12
_GATE_SCALE = 2.0**-15

# Positions of the operator's inputs.
_WEIGHTS, _RECURRENT, _BIASES = (1, 2, 3, 4), (5, 6, 7, 8), (12, 13, 14, 15)
_HIDDEN, _CELL = 18, 19
_ABSENT = (9, 10, 11, 16, 17, 20, 21, 22, 23)  # peepholes, projection, layer normalization


@dataclass(frozen=True, eq=False)
class _Gate:
    """One gate; biases have the zero points folded in."""

    weights: NDArray[np.int8]
    recurrent: NDArray[np.int8]
    bias: NDArray[np.int64]
    recurrent_bias: NDArray[np.int64]
    by: Multiplier
    recurrent_by: Multiplier

    def definitions(self, number: int) -> tuple[str, str]:
        """C++ arrays, and the initializer of `LstmGate` in lstm.h."""
        arrays: dict[str, tuple[str, Iterable[int]]] = {
            "Weights": ("std::int8_t", self.weights.ravel()),
            "Recurrent": ("std::int8_t", self.recurrent.ravel()),
            "Bias": ("std::int32_t", self.bias),
            "RecurrentBias": ("std::int32_t", self.recurrent_bias),
        }
        text = "".join(
            cpp.array(ctype, f"k{name}#_{number}", values)
            for name, (ctype, values) in arrays.items()
        )
        names = [f"k{name}#_{number}" for name in arrays]
        fields = [*names, self.by.initializer, self.recurrent_by.initializer]
        return text, f"{{{', '.join(fields)}}}"


def _plan(planner: Planner, operator: Operator) -> None:
    inputs = [planner.model.tensor(i) for i in operator.inputs]
    source, target = inputs[0], planner.model.tensors[operator.outputs[0]]
    if len(inputs) != 24 or any(inputs[i] is not None for i in _ABSENT):
        raise planner.refusal(
            operator,
            "peepholes, projection and layer normalization are not supported; use a standard LSTM",
        )
    hidden, cell = inputs[_HIDDEN], inputs[_CELL]
    if source is None or hidden is None or cell is None:
        raise planner.refusal(operator, "it has no input or no state")
    dtypes = [(source, "int8"), (hidden, "int8"), (target, "int8"), (cell, "int16")]
    if any(tensor.dtype != dtype or len(tensor.scales) != 1 for tensor, dtype in dtypes):
        raise planner.refusal(
            operator, "input, hidden state and output must be int8, the cell state int16"
        )
    if operator.activation != "TANH" or operator.options["proj_clip"]:
        raise planner.refusal(
            operator, "its activation must be TANH, and its projection not clipped"
        )
    fraction, exponent = math.frexp(float(cell.scale))
    cell_power = exponent - 1
    if fraction != 0.5 or cell.zero_point or not -27 <= cell_power <= 0:
        raise planner.refusal(operator, "the cell state's scale must be a power of two")
    gates = [
        _gate(planner, operator, (inputs[w], inputs[r], inputs[b]), source, hidden)
        for w, r, b in zip(_WEIGHTS, _RECURRENT, _BIASES, strict=True)
    ]
    units, features = gates[0].weights.shape
    steps = source.size // features
    batch = source.shape[1:2] if operator.options["time_major"] else source.shape[:1]
    if (
        any(gate.weights.shape != (units, features) for gate in gates)
        or (len(source.shape), *batch) != (3, 1)
        or (source.size, target.size) != (steps * features, steps * units)
        or (hidden.size, cell.size) != (units, units)
        or max(steps, units, features) > 65535
    ):
        raise planner.refusal(operator, f"its weights do not fit one sequence {list(source.shape)}")
    multipliers = [
        quantize_multiplier(factor)
        for factor in (
            _GATE_SCALE,
            _GATE_SCALE**2 / float(cell.scale),
            _GATE_SCALE**2 / float(hidden.scale),
        )
    ]
    clip = float(operator.options["cell_clip"])
    clipped = int(min(clip / float(cell.scale), 32767.0)) if clip > 0 else _NO_CLIP

    definitions = [gate.definitions(i) for i, gate in enumerate(gates)]
    fields = [
        f"{{{', '.join(initializer for _, initializer in definitions)}}}",
        *(by.initializer for by in multipliers),
        "kSigmoid",
        *map(str, (steps, features, units, clipped, cell_power, hidden.zero_point)),
    ]
    macs = steps * 4 * units * (features + units)
    shape = f"{steps} x ({features} -> {units})"
    read, written = Value.of(source), Value.of(target)
    memory = Value(scratch(target.index)[0], 2 * units)  # the cell state, int16
    planner.steps.append(
        Step(
            Report(operator.name, shape, macs, f"{target.scale:.4g}", "lstm", "-"),
            (read,),
            (written, memory),
            "lstm",
            ("kLstm#", read, ("reinterpret_cast<std::int16_t*>(", memory, ")"), written),
            frozenset({"lstm.h"}),
            constants="".join(text for text, _ in definitions)
            + f"const Lstm kLstm# = {{{', '.join(fields)}}};\n",
            work=_work(gates, multipliers, steps),
            constant_bytes=4 * units * (features + units + 8) + LSTM_BYTES + TABLE_BYTES,
            shared=frozenset({cpp.array("std::uint16_t", "kSigmoid", map(int, sigmoid_table()))}),
        )
    )


def _work(gates: Sequence[_Gate], multipliers: Sequence[Multiplier], steps: int) -> Work:
    """lstm() of lstm.cpp; the first step has no state."""
    units, features = gates[0].weights.shape
    fresh, keep, hidden = multipliers
    first, later = units, (steps - 1) * units
    return added(
        {"lstm.call": 1, "lstm.step": steps, "lstm.first": first, "lstm.later": later},
        dot("lstm", features, 4 * (first + later)),
        dot("lstm", units, 4 * later),
        requantizations("lstm", [*(gate.by for gate in gates), fresh, hidden], first + later),
        requantizations("lstm", [*(gate.recurrent_by for gate in gates), keep], later),
    )


def _gate(
    planner: Planner,
    operator: Operator,
    constants: tuple[Tensor | None, Tensor | None, Tensor | None],
    source: Tensor,
    hidden: Tensor,
) -> _Gate:
    weights, rows = checked_weights(planner, operator, constants[0])
    recurrent, back = checked_weights(planner, operator, constants[1])
    bias = constants[2]
    if bias is None or bias.data is None or bias.dtype != "int32":
        raise planner.refusal(operator, "its biases must be int32 constants")
    if rows.ndim != 2 or back.shape != (rows.shape[0],) * 2 or bias.shape != rows.shape[:1]:
        raise planner.refusal(
            operator, f"weights {list(rows.shape)} and {list(back.shape)} do not fit"
        )
    if weights.per_channel or recurrent.per_channel:
        raise planner.refusal(
            operator, "weights per channel, which TensorFlow Lite Micro does not support"
        )
    folded = bias.data.astype(np.int64) - source.zero_point * rows.sum(1, dtype=np.int64)
    recurrent_bias = -hidden.zero_point * back.sum(1, dtype=np.int64)
    check_sums(planner, operator, folded, rows)
    check_sums(planner, operator, recurrent_bias, back)
    return _Gate(
        *(rows, back, folded, recurrent_bias),
        quantize_multiplier(float(source.scale) * float(weights.scale) / _SUM_SCALE),
        quantize_multiplier(float(hidden.scale) * float(recurrent.scale) / _SUM_SCALE),
    )


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
    # Loads TensorFlow Lite Micro, which few commands need.
    from tflite_micro import runtime

    grids = Grid(scale, 0), Grid(_GATE_SCALE, 0)
    model = one_operator_model("TANH", "int16", len(values), *grids)
    interpreter = runtime.Interpreter.from_bytes(model)
    interpreter.set_input(values[None], 0)
    interpreter.invoke()
    return np.array(interpreter.get_output(0), np.int16).ravel()


def _macs(inputs: Sequence[Tensor | None], output: Tensor) -> int:
    weights, recurrent = inputs[1], inputs[5]
    if weights is None or recurrent is None:
        return 0
    return 4 * (output.size // max(weights.shape[0], 1)) * (weights.size + recurrent.size)


KINDS = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": OperatorKind(
        "AddUnidirectionalSequenceLSTM",
        _plan,
        {
            "activation": (0, "int8", 0),
            "cell_clip": (1, "float32", 0.0),
            "proj_clip": (2, "float32", 0.0),
            "time_major": (3, "uint8", 0),
        },
        inputs=24,
        weights=(1, 2),
        states=(_HIDDEN, _CELL),
        macs=_macs,
    ),
}

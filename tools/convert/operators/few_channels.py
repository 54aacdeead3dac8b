"""Layers of few inputs or few outputs, at one pixel or many: templates of the layer's sizes.

The generated C++ instantiates them, so that the compiler knows sizes and shifts (few_inputs.h and
few_outputs.h).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.operators.dense import DenseLayer
from tools.convert.operators.positions import Positions
from tools.convert.operators.template import Constants, exact_roundings, lanes, template_step
from tools.convert.requantization import TwoRoundings
from tools.convert.step import Step, Value
from tools.convert.work import Work, added, memcpy, memset

FEW_CHANNELS = 3
"""Inputs or outputs up to which these kernels are faster than the others."""

_MOST_INPUTS = 4
"""Inputs that the lanes of two words hold."""

_MOST_OUTPUTS = 3
"""Outputs whose sums and weights are in registers at once."""

_TOGETHER = 8
"""Most outputs of one instance of few_inputs(), whose code has as many copies of an output's."""

_MOST_INSTANCES = 16
"""Instances of few_inputs() for one layer; more would take more flash than they are worth."""

_WHY = "few channels"


def few_inputs(layer: DenseLayer, pixels: int) -> Step | None:
    """The step of a layer of one to four inputs at neighbouring pixels.

    None if the kernel cannot run it.
    """
    parts = _few_inputs(layer, pixels, layer.inputs, "input")
    return _step(layer, "few_inputs", *parts, pixels) if parts else None


def _few_inputs(
    layer: DenseLayer, pixels: int, step: int, values: str
) -> tuple[Constants, list[str], Work] | None:
    """Constants, calls and work for pixels `step` apart in the C++ array `values`.

    None if the kernel cannot run the layer.
    """
    inputs, outputs = layer.inputs, layer.outputs
    roundings = exact_roundings(layer)
    if not (inputs <= _MOST_INPUTS and pixels > 1 and roundings):
        return None
    instances = _instances(roundings)
    rows = np.pad(_scaled(layer, roundings), ((0, 0), (0, _MOST_INPUTS - inputs)))
    order = [(0, 1)] if inputs <= 2 else [(0, 2), (1, 3)]
    stream = [
        [*(lanes(int(row[a]), int(row[b])) for a, b in order), *_ends(layer, o, roundings[o])]
        for o, row in enumerate(rows)
    ]
    sizes = f"{inputs}, {step}, {outputs}, {pixels}"
    calls, first = [], 0
    for each in instances:
        calls.append(
            f"few_inputs<{sizes}, {_shifts(each)}>"
            f"(kConstants# + {first * len(stream[0])}, {values}, output + {first});"
        )
        first += len(each)
    turns = pixels // 2 + pixels % 2
    alone = sum(len(each) == 1 for each in instances)  # its constants stay in registers
    work = {
        "few_inputs.call": len(instances),
        f"few_inputs.turn_{inputs}": turns * (len(instances) - alone),
        f"few_inputs.output_{inputs}": turns * (outputs - alone),
        f"few_inputs.alone_{inputs}": turns * alone,
        "few_inputs.alone_odd": turns * alone * (pixels % 2),
        "few_inputs.shifted": turns * sum(each.shift > 0 for each in roundings),
    }
    return _stream(chain(*stream)), calls, work


def _instances(roundings: Sequence[TwoRoundings]) -> list[Sequence[TwoRoundings]]:
    """Split a layer's outputs among calls of few_inputs().

    Each call has eight outputs, or fewer where too many calls would have an instance of their own.
    """
    together = _TOGETHER
    while True:
        starts = range(0, len(roundings), together)
        instances = [roundings[o : o + together] for o in starts]
        if together == 1 or len(set(map(_shifts, instances))) <= _MOST_INSTANCES:
            return instances
        together //= 2


def one_input(layer: DenseLayer) -> Step | None:
    """The step of a layer of one input at one pixel, or None if the kernel cannot run it."""
    roundings = exact_roundings(layer)
    if layer.inputs != 1 or layer.outputs % 4 or layer.per_channel or not roundings:
        return None
    by = roundings[0]
    call = (
        f"one_input<{by.shift}>(kBias#, kWeights#, {layer.outputs}, {by.multiplier}U, "
        f"{by.start & 0xFFFFFFFF}U, *input * {2 << by.left}, output);"
    )
    biases = [_ends(layer, o, by)[0] for o in range(layer.outputs)]
    work = {
        "one_input.call": 1,
        "one_input.four": layer.outputs // 4,
        "one_input.shifted": layer.outputs * (by.shift > 0),
    }
    constants = cpp.words("kBias#", biases)
    constants += cpp.array("std::int8_t", "kWeights#", layer.weights.ravel(), align=4)
    size = 5 * layer.outputs
    return _step(layer, "few_inputs", (constants, size), [call], work, 1)


def few_in_series(layer: DenseLayer, at: Positions) -> Step | None:
    """The step of a convolution of three or four neighbouring values of a series.

    None if the kernel cannot run it.
    """
    values = at.turned()
    row = (values.in_height, values.kernel_height, values.rows, values.dilation_width)
    if row != (1, 1, 1, 1) or values.first or values.column_step != layer.outputs:
        return None
    few = min(layer.inputs, layer.outputs) <= FEW_CHANNELS
    if layer.inputs < 3 or not few or values.left > 0:
        return None
    step = values.stride_width * values.channels
    size = (values.columns - 1) * step + layer.inputs
    before = -values.left * values.channels
    inside = min(values.in_size, size - before)
    pads = (before, inside) != (0, size)
    parts = _few_inputs(layer, values.columns, step, "scratch" if pads else "input")
    if parts is None:
        return None
    constants, calls, work = parts
    if pads:
        calls = [
            f"std::memset(scratch, {values.padding}, {size});",
            f"std::memcpy(scratch + {before}, input, {inside});",
            *calls,
        ]
        work = added(work, memset(size, 1), memcpy(inside, 1))
    read = Value(layer.source, values.in_size)
    written = Value(layer.target, layer.outputs * values.columns)
    return template_step(
        *(layer, values.columns, (read, written), "few_inputs", _WHY, constants, calls, work),
        memory=size if pads else 0,
    )


def few_outputs(layer: DenseLayer, pixels: int) -> Step | None:
    """The step of a layer of up to three outputs at neighbouring pixels.

    None if the kernel cannot run it.
    """
    inputs, outputs = layer.inputs, layer.outputs
    roundings = exact_roundings(layer)
    if not (inputs >= 4 and outputs <= _MOST_OUTPUTS and roundings):
        return None
    rows = _scaled(layer, roundings)
    if inputs % 4:  # the last four begin earlier, and their first weights are 0
        tail = rows[:, -4:].copy()
        tail[:, : 4 - inputs % 4] = 0
        rows = np.concatenate([rows[:, : inputs // 4 * 4], tail], axis=1)
    ends = [_ends(layer, o, each) for o, each in enumerate(roundings)]
    stream = [bias for bias, _, _ in ends]
    for first in range(0, rows.shape[1], 4):
        for a, b in ((0, 2), (1, 3)):
            stream += [lanes(int(row[first + a]), int(row[first + b])) for row in rows]
    stream += [value for _, *by_start in ends for value in by_start]
    many = inputs // 64 if outputs == 1 else 0
    calls = [f"few_outputs<{inputs}, {pixels}, {_shifts(roundings)}>(kConstants#, input, output);"]
    work = {
        f"few_outputs.call_{outputs}": 1,
        f"few_outputs.pixel_{outputs}": pixels - 1,
        "few_outputs.many": pixels * many,
        f"few_outputs.sixteen_{outputs}": pixels * (inputs // 16 - 4 * many),
        f"few_outputs.four_{outputs}": pixels * -(-(inputs % 16) // 4),
        "few_outputs.shifted": pixels * sum(each.shift > 0 for each in roundings),
    }
    return _step(layer, "few_outputs", _stream(stream), calls, work, pixels)


def _scaled(layer: DenseLayer, roundings: list[TwoRoundings]) -> NDArray[np.int64]:
    """int64 [outputs, inputs]: the weights times 2^(1 + left)."""
    factors = np.array([2 << each.left for each in roundings])
    return np.asarray(layer.weights.astype(np.int64) * factors[:, None])


def _ends(layer: DenseLayer, output: int, by: TwoRoundings) -> tuple[int, int, int]:
    """Bias, multiplier and start."""
    return int(layer.bias[output]) << (1 + by.left), by.multiplier, by.start


def _shifts(roundings: Sequence[TwoRoundings]) -> str:
    return ", ".join(str(each.shift) for each in roundings)


def _stream(values: Iterable[int]) -> Constants:
    """The definition of a kernel's constants, and their bytes."""
    words = list(values)
    return cpp.words("kConstants#", words), 4 * len(words)


def _step(
    layer: DenseLayer, kernel: str, constants: Constants, calls: list[str], work: Work, pixels: int
) -> Step:
    """The step of a layer at neighbouring pixels."""
    ends = Value(layer.source, layer.inputs * pixels), Value(layer.target, layer.outputs * pixels)
    return template_step(layer, pixels, ends, kernel, _WHY, constants, calls, work)

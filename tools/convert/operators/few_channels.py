"""Layers of few inputs or few outputs, at one pixel or many: templates of the layer's sizes.

The generated C++ instantiates them, so that the compiler knows sizes and shifts (few_inputs.h and
few_outputs.h).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.operators.dense import DenseLayer
from tools.convert.operators.positions import Positions
from tools.convert.requantization import TwoRoundings, two_roundings
from tools.convert.step import Report, Step, Value, scratch
from tools.convert.work import Work, added, memcpy, memset

MOST_INPUTS = 4
"""Inputs that the lanes of two words hold."""

MOST_OUTPUTS = 3
"""Outputs whose sums and weights are in registers at once."""

_TOGETHER = 8
"""Outputs of one instance of few_inputs(), whose code has as many copies of an output's."""

_MOST_INSTANCES = 16
"""Instances of few_inputs() for one layer; more would take more flash than they are worth."""


def exact_roundings(layer: DenseLayer) -> list[TwoRoundings]:
    """The roundings of each output; none if a value of one could leave 32 bits."""
    exacts = layer.requantizations(layer.zero_point, -128, 127)
    each = [two_roundings(exact) for exact in exacts]
    found = [roundings for roundings in each if roundings]
    if len(found) != len(each):
        return []
    return found if layer.per_channel else found * layer.outputs


def few_inputs(layer: DenseLayer, pixels: int, step: int) -> Step | None:
    """The step of a layer of one to four inputs at pixels `step` values apart.

    None if the kernel cannot run it.
    """
    inputs, outputs = layer.inputs, layer.outputs
    roundings = exact_roundings(layer)
    if not (inputs <= MOST_INPUTS and pixels > 1 and roundings):
        return None
    shifts = [_shifts(roundings[o : o + _TOGETHER]) for o in range(0, outputs, _TOGETHER)]
    if len(set(shifts)) > _MOST_INSTANCES:
        return None
    if inputs <= 2 and step != inputs:
        return None
    rows = np.pad(_scaled(layer, roundings), ((0, 0), (0, MOST_INPUTS - inputs)))
    order = [(0, 1)] if inputs <= 2 else [(0, 2), (1, 3)]
    stream = [
        [*(lanes(int(row[a]), int(row[b])) for a, b in order), *_ends(layer, o, roundings[o])]
        for o, row in enumerate(rows)
    ]
    starts = range(0, outputs, _TOGETHER)
    sizes = f"{inputs}, {step}, {outputs}, {pixels}"
    calls = [
        f"few_inputs<{sizes}, {each}>(kConstants# + {o * len(stream[0])}, input, output + {o});"
        for o, each in zip(starts, shifts, strict=True)
    ]
    turns = pixels // 2 + pixels % 2
    alone = outputs % _TOGETHER == 1  # its constants stay in registers
    work = {
        "few_inputs.call": len(starts),
        f"few_inputs.turn_{inputs}": turns * (len(starts) - alone),
        f"few_inputs.output_{inputs}": turns * (outputs - alone),
        f"few_inputs.alone_{inputs}": turns * alone,
        "few_inputs.alone_odd": turns * alone * (pixels % 2),
        "few_inputs.shifted": turns * sum(each.shift > 0 for each in roundings),
    }
    return _step(layer, "few_inputs", _stream(chain(*stream)), calls, pixels, work)


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
    return _step(layer, "few_inputs", (constants, size), [call], 1, work)


def few_in_series(layer: DenseLayer, at: Positions) -> Step | None:
    """The step of a convolution of three or four neighbouring values of a series.

    None if the kernel cannot run it.
    """
    values = at.turned()
    row = (values.in_height, values.kernel_height, values.rows, values.dilation_width)
    if row != (1, 1, 1, 1) or values.first or values.column_step != layer.outputs:
        return None
    if layer.inputs < 3 or min(layer.inputs, layer.outputs) > 3 or values.left > 0:
        return None
    step = values.stride_width * values.channels
    inner = few_inputs(layer, values.columns, step)
    if inner is None:
        return None
    size = (values.columns - 1) * step + layer.inputs
    before = -values.left * values.channels
    inside = min(values.in_size, size - before)
    read = Value(layer.source, values.in_size)
    if (before, inside) == (0, size):
        return replace(inner, reads=(read,), arguments=(read, inner.writes[0]))
    padded = Value(scratch(layer.target)[0], size)
    copy = (
        f"    std::memset(padded, {values.padding}, {size});\n"
        f"    std::memcpy(padded + {before}, input, {inside});\n"
    )
    text = inner.constants.replace("input, output", "padded, output")
    text = text.replace("output) {\n", "output, std::int8_t* padded) {\n" + copy)
    return replace(
        inner,
        reads=(read,),
        writes=(*inner.writes, padded),
        arguments=(read, inner.writes[0], padded),
        constants=text,
        work=added(inner.work, memset(size, 1), memcpy(inside, 1)),
    )


def few_outputs(layer: DenseLayer, pixels: int) -> Step | None:
    """The step of a layer of up to three outputs at neighbouring pixels.

    None if the kernel cannot run it.
    """
    inputs, outputs = layer.inputs, layer.outputs
    roundings = exact_roundings(layer)
    if not (inputs >= 4 and outputs <= MOST_OUTPUTS and roundings):
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
    return _step(layer, "few_outputs", _stream(stream), calls, pixels, work)


def _scaled(layer: DenseLayer, roundings: list[TwoRoundings]) -> NDArray[np.int64]:
    """int64 [outputs, inputs]: the weights times 2^(1 + left)."""
    factors = np.array([2 << each.left for each in roundings])
    return np.asarray(layer.weights.astype(np.int64) * factors[:, None])


def lanes(low: int, high: int) -> int:
    """Two values as the 16-bit lanes of a word."""
    return (low & 0xFFFF) | (high & 0xFFFF) << 16


def _ends(layer: DenseLayer, output: int, by: TwoRoundings) -> tuple[int, int, int]:
    """Bias, multiplier and start."""
    return int(layer.bias[output]) << (1 + by.left), by.multiplier, by.start


def _shifts(roundings: list[TwoRoundings]) -> str:
    return ", ".join(str(each.shift) for each in roundings)


def _stream(values: Iterable[int]) -> tuple[str, int]:
    """The definition of a kernel's constants, and their bytes."""
    words = list(values)
    return cpp.words("kConstants#", words), 4 * len(words)


def _step(
    layer: DenseLayer,
    kernel: str,
    constants: tuple[str, int],
    calls: list[str],
    pixels: int,
    work: Work,
) -> Step:
    read = Value(layer.source, layer.inputs * pixels)
    written = Value(layer.target, layer.outputs * pixels)
    calls, clamp = clamped(calls, layer, written.bytes)
    body = "".join(f"    {call}\n" for call in calls)
    return Step(
        Report(
            "FULLY_CONNECTED", layer.shape, layer.macs * pixels, layer.scale, kernel, "few channels"
        ),
        (read,),
        (written,),
        "layer#",
        (read, written),
        frozenset({f"{kernel}.h"}),
        constants=constants[0]
        + f"void layer#(const std::int8_t* input, std::int8_t* output) {{\n{body}}}\n",
        constant_bytes=constants[1],
        work=added(work, clamp),
    )


def clamped(calls: list[str], layer: DenseLayer, size: int) -> tuple[list[str], Work]:
    """The calls, then one that clamps their `size` outputs to the activation; its work."""
    if (layer.low, layer.high) == (-128, 127):
        return calls, {}
    fours, ones = divmod(size, 4)
    call = f"clamp_values(output, {size}, {layer.low}, {layer.high});"
    return [*calls, call], {"clamp.call": 1, "clamp.four": fours, "clamp.one": ones}

"""TRANSPOSE_CONV of 3x3 with stride 2 to one channel: a template of the layer's sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.operators.dense import DenseLayer
from tools.convert.operators.template import MOST_SCRATCH, exact_roundings, lanes, template_step
from tools.convert.step import Step, Value

BLOCK = ((0, 0), (0, 1), (1, 0), (1, 1))
"""The outputs of an input pixel: rows and columns."""

_TAPS = (((0, 0), (0, 1), (1, 0), (1, 1)), ((0, 2), (1, 2)), ((2, 0), (2, 1)), ((2, 2),))
"""The weights that a pixel, its left, its upper and its upper left neighbour meet."""

_MOST_CHANNELS = 16
"""Channels above which the unrolled code would take more flash than it is worth."""


def masks() -> list[NDArray[np.int8]]:
    """int8 [3, 3] for each output of a block: 1 where its weights meet an input."""
    kept = []
    for row, column in BLOCK:
        mask = np.zeros((3, 3), np.int8)
        mask[row::2, column::2] = 1
        kept.append(mask)
    return kept


def transposed_three(
    layers: Sequence[DenseLayer], sides: tuple[int, int], channels: int, padding: int
) -> Step | None:
    """The step for an input of `sides`, from the layers of a block's outputs.

    Their weights are the kernel [1, 3 * 3 * channels], 0 where they meet no input; `padding` is
    the input's zero point. None if the kernel cannot run it.
    """
    height, width = sides
    words = (height + 1) * (width + 1) * channels // 2
    roundings = [exact_roundings(layer) for layer in layers]
    if channels % 4 or channels > _MOST_CHANNELS or 4 * words > MOST_SCRATCH or not all(roundings):
        return None
    layer, by = layers[0], roundings[0][0]
    stream = [int(each.bias[0]) << (1 + by.left) for each in layers]
    kernel = np.sum([each.weights.astype(np.int64) for each in layers], axis=0)
    kernel = kernel.reshape(3, 3, channels) << (1 + by.left)
    for taps in _TAPS:
        for first in range(0, channels, 4):
            for pair in (0, 1):
                four = (kernel[tap][first : first + 4] for tap in taps)
                stream += [lanes(int(each[pair]), int(each[pair + 2])) for each in four]
    stream += [by.multiplier, by.start]
    call = (
        f"transposed_three<{height}, {width}, {channels // 4}, {by.shift}>"
        f"(kConstants#, {padding}, input, output, reinterpret_cast<std::uint32_t*>(scratch));"
    )
    read = Value(layer.source, height * width * channels)
    written = Value(layer.target, 4 * height * width)
    pixels, part = height * width, f"transposed_three.{channels}"
    work = {
        f"{part}_call": 1,
        f"{part}_row": height,
        f"{part}_pixel": pixels,
        "transposed_three.padding": (height + width) * channels,
    }
    return template_step(
        *(layer, pixels, (read, written), "transposed_three", "blocks of 2x2"),
        (cpp.words("kConstants#", stream), 4 * len(stream)),
        *([call], work),
        memory=4 * words,
    )

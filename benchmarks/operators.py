"""Instructions of single operators of the compiled engine, on the emulated Cortex-M4.

    .venv/bin/python -m benchmarks.operators            # all
    .venv/bin/python -m benchmarks.operators 1x1 fully  # those whose name contains a word

It prints a table in about a minute: operator, shape, instructions per unit (per
multiply-accumulate, or per output value) at -O2 with hard float and with the Nano's flags, and the
figure to reach at -O2, where there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tests.support.graph_operators import SAME, VALID, Tensor
from tests.support.graphs import Graph
from tests.support.networks import paired_network
from tools.convert.model import read_model
from tools.measure.bench.bench import FLAGS, compiled
from tools.measure.bench.cases import random_case
from tools.measure.bench.models import Activation

Make = Callable[[Graph, Tensor], Tensor]


@dataclass(frozen=True)
class Operator:
    """One row of the table: an operator on an image of 20 x 6 pixels, unless another is given."""

    name: str
    make: Make
    channels: int = 8
    sides: tuple[int, int] = (20, 6)
    goal: float | None = None

    @property
    def model(self) -> bytes:
        """A model of the operator alone."""
        graph = Graph(np.random.default_rng(3), (Activation.NONE,))
        source = graph.tensor((1, *self.sides, self.channels), 0.05, 3)
        return graph.builder.finish(source.index, self.make(graph, source).index)


def _conv(outputs: int, kernel: tuple[int, int]) -> Make:
    return lambda graph, x: graph.conv(x, outputs, kernel, (1, 1), SAME)


def _depthwise(kernel: tuple[int, int], multiplier: int = 1, stride: int = 1) -> Make:
    return lambda graph, x: graph.depthwise(x, multiplier, kernel, (stride, stride), SAME)


def _pool(name: str) -> Make:
    return lambda graph, x: graph.pool(x, name, (2, 2), (2, 2), VALID)


def _combine(name: str, shape: tuple[int, ...]) -> Make:
    return lambda graph, x: graph.combine(name, x, graph.constant(x, shape))


OPERATORS = [
    Operator("ADD, 960 values", _combine("ADD", (1, 20, 6, 8))),
    Operator("ADD, 8 values repeated", _combine("ADD", (8,))),
    Operator("MUL, 960 values", _combine("MUL", (1, 20, 6, 8))),
    Operator("MUL, 8 values repeated", _combine("MUL", (8,))),
    Operator("DEPTHWISE_CONV_2D 3x3, 1 to 8", _depthwise((3, 3), 8), channels=1, goal=1.8),
    Operator("DEPTHWISE_CONV_2D 3x3, 3 channels", _depthwise((3, 3)), channels=3, goal=2.2),
    Operator("DEPTHWISE_CONV_2D 3x3, 8 channels", _depthwise((3, 3)), goal=2.1),
    Operator("DEPTHWISE_CONV_2D 3x3, 64 channels", _depthwise((3, 3)), channels=64, goal=2.2),
    Operator("DEPTHWISE_CONV_2D 3x3, stride 2", _depthwise((3, 3), stride=2), goal=3.5),
    Operator("DEPTHWISE_CONV_2D 9x1, 8 channels", _depthwise((9, 1))),
    Operator("CONV_2D 3x3, 8 to 1", _conv(1, (3, 3))),
    Operator("CONV_2D 3x3, 8 to 3", _conv(3, (3, 3))),
    Operator("CONV_2D 3x3, 8 to 8, plain kernel", _conv(8, (3, 3))),
    Operator("CONV_2D 3x1 of 120 values, 1 to 16", _conv(16, (3, 1)), 1, (120, 1), goal=2.3),
    Operator("CONV_2D 1x1, 8 to 8, plain kernel", _conv(8, (1, 1))),
    Operator("CONV_2D 1x1, 2 to 2", _conv(2, (1, 1)), channels=2, goal=3.8),
    Operator("CONV_2D 1x1, 4 to 3", _conv(3, (1, 1)), channels=4, goal=2.9),
    Operator("CONV_2D 1x1, 3 to 8", _conv(8, (1, 1)), channels=3, goal=2.4),
    Operator("CONV_2D 1x1, 1 to 256", _conv(256, (1, 1)), channels=1),
    Operator("CONV_2D 1x1, 3 to 256", _conv(256, (1, 1)), channels=3),
    Operator("CONV_2D 1x1, 16 to 1", _conv(1, (1, 1)), channels=16, goal=2.1),
    Operator(
        "TRANSPOSE_CONV 3x3, stride 2, 8 to 1",
        lambda graph, x: graph.transposed(x, 1, (3, 3), (2, 2), SAME),
        goal=1.3,
    ),
    Operator("AVERAGE_POOL_2D 2x2", _pool("AVERAGE_POOL_2D")),
    Operator("MAX_POOL_2D 2x2", _pool("MAX_POOL_2D")),
    Operator("LOGISTIC", lambda graph, x: graph.unary(x, "LOGISTIC")),
]

DENSE = {(1, 2000): 7.0, (2000, 1): 1.32, (128, 3): 1.07}
"""Inputs and outputs of layers with weights per tensor, and the figures to reach."""


def models() -> Iterator[tuple[str, bytes, float | None]]:
    """Name, model and figure to reach of each row."""
    for row in OPERATORS:
        yield row.name, row.model, row.goal
    for widths, goal in DENSE.items():
        model = paired_network(np.random.default_rng(3), widths)
        yield f"FULLY_CONNECTED {widths[0]} to {widths[1]}", model, goal


def main() -> None:
    """Print the table."""
    words = sys.argv[1:]
    print(f"{'input 20x6x8, or other channels':38}{'units':>8}{'-O2':>8}{'-Os':>8}{'goal':>8}")
    for name, data, goal in models():
        if words and not any(word.lower() in name.lower() for word in words):
            continue
        model = read_model(data)
        units = model.macs() or model.output.size
        each = [
            compiled(random_case(name, data), flags, plain="plain" in name).instructions / units
            for flags in FLAGS
        ]
        columns = "".join(f"{count:8.2f}" for count in each)
        print(f"{name:38}{units:8}{columns}{goal or '':>8}", flush=True)


if __name__ == "__main__":
    main()

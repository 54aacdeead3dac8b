"""Instructions of single operators of the compiled engine, on the emulated Cortex-M4.

    .venv/bin/python -m benchmarks.operators

It prints a table in about a minute: operator, shape, and instructions per unit (per
multiply-accumulate, or per output value), at -O2 with hard float and with the Nano's flags.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.support.graph_operators import SAME, VALID, Tensor
from tests.support.graphs import Graph
from tools.convert.model import read_model
from tools.measure.bench.bench import FLAGS, compiled
from tools.measure.bench.cases import random_case
from tools.measure.bench.models import Activation

SHAPE = (1, 20, 6, 8)
FEW_CHANNELS = [(2, 2), (4, 3), (3, 8), (16, 1)]
Make = Callable[[Graph, Tensor], Tensor]


def _conv(outputs: int, kernel: tuple[int, int]) -> Make:
    return lambda graph, x: graph.conv(x, outputs, kernel, (1, 1), SAME)


def _depthwise(kernel: tuple[int, int]) -> Make:
    return lambda graph, x: graph.depthwise(x, 1, kernel, (1, 1), SAME)


def _pool(name: str) -> Make:
    return lambda graph, x: graph.pool(x, name, (2, 2), (2, 2), VALID)


def _combine(name: str, shape: tuple[int, ...]) -> Make:
    return lambda graph, x: graph.combine(name, x, graph.constant(x, shape))


OPERATORS: dict[str, Make] = {
    "ADD, 960 values": _combine("ADD", SHAPE),
    "ADD, 8 values repeated": _combine("ADD", (8,)),
    "MUL, 960 values": _combine("MUL", SHAPE),
    "MUL, 8 values repeated": _combine("MUL", (8,)),
    "DEPTHWISE_CONV_2D 3x3, 8 channels": _depthwise((3, 3)),
    "DEPTHWISE_CONV_2D 9x1, 8 channels": _depthwise((9, 1)),
    "CONV_2D 3x3, 8 to 1": _conv(1, (3, 3)),
    "CONV_2D 3x3, 8 to 3": _conv(3, (3, 3)),
    "CONV_2D 3x3, 8 to 8, plain kernel": _conv(8, (3, 3)),
    "CONV_2D 1x1, 8 to 8, plain kernel": _conv(8, (1, 1)),
    "AVERAGE_POOL_2D 2x2": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D 2x2": _pool("MAX_POOL_2D"),
    "LOGISTIC": lambda graph, x: graph.unary(x, "LOGISTIC"),
}


def model_of(make: Make, channels: int = SHAPE[3]) -> bytes:
    """A model of one operator on an input of SHAPE, or of another number of channels."""
    graph = Graph(np.random.default_rng(3), (Activation.NONE,))
    source = graph.tensor((*SHAPE[:3], channels), 0.05, 3)
    return graph.builder.finish(source.index, make(graph, source).index)


def models() -> dict[str, bytes]:
    """All models, by name."""
    few = {
        f"CONV_2D 1x1, {inputs} to {outputs}": model_of(_conv(outputs, (1, 1)), inputs)
        for inputs, outputs in FEW_CHANNELS
    }
    return {name: model_of(make) for name, make in OPERATORS.items()} | few


def main() -> None:
    """Print the table."""
    print(f"{'input 20x6x8, or other channels':36}{'units':>8}{'-O2':>8}{'-Os':>8}")
    for name, data in models().items():
        model = read_model(data)
        units = model.macs() or model.output.size
        each = [
            compiled(random_case(name, data), flags, plain="plain" in name).instructions / units
            for flags in FLAGS
        ]
        print(f"{name:36}{units:8}" + "".join(f"{count:8.2f}" for count in each))


if __name__ == "__main__":
    main()

"""Random networks of every operator of the compiled engine, as flatbuffers.

Each network starts with an image or a series and applies a few random operators that fit:
convolutions of three kinds, pooling, resizing, residual and multiplied branches, splits and joins,
transposes, padding, means, comparisons, LSTM cells written out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tests.support.graph_moves import GraphMoves
from tests.support.graph_operators import LARGEST, SAME, Tensor


class Graph(GraphMoves):
    """Single operators, and patterns of several."""

    def residual(self, x: Tensor) -> Tensor:
        """Adds or multiplies x and its convolution, a constant, or x itself."""
        other = self.conv(x, x.shape[3], (_odd(self.rng), _odd(self.rng)), (1, 1), SAME)
        if self.rng.integers(2):
            other = self.constant(x)
        elif not self.rng.integers(4):
            other = x
        name = str(self.rng.choice(["ADD", "MUL"]))
        return self.combine(name, x, other, self.rng.choice(self.activations))

    def extreme(self, x: Tensor) -> Tensor:
        """Adds or multiplies with scales far apart, so that most outputs saturate."""
        name = str(self.rng.choice(["ADD", "MUL"]))
        other = self.constant(x)
        scale = max(x.scale, other.scale) * 10 ** self.rng.uniform(-4.5, -2.5)
        if name == "MUL":
            scale = x.scale * other.scale * 10 ** self.rng.uniform(-6, 0.5)
        return self.combine(name, x, other, self.rng.choice(self.activations), scale)

    def branches(self, x: Tensor) -> Tensor:
        """Splits, changes a part, and joins again, in any order."""
        axis = int(self.rng.integers(1, len(x.shape)))
        if x.shape[axis] < 2:
            return self.join([x, x], axis) if x.size * 2 <= LARGEST else x
        count = 2 if x.shape[axis] % 2 == 0 else x.shape[axis]
        if count > 10:  # the interpreter joins at most ten
            return self.crop(x)
        kind = self.rng.integers(3)
        if kind == 0:
            parts = self.split(x, axis, count)
        elif kind == 1:
            first = int(self.rng.integers(1, x.shape[axis]))
            parts = self.split_at(x, axis, [first, x.shape[axis] - first])
        else:
            return self.pack(self.unpack(x, axis)[::-1], axis)
        i = int(self.rng.integers(len(parts)))
        changed = self.combine("ADD", parts[i], self.constant(parts[i]))
        back = self.alike(x, changed.shape)
        self.operator("QUANTIZE", [changed.index], [back])
        parts[i] = back
        return self.join(parts[::-1] if self.rng.integers(2) else parts, axis)

    def series(self, x: Tensor) -> Tensor:
        """A convolution of three or four neighbouring values."""
        rng = self.rng
        x = self.reshape(x, (1, x.size, 1, 1))
        kernel = (int(rng.integers(3, 5)), 1)
        outputs = int(rng.integers(1, 4 if kernel[0] > 3 else 20))
        return self.conv(x, outputs, kernel, (int(rng.integers(1, 3)), 1))

    def three_columns(self, x: Tensor) -> Tensor:
        """A depthwise convolution with a kernel of three columns, on an image or a series."""
        rng = self.rng
        if not rng.integers(3):
            x = self.reshape(x, (1, 1, x.shape[1] * x.shape[2], x.shape[3]))
        kernel = (3 if x.shape[1] > 2 else 1, 3)
        return self.depthwise(
            x, int(rng.integers(1, 4)), kernel, (1,) * 2 if rng.integers(2) else (2,) * 2
        )

    def doubled(self, x: Tensor) -> Tensor:
        """A transposed convolution to one channel that doubles the sides of an image."""
        if x.size % (4 * x.shape[1]):
            return x
        channels = 8 if x.size % (8 * x.shape[1]) == 0 and self.rng.integers(2) else 4
        x = self.reshape(x, (1, x.shape[1], x.size // x.shape[1] // channels, channels))
        return self.transposed(x, 1, (3, 3), (2, 2), SAME)

    def few(self, x: Tensor) -> Tensor:
        """A dense layer to at most three outputs, or one from a single value."""
        if self.rng.integers(2):
            return self.dense(x, int(self.rng.integers(1, 4)))
        return self.dense(self.dense(x, 1), 4 * int(self.rng.integers(1, 20)))

    def lstm_cells(self, x: Tensor) -> Tensor:
        """A few LSTM steps written out: the input's gates of all steps at once, then the cells."""
        units, steps = int(self.rng.integers(1, 9)), int(self.rng.integers(1, 4))
        features = x.size // steps
        x = self.crop(self.reshape(x, (1, x.size)), (1,)) if features * steps != x.size else x
        if x.size % steps:
            steps = 1
        driven = self.dense(x, 4 * units, steps)
        drives = self.unpack(driven, 0) if self.rng.integers(2) else self.split(driven, 0, steps)
        hidden = cell = None
        states = []
        for drive in drives:
            gates = self.reshape(drive, (1, 4 * units))
            if hidden is not None:
                gates = self.combine("ADD", gates, self.dense(hidden, 4 * units))
            opened, candidate = self.split_at(gates, 1, [3 * units, units])
            let_in, keep, let_out = self.split(self.unary(opened, "LOGISTIC"), 1, 3)
            fresh = self.combine("MUL", let_in, self.unary(candidate, "TANH"))
            cell = (
                fresh
                if cell is None
                else self.combine("ADD", self.combine("MUL", keep, cell), fresh)
            )
            out = self.combine("MUL", let_out, self.unary(cell, "TANH"))
            hidden = self.tensor(out.shape, 1 / 128, 0)
            self.operator("QUANTIZE", [out.index], [hidden])
            states.append(hidden)
        return self.pack(states, 1)


def random_graph(rng: np.random.Generator) -> bytes:
    """A network of 1 to 6 operators or patterns."""
    graph = Graph(rng)
    series = rng.integers(2)
    sides = (int(rng.integers(2, 60)), 1) if series else tuple(rng.integers(1, 11, 2))
    x = source = graph.tensor(
        (1, *sides, int(rng.choice([1, 2, 3, 4, 8]))), 10 ** rng.uniform(-2, 0)
    )
    choices: Sequence[Callable[[Tensor], Tensor]] = (
        graph.conv, graph.conv, graph.depthwise, graph.transposed, graph.pool, graph.resize,
        graph.unary, graph.residual, graph.branches, graph.crop, graph.transpose, graph.pad,
        graph.slice, graph.blocks, graph.mean, graph.softmax, graph.bilinear, graph.difference,
        graph.extreme_of_two,
    )  # fmt: skip
    for _ in range(int(rng.integers(1, 6))):
        x = choices[int(rng.integers(len(choices)))](x)
    end = rng.integers(5)
    if end == 0:
        x = graph.dense(x)
    elif end == 1:
        x = graph.lstm_cells(x) if rng.integers(2) else graph.lstm(x)
    elif end == 2 or x is source:
        x = graph.reshape(graph.unary(x), (1, x.size))
    return graph.builder.finish(source.index, x.index)


def _odd(rng: np.random.Generator) -> int:
    return int(rng.choice([1, 3]))

"""Operators without weights that change the shape of a value, or compare and reduce values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.support.graph_operators import LARGEST, GraphOperators, Tensor


class GraphMoves(GraphOperators):
    """Appends transposes, padding, blocks, means, softmax, interpolation and comparisons."""

    def integers(self, values) -> int:
        return self.builder.constant(np.array(values, np.int32))

    def transpose(self, x: Tensor) -> Tensor:
        order = [0, *(1 + self.rng.permutation(len(x.shape) - 1))]
        y = self.alike(x, [x.shape[i] for i in order])
        self.operator("TRANSPOSE", [x.index, self.integers(order)], [y], schema.TransposeOptionsT())
        return y

    def pad(self, x: Tensor) -> Tensor:
        """Pads any axis but the first with the zero point, or with another value."""
        padding = np.vstack([[0, 0], self.rng.integers(0, 3, (len(x.shape) - 1, 2))])
        sides = [side + int(a + b) for side, (a, b) in zip(x.shape, padding, strict=True)]
        if np.prod(sides) > LARGEST:
            return x
        y = self.alike(x, sides)
        inputs = [x.index, self.integers(padding)]
        if self.rng.integers(2):
            self.operator("PAD", inputs, [y], schema.PadOptionsT())
        else:
            value = np.array([self.rng.integers(-128, 128)], np.int8)
            inputs.append(self.builder.constant(value, x.scale, x.zero))
            self.operator("PADV2", inputs, [y], schema.PadV2OptionsT())
        return y

    def slice(self, x: Tensor) -> Tensor:
        begin = [int(self.rng.integers(0, side)) for side in x.shape]
        size = [int(self.rng.integers(1, s - b + 1)) for s, b in zip(x.shape, begin, strict=True)]
        y = self.alike(x, size)
        if self.rng.integers(2):  # -1: to the end
            begin[-1], size[-1] = x.shape[-1] - size[-1], -1
        inputs = [x.index, self.integers(begin), self.integers(size)]
        self.operator("SLICE", inputs, [y], schema.SliceOptionsT())
        return y

    def blocks(self, x: Tensor) -> Tensor:
        """From space to batch, a convolution along rows, and back without some edges."""
        block = [
            int(self.rng.choice([b for b in (1, 2, 3, 5, 7) if side % b == 0]))
            for side in x.shape[1:-1]
        ]
        sides = [side // b for side, b in zip(x.shape[1:-1], block, strict=True)]
        batch = int(np.prod(block))
        y = self.alike(x, (batch, *sides, x.shape[-1]))
        # Without padding, whose value the interpreter leaves undefined.
        given = [self.integers(block), self.integers(np.zeros((len(block), 2)))]
        self.operator("SPACE_TO_BATCH_ND", [x.index, *given], [y], schema.SpaceToBatchNDOptionsT())
        kernel = (1, int(self.rng.integers(1, 1 + min(3, sides[1]))))
        layer = self.conv if self.rng.integers(2) else self.depthwise
        y = layer(y, kernel=kernel, stride=(1, 1)) if self.rng.integers(4) else self.unary(y)
        sides = y.shape[1:3]
        whole = [side * b for side, b in zip(sides, block, strict=True)]
        first = [int(self.rng.integers(0, min(side, 3))) for side in whole]
        last = [int(self.rng.integers(0, side - f)) for side, f in zip(whole, first, strict=True)]
        kept = [side - f - e for side, f, e in zip(whole, first, last, strict=True)]
        z = self.alike(y, (1, *kept, y.shape[-1]))
        given = [self.integers(block), self.integers(np.array([first, last]).T)]
        self.operator("BATCH_TO_SPACE_ND", [y.index, *given], [z], schema.BatchToSpaceNDOptionsT())
        return z

    def mean(self, x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
        """Over the image, its rows or its columns; the result has four dimensions again."""
        choices = ([1, 2], [2, 1], [1], [2], [-1])
        axes = list(choices[int(self.rng.integers(len(choices)))]) if axes is None else list(axes)
        reduced = {axis % len(x.shape) for axis in axes}
        keep = bool(self.rng.integers(2))
        sides = [1 if i in reduced else side for i, side in enumerate(x.shape)]
        shape = sides if keep else [s for i, s in enumerate(x.shape) if i not in reduced]
        scale = x.scale * float(self.rng.choice([1, 1, 0.7, 0.1, 3]))
        y = self.tensor(shape, scale, x.zero if self.rng.integers(2) else None)
        self.operator("MEAN", [x.index, self.integers(axes)], [y], schema.ReducerOptionsT(keep))
        return y if keep else self.reshape(y, sides)

    def softmax(self, x: Tensor) -> Tensor:
        y = self.tensor(x.shape, 1 / 256, -128)
        beta = float(self.rng.choice([1.0, 1.0, 0.1, 20.0]))
        self.operator("SOFTMAX", [x.index], [y], schema.SoftmaxOptionsT(beta))
        return y

    def bilinear(self, x: Tensor) -> Tensor:
        sides = [int(self.rng.integers(1, 3 * side + 2)) for side in x.shape[1:3]]
        if np.prod(sides) * x.shape[3] > LARGEST:
            return x
        y = self.alike(x, (1, *sides, x.shape[3]))
        align = bool(self.rng.integers(2))
        options = schema.ResizeBilinearOptionsT(align, not align and bool(self.rng.integers(2)))
        self.operator("RESIZE_BILINEAR", [x.index, self.integers(sides)], [y], options)
        return y

    def difference(self, x: Tensor) -> Tensor:
        """SUB or SQUARED_DIFFERENCE with a constant, another result, or itself."""
        other = [self.constant(x), x, self.unary(x)][int(self.rng.integers(3))]
        if self.rng.integers(2):
            scale = max(x.scale, other.scale) * float(10 ** self.rng.choice([0.2, 0.2, 0.4, -3.5]))
            activation = self.rng.choice(self.activations)
            return self.combine("SUB", x, other, activation, scale)
        scale = max(x.scale, other.scale) ** 2 * float(10 ** self.rng.uniform(-1, 3))
        return self.combine("SQUARED_DIFFERENCE", x, other, scale=scale)

    def extreme_of_two(self, x: Tensor) -> Tensor:
        """MINIMUM or MAXIMUM of values with one scale and zero point."""
        values = self.rng.integers(-128, 128, [x.shape, x.shape[-1:], (1,)][self.rng.integers(3)])
        other = self.builder.constant(values.astype(np.int8), x.scale, x.zero)
        y = self.alike(x, x.shape)
        operands = [x.index, other] if self.rng.integers(2) else [other, x.index]
        name = str(self.rng.choice(["MINIMUM", "MAXIMUM"]))
        self.operator(name, operands, [y], schema.MaximumMinimumOptionsT())
        return y

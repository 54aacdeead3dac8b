"""Operators with random weights and quantization, appended to a flatbuffer one after the other.

Scales follow the values, so that most outputs use their range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tools.measure.bench.models import Activation, ModelBuilder

LARGEST = 1024
"""Largest number of values of an input or output."""

ACTIVATIONS = (Activation.NONE, Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1)
_UNARY = (
    *("LEAKY_RELU", "QUANTIZE", "LOGISTIC", "TANH", "RELU", "RELU6"),
    *("ABS", "ELU", "HARD_SWISH"),
)
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID


@dataclass(frozen=True)
class Tensor:
    """An activation of the graph."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero: int

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


class GraphOperators:
    """Appends operators with random weights and quantization."""

    def __init__(self, rng: np.random.Generator, activations=ACTIVATIONS) -> None:
        self.rng = rng
        self.activations = activations  # fused activations to choose from
        self.builder = ModelBuilder()

    def tensor(self, shape: Sequence[int], scale: float, zero: int | None = None) -> Tensor:
        zero = int(self.rng.integers(-128, 128)) if zero is None else zero
        scale = float(np.float32(scale))
        sides = tuple(int(side) for side in shape)
        return Tensor(self.builder.tensor(sides, scale, zero), sides, scale, zero)

    def operator(self, name, inputs, outputs, options=None) -> None:
        self.builder.operator(name, inputs, [each.index for each in outputs], options)

    def alike(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        return self.tensor(shape, x.scale, x.zero)

    # Layers with weights

    def _weighted(self, x: Tensor, shape, outputs, fan_in, axis):
        """Weights, bias (or none), the output's scale and zero point, and the fused activation."""
        rng = self.rng
        low = -128 if not rng.integers(20) else -127
        weights = rng.integers(low, 128, shape).astype(np.int8)
        if not rng.integers(3):
            weights = np.clip(np.round(rng.normal(0, 25, shape)), -127, 127).astype(np.int8)
        channels = outputs if rng.integers(3) else 1
        scales = 10 ** rng.uniform(-3, -1) * rng.uniform(0.25, 1, channels)
        scales = [float(np.float32(s)) for s in scales]
        w = self.builder.constant(weights, scales, axis=axis)
        b = []
        if rng.integers(5):
            bias = rng.integers(-4000, 4000, outputs).astype(np.int32)
            b = [self.builder.constant(bias, [float(np.float32(x.scale) * s) for s in scales])]
        spread = 60 * np.sqrt(fan_in) * 70 * x.scale * float(np.mean(scales))
        scale = spread / 100 * 10 ** rng.choice([0.0, 0, 0, 0, -1, 1])
        activation = int(rng.choice(self.activations))
        zero = -128 if activation and rng.integers(4) else None
        return w, b, max(scale, 1e-7), zero, activation

    def _spread(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Strides and dilations; one of the two is (1, 1)."""
        drawn = int(self.rng.integers(1, 4)), int(self.rng.integers(1, 4))
        return (drawn, (1, 1)) if self.rng.integers(3) else ((1, 1), drawn)

    def pixels(self, x: Tensor) -> Tensor:
        """A convolution of 1x1 with few channels."""
        outputs = int(self.rng.integers(1, 4 if x.shape[3] > 3 else 9))
        return self.conv(x, outputs, (1, 1), (1, 1), SAME)

    def conv(self, x: Tensor, outputs=None, kernel=None, stride=None, padding=None) -> Tensor:
        rng = self.rng
        _, height, width, channels = x.shape
        outputs = outputs or int(rng.choice([1, 2, 3, 4, 5, 8, 12, 17]))
        kernel = kernel or (_upto(rng, 5, height), _upto(rng, 5, width))
        stride, dilation = (stride, (1, 1)) if stride else self._spread()
        padding = rng.choice([SAME, VALID]) if padding is None else padding
        sides = _sides((height, width), kernel, stride, dilation, padding)
        if min(sides) < 1:
            return x
        w, b, scale, zero, activation = self._weighted(
            x, (outputs, *kernel, channels), outputs, kernel[0] * kernel[1] * channels, 0
        )
        y = self.tensor((x.shape[0], *sides, outputs), scale, zero)
        options = schema.Conv2DOptionsT(
            int(padding), stride[1], stride[0], activation, dilation[1], dilation[0]
        )
        self.operator("CONV_2D", [x.index, w, *b], [y], options)
        return y

    def depthwise(self, x: Tensor, multiplier=None, kernel=None, stride=None, padding=None):
        rng = self.rng
        _, height, width, channels = x.shape
        multiplier = multiplier or int(rng.choice([1, 1, 2, 3]))
        kernel = kernel or (_upto(rng, 4, height), _upto(rng, 4, width))
        stride, dilation = (stride, (1, 1)) if stride else self._spread()
        padding = rng.choice([SAME, VALID]) if padding is None else padding
        sides = _sides((height, width), kernel, stride, dilation, padding)
        if min(sides) < 1:
            return x
        outputs = channels * multiplier
        w, b, scale, zero, activation = self._weighted(
            x, (1, *kernel, outputs), outputs, kernel[0] * kernel[1], 3
        )
        y = self.tensor((x.shape[0], *sides, outputs), scale, zero)
        options = schema.DepthwiseConv2DOptionsT(
            *(int(padding), stride[1], stride[0], multiplier, activation),
            *(dilation[1], dilation[0]),
        )
        self.operator("DEPTHWISE_CONV_2D", [x.index, w, *b], [y], options)
        return y

    def transposed(
        self, x: Tensor, outputs=None, kernel=None, stride=None, padding=None, sides=None
    ) -> Tensor:
        rng = self.rng
        _, height, width, channels = x.shape
        outputs = outputs or int(rng.choice([1, 3, 4, 8]))
        kernel = kernel or (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
        stride = stride or (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        padding = rng.choice([SAME, VALID]) if padding is None else padding
        natural = [
            i * s if padding == SAME else (i - 1) * s + k
            for i, s, k in zip((height, width), stride, kernel, strict=True)
        ]
        sides = sides or natural
        if padding == SAME and not rng.integers(3):  # as if an odd image had been halved
            sides = [
                max(side - int(rng.integers(s)), 1) for side, s in zip(sides, stride, strict=True)
            ]
        if np.prod(sides) * outputs > LARGEST:
            return x
        w, b, scale, zero, activation = self._weighted(
            x, (outputs, *kernel, channels), outputs, kernel[0] * kernel[1] * channels, 0
        )
        y = self.tensor((1, *sides, outputs), scale, zero)
        shape = self.builder.constant(np.array(y.shape, np.int32))
        options = schema.TransposeConvOptionsT(int(padding), stride[1], stride[0], activation)
        self.operator("TRANSPOSE_CONV", [shape, w, x.index, *b], [y], options)
        return y

    def dense(self, x: Tensor, outputs=None, rows: int = 1) -> Tensor:
        """A FULLY_CONNECTED on `rows` rows."""
        inputs = x.size // rows
        outputs = outputs or int(self.rng.integers(1, 60))
        w, b, scale, zero, activation = self._weighted(x, (outputs, inputs), outputs, inputs, 0)
        x = self.reshape(x, (rows, inputs))
        y = self.tensor((rows, outputs), scale, zero)
        self.operator(
            "FULLY_CONNECTED",
            [x.index, w, *(b or [-1])],
            [y],
            schema.FullyConnectedOptionsT(activation),
        )
        return y

    # Without weights

    def pool(self, x: Tensor, name=None, window=None, stride=None, padding=None) -> Tensor:
        rng = self.rng
        window = window or (_upto(rng, 4, x.shape[1]), _upto(rng, 4, x.shape[2]))
        stride = stride or (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        padding = rng.choice([SAME, VALID]) if padding is None else padding
        sides = _sides(x.shape[1:3], window, stride, (1, 1), padding)
        y = self.alike(x, (1, *sides, x.shape[3]))
        activation = int(rng.choice(self.activations))
        options = schema.Pool2DOptionsT(
            int(padding), stride[1], stride[0], window[1], window[0], activation
        )
        name = name or rng.choice(["MAX_POOL_2D", "AVERAGE_POOL_2D"])
        self.operator(str(name), [x.index], [y], options)
        return y

    def resize(self, x: Tensor) -> Tensor:
        factors = self.rng.choice([1, 2, 3, 4], 2)
        sides = [int(f) * side for f, side in zip(factors, x.shape[1:3], strict=True)]
        if np.prod(sides) * x.shape[3] > LARGEST:
            return x
        size = self.builder.constant(np.array(sides, np.int32))
        y = self.alike(x, (1, *sides, x.shape[3]))
        self.operator(
            "RESIZE_NEAREST_NEIGHBOR",
            [x.index, size],
            [y],
            schema.ResizeNearestNeighborOptionsT(False, False),
        )
        return y

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        y = self.alike(x, shape)
        to = self.builder.constant(np.array(y.shape, np.int32))
        self.operator("RESHAPE", [x.index, to], [y], schema.ReshapeOptionsT(list(y.shape)))
        return y

    def unary(self, x: Tensor, name: str | None = None) -> Tensor:
        name = name or str(self.rng.choice(_UNARY))
        scale, zero, options = x.scale * float(self.rng.uniform(0.3, 2)), None, None
        if name == "LOGISTIC":
            scale, zero = 1 / 256, -128
        elif name == "TANH":
            scale, zero = 1 / 128, 0
        elif name == "LEAKY_RELU":
            options = schema.LeakyReluOptionsT(float(self.rng.uniform(0.01, 0.9)))
        y = self.tensor(x.shape, scale, zero)
        self.operator(name, [x.index], [y], options)
        return y

    def combine(
        self, name: str, a: Tensor, b: Tensor, activation=Activation.NONE, scale=None
    ) -> Tensor:
        """ADD, SUB, MUL or SQUARED_DIFFERENCE of two tensors, in either order."""
        largest = a.scale * b.scale * 60 if name == "MUL" else max(a.scale, b.scale)
        shape = a.shape if a.size >= b.size else b.shape
        y = self.tensor(shape, scale or largest * float(self.rng.uniform(0.5, 3)))
        options = {
            "ADD": schema.AddOptionsT,
            "SUB": schema.SubOptionsT,
            "MUL": schema.MulOptionsT,
            "SQUARED_DIFFERENCE": lambda _: schema.SquaredDifferenceOptionsT(),
        }[name](int(activation))
        operands = [a.index, b.index] if self.rng.integers(2) else [b.index, a.index]
        self.operator(name, operands, [y], options)
        return y

    def constant(self, like: Tensor, shape: Sequence[int] | None = None) -> Tensor:
        """A constant of the same shape as `like`, of its last side only, or a single value."""
        if shape is None:
            shape = [like.shape, like.shape[-1:], (1,)][int(self.rng.integers(3))]
        values = self.rng.integers(-128, 128, shape).astype(np.int8)
        scale, zero = (
            like.scale * float(self.rng.uniform(0.5, 2)),
            int(self.rng.integers(-128, 128)),
        )
        return Tensor(
            self.builder.constant(values, scale, zero), tuple(shape), float(np.float32(scale)), zero
        )

    def join(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        y = self.alike(parts[0], shape)
        axis -= len(shape) * int(self.rng.integers(2))  # from either end
        options = schema.ConcatenationOptionsT(axis, Activation.NONE)
        self.operator("CONCATENATION", [part.index for part in parts], [y], options)
        return y

    def split(self, x: Tensor, axis: int, count: int) -> list[Tensor]:
        shape = list(x.shape)
        shape[axis] //= count
        parts = [self.alike(x, shape) for _ in range(count)]
        at = self.builder.constant(np.array(axis, np.int32))
        self.operator("SPLIT", [at, x.index], parts, schema.SplitOptionsT(count))
        return parts

    def split_at(self, x: Tensor, axis: int, sizes: Sequence[int]) -> list[Tensor]:
        parts = [
            self.alike(x, [size if i == axis else side for i, side in enumerate(x.shape)])
            for size in sizes
        ]
        many = self.builder.constant(np.array(sizes, np.int32))
        at = self.builder.constant(np.array(axis, np.int32))
        self.operator("SPLIT_V", [x.index, many, at], parts, schema.SplitVOptionsT(len(sizes)))
        return parts

    def unpack(self, x: Tensor, axis: int) -> list[Tensor]:
        shape = [side for i, side in enumerate(x.shape) if i != axis]
        parts = [self.alike(x, shape) for _ in range(x.shape[axis])]
        self.operator("UNPACK", [x.index], parts, schema.UnpackOptionsT(x.shape[axis], axis))
        return parts

    def pack(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        shape = list(parts[0].shape)
        shape.insert(axis, len(parts))
        y = self.alike(parts[0], shape)
        options = schema.PackOptionsT(len(parts), axis)
        self.operator("PACK", [part.index for part in parts], [y], options)
        return y

    def crop(self, x: Tensor, axes: Sequence[int] = (1, 2)) -> Tensor:
        """A STRIDED_SLICE of a part of each of `axes`."""
        begin, end = [0] * len(x.shape), list(x.shape)
        for axis in axes:
            begin[axis] = int(self.rng.integers(0, x.shape[axis]))
            end[axis] = int(self.rng.integers(begin[axis] + 1, x.shape[axis] + 1))
        y = self.alike(x, [b - a for a, b in zip(begin, end, strict=True)])
        given = [
            self.builder.constant(np.array(v, np.int32)) for v in (begin, end, [1] * len(begin))
        ]
        options = schema.StridedSliceOptionsT(0, 0, 0, 0, 0, False)
        self.operator("STRIDED_SLICE", [x.index, *given], [y], options)
        return y

    def lstm(self, x: Tensor, power: int | None = None, clip: float | None = None) -> Tensor:
        """A UNIDIRECTIONAL_SEQUENCE_LSTM, of which all hidden states or the last one are returned.

        The cell state has a scale of 2^power and is clipped to +-`clip`; 0 is no clip.
        """
        rng, builder = self.rng, self.builder
        divisors = [n for n in range(1, 13) if x.size % n == 0]
        steps, units = int(rng.choice(divisors)), int(rng.integers(1, 12))
        features = x.size // steps
        x = self.reshape(x, (1, steps, features))
        hidden = self.tensor((1, units), 1 / 128 * float(rng.uniform(0.5, 1)))
        power = int(rng.integers(-15, -9)) if power is None else power

        def weights(columns: int, source: Tensor) -> tuple[int, float]:
            values = rng.integers(-127, 128, (units, columns)).astype(np.int8)
            # Gate sums reach 8, where sigmoid and tanh saturate, and exceed it at times.
            scale = 10 ** rng.uniform(-0.5, 0.5) * 8 / (60 * np.sqrt(columns) * 70 * source.scale)
            return builder.constant(values, scale), float(np.float32(scale))

        driven = [weights(features, x) for _ in range(4)]
        fed_back = [weights(units, hidden) for _ in range(4)]
        biases = [
            builder.constant(rng.integers(-2000, 2000, units).astype(np.int32), x.scale * scale)
            for _, scale in driven
        ]
        y = self.tensor((1, steps, units), hidden.scale, hidden.zero)
        inputs = [x.index, *(w for w, _ in driven), *(w for w, _ in fed_back), -1, -1, -1, *biases]
        inputs += [-1, -1, builder.state((1, units), "int8", hidden.scale, hidden.zero)]
        inputs += [builder.state((1, units), "int16", 2.0**power), -1, -1, -1, -1]
        clip = float(rng.choice([0.0, 0.0, 10.0, 0.5])) if clip is None else clip
        options = schema.UnidirectionalSequenceLSTMOptionsT(Activation.TANH, clip, 0.0, False)
        self.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], options)
        return self.unpack(y, 1)[-1] if rng.integers(2) else y


def _upto(rng: np.random.Generator, most: int, side: int) -> int:
    return int(rng.integers(1, min(most, side) + 1))


def _sides(sides, kernel, stride, dilation, padding) -> list[int]:
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if padding == SAME:
        return [-(-int(i) // s) for i, s in zip(sides, stride, strict=True)]
    return [(int(i) - r) // s + 1 for i, r, s in zip(sides, reach, stride, strict=True)]

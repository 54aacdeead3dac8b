"""A model as a graph: tensors, and operators in the order in which they run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ACTIVATIONS = {0: "none", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}
"""Fused activations by their number in the schema."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor."""

    index: int  # position in the flatbuffer
    shape: tuple[int, ...]  # sides, outermost first
    dtype: str  # `int8`, `int32`, ..., as numpy spells it
    scales: NDArray[np.float32]  # float32 [0, 1 or channels]
    zero_points: NDArray[np.int64]  # int64, as many as scales
    data: NDArray[Any] | None  # values of `shape` for a constant, None for an activation
    variable: bool = False  # keeps its values between inferences, as the states of an LSTM do

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def scale(self) -> np.float32:
        """The tensor's scale; the first channel's where scales are per channel."""
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The tensor's zero point; the first channel's where scales are per channel."""
        return int(self.zero_points[0])

    @property
    def per_channel(self) -> bool:
        """Whether each channel has its own scale."""
        return len(self.scales) > 1

    @property
    def quantized(self) -> bool:
        """Whether the values are int8 with a single scale."""
        return self.dtype == "int8" and len(self.scales) == 1

    def same_grid(self, other: Tensor) -> bool:
        """Whether both have the same scale and zero point."""
        return (self.scale, self.zero_point) == (other.scale, other.zero_point)


@dataclass(frozen=True)
class Operator:
    """One operator."""

    index: int  # position in the flatbuffer
    name: str  # `FULLY_CONNECTED`, ...
    inputs: tuple[int, ...]  # tensor indices; -1 for an optional input that is absent
    outputs: tuple[int, ...]  # tensor indices
    # values by name, as the operator's file in `operators/` names them
    options: Mapping[str, float]
    macs: int = 0  # multiply-accumulates of one inference

    def option(self, name: str) -> int:
        """An integer option."""
        return int(self.options[name])

    @property
    def activation(self) -> str:
        """The fused activation: none, RELU, RELU6, ..."""
        code = int(self.options.get("activation", 0))
        return ACTIVATIONS.get(code, f"activation {code}")

    @property
    def label(self) -> str:
        """`operator 3 (FULLY_CONNECTED)`, for messages."""
        return f"operator {self.index} ({self.name})"


@dataclass(frozen=True, eq=False)
class Model:
    """A model of one subgraph with one int8 input and one int8 output."""

    tensors: tuple[Tensor, ...]  # in the flatbuffer's order
    operators: tuple[Operator, ...]  # in the order in which they run
    input: Tensor  # the window
    output: Tensor  # the reconstruction, or the code of an encoder
    flatbuffer: bytes  # the file

    def tensor(self, index: int) -> Tensor | None:
        """The tensor at `index`; None for -1."""
        return None if index < 0 else self.tensors[index]

    def ends(self, operator: Operator) -> tuple[Tensor, Tensor]:
        """An operator's first input and first output."""
        return self.tensors[operator.inputs[0]], self.tensors[operator.outputs[0]]

    def operator_names(self) -> list[str]:
        """The operator types in use, sorted."""
        return sorted({operator.name for operator in self.operators})

    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(operator.macs for operator in self.operators)

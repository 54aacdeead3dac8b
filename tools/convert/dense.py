"""FULLY_CONNECTED for the compiled engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.fixedpoint import Multiplier, activation_range, multipliers
from tools.convert.model import Model, Operator, Tensor
from tools.convert.staircase import (
    OneMultiply,
    Requantization,
    best_shift,
    fits,
    one_multiply,
)
from tools.convert.step import Report, Step, Value
from training.bundle.errors import ConvertError

_LEAST_SHIFT = -8
"""The plain kernel shifts a sum by 8 more, to the left only."""


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """One layer, everything that is known ahead folded in.

    weights int8 [outputs, inputs]; bias int64 [outputs] with the input's zero point folded in, so
    that accumulator = bias + weights @ input; multipliers of length 1 or outputs.
    """

    place: str
    source: int
    target: int
    weights: NDArray[np.int8]
    bias: NDArray[np.int64]
    multipliers: tuple[Multiplier, ...]
    zero_point: int
    activation: str
    low: int
    high: int
    scale: str
    macs: int
    steps: tuple[OneMultiply, ...] = ()
    """For a plain kernel: one multiplication for each multiplier; none where no form is exact."""

    @property
    def inputs(self) -> int:
        """Inputs of a row."""
        return int(self.weights.shape[1])

    @property
    def outputs(self) -> int:
        """Rows."""
        return int(self.weights.shape[0])

    @property
    def per_channel(self) -> bool:
        """Whether each row has a multiplier of its own."""
        return len(self.multipliers) > 1

    @property
    def shape(self) -> str:
        """`140 -> 32, RELU`."""
        suffix = "" if self.activation == "none" else f", {self.activation}"
        return f"{self.inputs} -> {self.outputs}{suffix}"


def read_dense(model: Model, operator: Operator, where: str) -> DenseLayer:
    """The layer of a FULLY_CONNECTED operator.

    Raises ConvertError, one line, for what the compiled engine does not carry.
    """
    place = f"{where}: {operator.place}"
    source = model.tensors[operator.inputs[0]]
    target = model.tensors[operator.outputs[0]]
    weights = model.tensor(operator.inputs[1]) if len(operator.inputs) > 1 else None
    bias = model.tensor(operator.inputs[2]) if len(operator.inputs) > 2 else None
    rows = checked_weights(place, weights)
    if operator.option("weights_format"):
        raise ConvertError(f"{place}: its weights are shuffled, which the engines do not read")
    if rows.ndim != 2 or not rows.size or source.size % rows.shape[1]:
        raise ConvertError(f"{place}: weights {list(rows.shape)} do not fit one input window")
    if target.size * rows.shape[1] != source.size * rows.shape[0]:
        raise ConvertError(f"{place}: output {list(target.shape)} does not fit its weights")
    assert weights is not None
    return fold(place, operator, source, weights, rows, bias, target, model.macs(operator))


def checked_weights(place: str, weights: Tensor | None) -> NDArray[np.int8]:
    """The values of quantized int8 weights; ConvertError if they are anything else."""
    if weights is None or weights.data is None or weights.dtype != "int8":
        raise ConvertError(f"{place}: its weights must be int8 constants; train again with int8")
    if not len(weights.scales) or (weights.zero_points != 0).any():
        raise ConvertError(f"{place}: its weights must be quantized around zero")
    return weights.data


def fold(
    place: str,
    operator: Operator,
    source: Tensor,
    weights: Tensor,
    rows: NDArray[np.int8],
    bias: Tensor | None,
    target: Tensor,
    macs: int,
) -> DenseLayer:
    """A layer of `rows`, int8 [outputs, inputs], with the scales of `weights`.

    Raises ConvertError, one line, for what the compiled engine does not carry.
    """
    outputs = rows.shape[0]
    if operator.activation not in {"none", "RELU", "RELU6", "RELU_N1_TO_1"}:
        raise ConvertError(f"{place}: fused {operator.activation}; use none, RELU or RELU6")
    if (
        source.dtype != "int8"
        or target.dtype != "int8"
        or len(source.scales) != 1
        or len(target.scales) != 1
        or len(weights.scales) not in {1, outputs}
    ):
        raise ConvertError(f"{place}: input, weights and output must be quantized int8 tensors")
    if max(rows.shape) > 65535:
        raise ConvertError(f"{place}: more than 65535 inputs or outputs; train a smaller layer")
    folded = -source.zero_point * rows.sum(1, dtype=np.int64)
    if bias is not None:
        if bias.data is None or bias.dtype != "int32" or bias.size != outputs:
            raise ConvertError(f"{place}: its bias must be int32 constants, one a row")
        folded = folded + bias.data.reshape(-1).astype(np.int64)
    if (abs(folded) + 128 * abs(rows.astype(np.int64)).sum(1) >= 1 << 31).any():
        raise ConvertError(f"{place}: a sum can leave 32 bits, where TensorFlow Lite is undefined")
    low, high = activation_range(operator.activation, target)
    return DenseLayer(
        place,
        source.index,
        target.index,
        rows,
        folded,
        tuple(multipliers(source, weights, target)),
        target.zero_point,
        operator.activation,
        low,
        high,
        f"{target.scale:.4g}",
        macs,
    )


def with_steps(layer: DenseLayer) -> DenseLayer:
    """The layer with its `steps`, if one multiplication does for every row.

    The weights are rows, and the input's zero point is in the bias, so that both bound the sums.
    """
    weights = layer.weights.astype(np.int64)
    least = layer.bias + np.minimum(-128 * weights, 127 * weights).sum(1)
    most = layer.bias + np.maximum(-128 * weights, 127 * weights).sum(1)
    if not layer.per_channel:
        least, most = least.min(keepdims=True), most.max(keepdims=True)
    zero_point = layer.zero_point + 127 - layer.high  # the largest output is the largest value
    exacts = [
        Requantization(by, zero_point, -128, 127, int(a), int(b))
        for by, a, b in zip(layer.multipliers, least, most, strict=True)
    ]
    shift = max([_LEAST_SHIFT, *(best_shift(each.by) for each in exacts if each.by.value)])
    if shift > 23 or not all(fits(each, shift, False) for each in exacts):
        return layer
    forms = [
        one_multiply(each, shift, after=False, signed=False)
        or one_multiply(each, shift, after=False, signed=True)
        for each in exacts
    ]
    return replace(layer, steps=tuple(form for form in forms if form)) if all(forms) else layer


@dataclass(frozen=True, eq=False)
class PlainDense(Step):
    """A layer in the portable kernel that takes any layer."""

    layer: DenseLayer
    why: str

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 input."""
        return (Value(self.layer.source, self.layer.inputs),)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 output."""
        return (Value(self.layer.target, self.layer.outputs),)

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"dense.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        layer = self.layer
        return Report("FULLY_CONNECTED", layer.shape, layer.macs, layer.scale, "dense", self.why)

    def constants(self, index: int) -> str:
        """Weights, folded bias, multipliers and the layer's record."""
        layer = self.layer
        steps = ", ".join(f"{{{s.multiplier}, {s.rounding}, {s.correction}}}" for s in layer.steps)
        multipliers = ", ".join(f"{{{m.value}, {m.shift}}}" for m in layer.multipliers)
        floor = layer.low + 255 - layer.high
        shift = layer.steps[0].shift - _LEAST_SHIFT if steps else 0
        names = [f"kSteps{index}", "nullptr"] if steps else ["nullptr", f"kMultipliers{index}"]
        record = (
            f"kWeights{index}, kBias{index}, {', '.join(names)}, {layer.inputs}, {layer.outputs}, "
            f"{str(layer.per_channel).lower()}, {shift}, {{{floor}, {layer.low}}}, "
            f"{layer.zero_point}, {layer.low}, {layer.high}"
        )
        return (
            cpp.array("std::int8_t", f"kWeights{index}", layer.weights.ravel())
            + cpp.array("std::int32_t", f"kBias{index}", layer.bias)
            + (f"const Step kSteps{index}[] = {{{steps}}};\n" if steps else "")
            + ("" if steps else f"const Multiplier kMultipliers{index}[] = {{{multipliers}}};\n")
            + f"const Dense kDense{index} = {{{record}}};\n"
        )

    def constant_bytes(self) -> int:
        """Weights 1, bias 4, step 12 or multiplier 8 bytes; the record 28."""
        layer = self.layer
        each = 12 if layer.steps else 8
        return layer.weights.size + 4 * layer.outputs + each * len(layer.multipliers) + 28

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        return f"dense(kDense{index}, {at[self.reads[0]]}, {at[self.writes[0]]});"

"""Dense layers: their constants with everything known ahead folded in, and the plain kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.fixedpoint import Multiplier, activation_range, multipliers
from tools.convert.graph import Operator, Tensor
from tools.convert.planner import Planner
from tools.convert.requantization import OneMultiply, Requantization, best_shift, fits, one_multiply
from tools.convert.step import Report, Step, Value
from tools.convert.work import Work, added, requantizations

DENSE_BYTES, ONE_MULTIPLY_BYTES, MULTIPLIER_BYTES = 28, 12, 8
"""sizeof(Dense), sizeof(OneMultiply) and sizeof(Multiplier) in dense.h and requantize.h."""

_LEAST_SHIFT = -8
"""The plain kernel shifts a sum by 8 more, to the left only."""


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """One layer."""

    source: int  # index of the input tensor
    target: int  # index of the output tensor
    weights: NDArray[np.int8]  # int8 [outputs, inputs]
    # int64 [outputs], the input's zero point folded in: sum = bias + weights @ input
    bias: NDArray[np.int64]
    multipliers: tuple[Multiplier, ...]  # one, or one per output
    zero_point: int  # the output's
    activation: str  # the fused activation
    low: int  # the smallest output
    high: int  # the largest output
    scale: str  # the output's, as text
    # for the plain kernel, a single multiplication per multiplier; empty where no such form is
    # exact
    one_multiplies: tuple[OneMultiply, ...] = ()
    # for the paired kernel, the first inputs that it leaves out if all of them are 0, a multiple of
    # 8; and the share of windows in which they are
    silent: int = 0
    silent_share: float = 0.0

    @property
    def inputs(self) -> int:
        """Inputs of a row."""
        return int(self.weights.shape[1])

    @property
    def outputs(self) -> int:
        """Rows."""
        return int(self.weights.shape[0])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one input."""
        return int(self.weights.size)

    @property
    def per_channel(self) -> bool:
        """Whether each row has its own multiplier."""
        return len(self.multipliers) > 1

    @property
    def shape(self) -> str:
        """`140 -> 32, RELU`."""
        return f"{self.inputs} -> {self.outputs}{self.activation_suffix}"

    @property
    def activation_suffix(self) -> str:
        """`, RELU`, or nothing."""
        return "" if self.activation == "none" else f", {self.activation}"

    def row(self, index: int) -> DenseLayer:
        """The layer of one row, of a layer with weights per channel."""
        one = slice(index, index + 1)
        return replace(
            self,
            weights=self.weights[one],
            bias=self.bias[one],
            multipliers=self.multipliers[one],
        )

    def requantizations(self, zero_point: int, low: int, high: int) -> list[Requantization]:
        """One per multiplier, for all sums that its rows can reach.

        The weights must be rows, and the input's zero point in the bias, as both bound the sums.
        """
        weights = self.weights.astype(np.int64)
        least = self.bias + np.minimum(-128 * weights, 127 * weights).sum(1)
        most = self.bias + np.maximum(-128 * weights, 127 * weights).sum(1)
        if not self.per_channel:
            least, most = least.min(keepdims=True), most.max(keepdims=True)
        return [
            Requantization(by, zero_point, low, high, int(a), int(b))
            for by, a, b in zip(self.multipliers, least, most, strict=True)
        ]


def checked_weights(
    planner: Planner, operator: Operator, weights: Tensor | None
) -> tuple[Tensor, NDArray[np.int8]]:
    """A tensor that holds quantized int8 weights, and its values; raises ConvertError otherwise."""
    if weights is None or weights.data is None or weights.dtype != "int8":
        raise planner.refusal(
            operator,
            "its weights must be int8 constants; convert the model with full-integer quantization",
        )
    if not len(weights.scales) or (weights.zero_points != 0).any():
        raise planner.refusal(operator, "its weights must be quantized around zero")
    return weights, weights.data


def check_sums(
    planner: Planner, operator: Operator, bias: NDArray[np.int64], rows: NDArray[np.int8]
) -> None:
    """Refuse rows of weights whose sums can leave 32 bits."""
    if (abs(bias) + 128 * abs(rows.astype(np.int64)).sum(1) >= 1 << 31).any():
        raise planner.refusal(
            operator,
            "a sum can leave 32 bits, where TensorFlow Lite is undefined; quantize it again",
        )


def fold(
    planner: Planner,
    operator: Operator,
    source: Tensor,
    weights: Tensor,
    rows: NDArray[np.int8],
    bias: Tensor | None,
    target: Tensor,
) -> DenseLayer:
    """A layer of `rows`, int8 [outputs, inputs], with the scales of `weights`.

    Raises:
        ConvertError: the compiled engine cannot run the layer.
    """
    outputs = rows.shape[0]
    planner.check_activation(operator)
    if not source.quantized or not target.quantized or len(weights.scales) not in {1, outputs}:
        raise planner.refusal(operator, "input, weights and output must be quantized int8 tensors")
    if max(rows.shape) > 65535:
        raise planner.refusal(operator, "more than 65535 inputs or outputs; make the layer smaller")
    folded = -source.zero_point * rows.sum(1, dtype=np.int64)
    if bias is not None:
        if bias.data is None or bias.dtype != "int32" or bias.size != outputs:
            raise planner.refusal(operator, "its bias must be int32 constants, one per row")
        folded = folded + bias.data.reshape(-1).astype(np.int64)
    check_sums(planner, operator, folded, rows)
    low, high = activation_range(operator.activation, target)
    return DenseLayer(
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
    )


def with_one_multiplies(layer: DenseLayer) -> DenseLayer:
    """The layer with its `one_multiplies`, if one multiplication is exact for every row."""
    zero_point = layer.zero_point + 127 - layer.high  # the largest output is the largest value
    exacts = layer.requantizations(zero_point, -128, 127)
    shift = max([_LEAST_SHIFT, *(best_shift(each.by) for each in exacts if each.by.value)])
    if shift > 23 or not all(fits(each, shift, False) for each in exacts):
        return layer
    forms = [
        one_multiply(each, shift, after=False, signed=False)
        or one_multiply(each, shift, after=False, signed=True)
        for each in exacts
    ]
    if not all(forms):
        return layer
    return replace(layer, one_multiplies=tuple(form for form in forms if form))


def plain_dense(layer: DenseLayer, why: str) -> Step:
    """The step of a layer in the portable kernel, which takes any layer; `why` not in another."""
    forms = layer.one_multiplies
    struct, name, records = (
        ("OneMultiply", "kOneMultiplies#", [form.initializer for form in forms])
        if forms
        else ("Multiplier", "kMultipliers#", [by.initializer for by in layer.multipliers])
    )
    fields = [
        *("kWeights#", "kBias#"),
        *((name, "nullptr") if forms else ("nullptr", name)),
        *(layer.inputs, layer.outputs, str(layer.per_channel).lower()),
        forms[0].shift - _LEAST_SHIFT if forms else 0,
        f"{{{layer.low + 255 - layer.high}, {layer.low}}}",
        *(layer.zero_point, layer.low, layer.high),
    ]
    constants = (
        cpp.array("std::int8_t", "kWeights#", layer.weights.ravel())
        + cpp.array("std::int32_t", "kBias#", layer.bias)
        + f"const {struct} {name}[] = {{{', '.join(records)}}};\n"
        + f"const Dense kDense# = {{{', '.join(map(str, fields))}}};\n"
    )
    each = ONE_MULTIPLY_BYTES if forms else MULTIPLIER_BYTES
    read, written = Value(layer.source, layer.inputs), Value(layer.target, layer.outputs)
    return Step(
        Report("FULLY_CONNECTED", layer.shape, layer.macs, layer.scale, "dense", why),
        (read,),
        (written,),
        "dense",
        ("kDense#", read, written),
        frozenset({"dense.h"}),
        constants=constants,
        constant_bytes=layer.weights.size
        + 4 * layer.outputs
        + each * len(layer.multipliers)
        + DENSE_BYTES,
        work=dense_work(layer),
    )


def dense_work(layer: DenseLayer) -> Work:
    """dense() of dense.cpp: four rows at a time, by two and one."""
    rows, inputs, rest = layer.outputs, layer.inputs, layer.outputs % 4
    pairs, single = rows // 4 * 2 + rest // 2, rest % 2
    products: Work = {"dense.from_one": rows}
    if inputs > 1:
        products = {
            "dense.pair": pairs,
            "dense.pair_eight": pairs * (inputs // 8),
            "dense.pair_four": pairs * (inputs % 8 // 4),
            "dense.pair_one": pairs * (inputs % 4),
            "dense.single": single,
            "dense.single_sixteen": single * (inputs // 16),
            "dense.single_four": single * (inputs % 16 // 4),
            "dense.single_one": single * (inputs % 4),
        }
    return added(
        {"dense.call": 1, "dense.group": -(-rows // 4), "dense.row": rows},
        products,
        finish_work("dense", layer, 4, rows // 4),
        finish_work("dense", layer, rest, 1 if rest else 0),
    )


def finish_work(kernel: str, layer: DenseLayer, count: int, times: int) -> Work:
    """finish() of dense.cpp on `count` sums, `times` times."""
    if layer.one_multiplies:
        if count == 4:
            return {f"{kernel}.finish_four": times}
        return {f"{kernel}.finish": times, f"{kernel}.finish_one": count * times}
    mean = requantizations(kernel, layer.multipliers, count * times / len(layer.multipliers))
    return {f"{kernel}.finish_slow": times, **mean}


def dense_macs(inputs: Sequence[Tensor | None], output: Tensor) -> int:
    """Multiply-accumulates of an operator that applies [outputs, ...] weights per output value."""
    weights = inputs[1]
    return 0 if weights is None else output.size * (weights.size // max(weights.shape[0], 1))

"""The state of one model's plan while its operators are read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tools.convert.graph import Model, Operator, Tensor
from tools.convert.hidden_order import HiddenOrder
from tools.convert.memory import Views
from tools.convert.step import Step
from training.bundle.errors import ConvertError

Lanes = tuple[int, int]
"""Smallest and largest value in the lanes of a wide activation (docs/engine.md)."""

T = TypeVar("T")

_CLAMPS = {"none", "RELU", "RELU6", "RELU_N1_TO_1"}


@dataclass
class Planner:
    """The state that operators' `plan` functions read and extend."""

    model: Model  # the model
    where: str  # its name in messages
    plain: bool = False  # leave the paired kernels out
    vectors: bool = False  # leave them out of dense layers alone
    steps: list[Step] = field(default_factory=list)  # the plan so far
    # tensors that share another's memory, so that they need no step
    views: Views = field(default_factory=Views)
    # tensors that exist as lanes of the paired kernel
    wide: dict[int, Lanes] = field(default_factory=dict)
    # shifts of the paired kernels so far, and whether each is after the product
    shifts: list[tuple[int, bool]] = field(default_factory=list)
    # orders of hidden tensors' units, by which layers skip zeros
    orders: Mapping[int, HiddenOrder] = field(default_factory=dict)
    _results: dict[Hashable, Any] = field(default_factory=dict)

    def refusal(self, operator: Operator, reason: str) -> ConvertError:
        """The error, one line, for an operator that the compiled engine cannot run."""
        return ConvertError(f"{self.where}: {operator.label}: {reason}")

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The result of `compute`, which runs at most once per `key`.

        A layer's fit is needed twice: when its producer looks ahead, and for its own step.
        """
        if key not in self._results:
            self._results[key] = compute()
        result: T = self._results[key]
        return result

    def check_activation(self, operator: Operator) -> None:
        """Refuse a fused activation that is more than a clamp."""
        if operator.activation not in _CLAMPS:
            raise self.refusal(operator, f"fused {operator.activation}; use none, RELU or RELU6")

    def check_moves(self, operator: Operator, source: Tensor, target: Tensor) -> None:
        """Refuse tensors between which a value cannot be moved as it is."""
        if source.dtype != "int8" or target.dtype != "int8":
            raise self.refusal(operator, f"it moves {source.dtype}, must be int8")
        if not source.quantized or not target.quantized or not source.same_grid(target):
            raise self.refusal(operator, "input and output must have the same scale and zero point")

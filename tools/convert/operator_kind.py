"""The converter's record of an operator type; each file in `operators/` lists its own types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.convert.graph import Operator, Tensor
from tools.convert.planner import Planner

Options = Mapping[str, tuple[int, str, float]]
"""Option name to field number in schema.fbs, method of `flatbuffer.Table`, and default."""


def no_macs(inputs: Sequence[Tensor | None], output: Tensor) -> int:
    """Multiply-accumulates of an operator without weights."""
    return 0


@dataclass(frozen=True)
class OperatorKind:
    """One operator type."""

    # the method of MicroMutableOpResolver that registers it; None where the boards' TensorFlow Lite
    # Micro lacks it
    tflm: str | None = None
    # adds the operator's steps to a plan of the compiled engine, or raises ConvertError; None where
    # that engine lacks the operator
    plan: Callable[[Planner, Operator], None] | None = None
    options: Options = field(default_factory=dict)  # the options that are read from the flatbuffer
    inputs: int = 1  # smallest number of inputs
    # which input holds the weights, and the number of their dimensions; None without
    weights: tuple[int, int] | None = None
    # inputs that are the operator's own memory, which no other operator computes
    states: tuple[int, ...] = ()
    # multiply-accumulates of one inference, from all inputs and the first output
    macs: Callable[[Sequence[Tensor | None], Tensor], int] = no_macs

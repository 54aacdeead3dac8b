"""What the compiled engine's plan is made of: steps that read and write values in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.convert.model import Tensor


@dataclass(frozen=True)
class Value:
    """An activation in one format.

    `wide` values are the paired kernels' int16 lanes (docs/engine.md), others plain int8.
    `bytes` is the memory that a step needs for it.
    """

    tensor: int
    bytes: int = field(compare=False)
    wide: bool = False


def scratch(target: int, part: int) -> tuple[int, ...]:
    """Names of memory that a step needs while it runs; `part` tells steps of one target apart."""
    return tuple(-1 - 3 * ((target << 32) + part) - i for i in range(3))


@dataclass(frozen=True)
class Report:
    """One line of the generated file's layer table."""

    operator: str
    shape: str
    macs: int
    scale: str
    kernel: str
    why: str

    HEAD = ("#", "operator", "shape", "MACs", "scale", "kernel", "why")

    def cells(self, index: int) -> tuple[str, ...]:
        """Text for each column of HEAD."""
        macs = str(self.macs) if self.macs else "-"
        return (str(index), self.operator, self.shape, macs, self.scale, self.kernel, self.why)


class Step(ABC):
    """One kernel call."""

    reads: tuple[Value, ...]
    writes: tuple[Value, ...]
    in_place = False
    """The one input's memory may serve as the one output's."""

    @property
    @abstractmethod
    def headers(self) -> frozenset[str]:
        """Kernel headers that `code` needs."""

    @property
    @abstractmethod
    def report(self) -> Report:
        """The line of the layer table."""

    def shared(self) -> frozenset[str]:
        """C++ definitions that steps of one kind have in common; each is written once."""
        return frozenset()

    def constants(self, index: int) -> str:
        """C++ definitions at namespace scope; their names end in `index`."""
        return ""

    def constant_bytes(self) -> int:
        """Flash that `constants` takes."""
        return 0

    def passes(self) -> tuple[int, int]:
        """Cycles between passes of the paired kernel's inner loop, by way of chain and loop."""
        return 0, 0

    @abstractmethod
    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The statement that runs the step; `at` gives each value's address."""


@dataclass(frozen=True, eq=False)
class TensorStep(Step):
    """One kernel call from one whole int8 tensor to another."""

    source: Tensor
    target: Tensor

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 input."""
        return (Value(self.source.index, self.source.size),)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 output."""
        return (Value(self.target.index, self.target.size),)

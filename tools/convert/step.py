"""Steps of the compiled engine's plan, and the values that they read and write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.convert.graph import Tensor
from tools.convert.work import Work, instructions


@dataclass(frozen=True)
class Value:
    """An activation in one format."""

    tensor: int  # index in the model, or a negative number for scratch memory
    bytes: int = field(compare=False)  # memory that a step needs for it
    wide: bool = False  # int16 lanes of the paired kernels (docs/engine.md) instead of int8

    @staticmethod
    def of(tensor: Tensor) -> Value:
        """A whole int8 tensor."""
        return Value(tensor.index, tensor.size)


def scratch(target: int, part: int = 0) -> tuple[int, int, int]:
    """Three names of scratch memory for the step `part` that writes tensor `target`."""
    first = -1 - 3 * ((target << 32) + part)
    return first, first - 1, first - 2


@dataclass(frozen=True)
class Report:
    """One line of the layer table in the generated file."""

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


Argument = str | Value | tuple[str | Value, ...]
"""An argument in C++: text, the address of a value, or several of them joined."""


@dataclass(frozen=True, eq=False)
class Step:
    """One kernel call.

    In C++ text, `#` stands for the step's number, which keeps names apart.
    """

    report: Report  # the line of the layer table
    reads: tuple[Value, ...]  # values that the kernel reads
    writes: tuple[Value, ...]  # values that it writes: the output first, then scratch memory
    function: str  # the kernel's C++ function
    arguments: tuple[Argument, ...]  # its arguments
    headers: frozenset[str]  # the kernel's headers
    constants: str = ""  # C++ definitions at namespace scope
    constant_bytes: int = 0  # flash that those take on a 32-bit board
    # definitions that several steps may need; each is written once
    shared: frozenset[str] = frozenset()
    in_place: bool = False  # whether the output may take the memory of the first value read
    # cycles between passes of the paired kernel's inner loop, if it is the chain and if it is the
    # loop
    pass_cycles: tuple[int, int] = (0, 0)
    # how often the parts of the kernel run (work.py)
    work: Work = field(default_factory=dict)
    # instructions of the paired kernel's assembly, beside `work`
    paired_instructions: int = 0
    # fewer in a window whose zeros it skips, as a mean over the windows of the hidden order
    skipped_instructions: float = 0.0
    # those between its passes, if it is the chain and if it is the loop
    pass_instructions: tuple[int, int] = (0, 0)

    @property
    def instructions(self) -> float:
        """Instructions of one call on a Cortex-M4 with DSP, without those between passes.

        Those of a window in which nothing is skipped.
        """
        return self.paired_instructions + instructions(self.work)

    def definitions(self, index: int) -> str:
        """The C++ definitions of step number `index`."""
        return self.constants.replace("#", str(index))

    def call(self, index: int, addresses: Mapping[Value, str]) -> str:
        """The C++ statement that runs step number `index`."""

        def text(part: str | Value) -> str:
            return addresses[part] if isinstance(part, Value) else part

        arguments = [
            "".join(map(text, argument)) if isinstance(argument, tuple) else text(argument)
            for argument in self.arguments
        ]
        return f"{self.function}({', '.join(arguments)});".replace("#", str(index))

"""Steps of the compiled engine's plan, and the values that they read and write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.convert.graph import Tensor


@dataclass(frozen=True)
class Value:
    """An activation in one format.

    Attributes:
        tensor: index in the model, or a negative number for scratch memory.
        bytes: memory that a step needs for it.
        wide: int16 lanes of the paired kernels (docs/engine.md) instead of int8.
    """

    tensor: int
    bytes: int = field(compare=False)
    wide: bool = False

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

    Attributes:
        report: the line of the layer table.
        reads: values that the kernel reads.
        writes: values that it writes: the output first, then scratch memory.
        function: the kernel's C++ function.
        arguments: its arguments.
        headers: the kernel's headers.
        constants: C++ definitions at namespace scope.
        constant_bytes: flash that those take on a 32-bit board.
        shared: definitions that several steps may need; each is written once.
        in_place: whether the output may take the memory of the first value read.
        pass_cycles: cycles between passes of the paired kernel's inner loop, if it is the chain and
            if it is the loop.
    """

    report: Report
    reads: tuple[Value, ...]
    writes: tuple[Value, ...]
    function: str
    arguments: tuple[Argument, ...]
    headers: frozenset[str]
    constants: str = ""
    constant_bytes: int = 0
    shared: frozenset[str] = frozenset()
    in_place: bool = False
    pass_cycles: tuple[int, int] = (0, 0)

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

"""The positions of a convolution's kernel, and what their steps share."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

from tools.convert.graph import Operator, Tensor
from tools.convert.operators.dense import DenseLayer
from tools.convert.step import Argument, Step, Value

POSITIONS_BYTES = 36
"""sizeof(Positions) in convolve.h."""


@dataclass(frozen=True)
class Positions:
    """The geometry; fields in the order of `struct Positions` in convolve.h.

    `first`, which that struct lacks, is the first output value.
    """

    in_height: int
    in_width: int
    channels: int
    kernel_height: int
    kernel_width: int
    top: int
    left: int
    stride_height: int
    stride_width: int
    dilation_height: int
    dilation_width: int
    rows: int
    columns: int
    row_step: int
    column_step: int
    padding: int
    first: int = 0

    @property
    def record(self) -> str:
        """The C++ initializer."""
        return ", ".join(str(int(value)) for value in astuple(self)[:-1])

    @property
    def count(self) -> int:
        """Number of positions."""
        return self.rows * self.columns

    def turned(self) -> Positions:
        """A series as one row instead of one column: the same values in fewer loop iterations."""
        if (self.in_width, self.kernel_width, self.columns, self.left) != (1, 1, 1, 0):
            return self
        return Positions(
            *(1, self.in_height, self.channels, 1, self.kernel_height, 0, self.top),
            *(1, self.stride_height, 1, self.dilation_height, 1, self.rows),
            *(0, self.row_step, self.padding, self.first),
        )

    def interleaved(self) -> Positions:
        """The same values as one channel, of which a row has those of all its pixels."""
        return replace(
            self,
            in_width=self.in_width * self.channels,
            channels=1,
            kernel_width=self.kernel_width * self.channels,
            left=self.left * self.channels,
            stride_width=self.stride_width * self.channels,
        )

    @property
    def in_size(self) -> int:
        """Input values."""
        return self.in_height * self.in_width * self.channels

    @property
    def patch(self) -> int:
        """Values of a patch."""
        return self.kernel_height * self.kernel_width * self.channels

    def is_pointwise(self, outputs: int) -> bool:
        """Whether each position sees one pixel, and input and output are these pixels in order."""
        kernel = (self.kernel_height, self.kernel_width, self.stride_height, self.stride_width)
        steps = (self.rows == 1 or self.row_step == self.columns * outputs) and (
            self.columns == 1 or self.column_step == outputs
        )
        return (
            kernel == (1, 1, 1, 1)
            and (self.top, self.left, self.first) == (0, 0, 0)
            and (self.rows, self.columns) == (self.in_height, self.in_width)
            and steps
        )

    @property
    def copies(self) -> bool:
        """Whether some patch is not contiguous in the input."""
        bottom = self.top + (self.rows - 1) * self.stride_height + self.kernel_height
        right = self.left + (self.columns - 1) * self.stride_width + self.kernel_width
        inside = (
            min(self.top, self.left) >= 0 and bottom <= self.in_height and right <= self.in_width
        )
        contiguous = self.kernel_height == 1 or self.kernel_width == self.in_width
        dense = max(self.dilation_height, self.dilation_width) == 1
        pixel = self.kernel_height * self.kernel_width == 1
        return not (inside and contiguous and (dense or pixel))


def image_shapes(at: Positions, layer: DenseLayer, source: Tensor, target: Tensor) -> str:
    """`20x6x8 -> 20x6x4, 3x3, RELU`."""
    sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (source, target)]
    kernel = f"{at.kernel_height}x{at.kernel_width}"
    return f"{sizes[0]} -> {sizes[1]}, {kernel}{layer.activation_suffix}"


def at_positions(
    inner: Step,
    operator: Operator,
    shape: str,
    at: Positions,
    target: Tensor,
    function: str,
    arguments: tuple[Argument, ...],
    header: str,
) -> Step:
    """The step of all positions, from the step `inner` of one; without scratch memory."""
    macs = inner.report.macs * at.count
    read, written = Value(inner.reads[0].tensor, at.in_size), Value.of(target)
    return replace(
        inner,
        report=replace(inner.report, operator=operator.name, shape=shape, macs=macs),
        reads=(read,),
        writes=(written,),
        function=function,
        arguments=("kPositions#", *arguments, read, output_address(written, at)),
        headers=frozenset({header}),
        constants=inner.constants + f"const Positions kPositions# = {{{at.record}}};\n",
        constant_bytes=inner.constant_bytes + POSITIONS_BYTES,
    )


def output_address(written: Value, at: Positions) -> Argument:
    """The address of the first output."""
    return (written, f" + {at.first}") if at.first else written

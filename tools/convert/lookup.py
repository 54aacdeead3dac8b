"""Unary operators for the compiled engine: one table each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.model import Model, Operator
from tools.convert.single import table_of
from tools.convert.step import Report, Step, Value
from training.bundle.errors import ConvertError


@dataclass(frozen=True, eq=False)
class LookUp(Step):
    """A table of the interpreter's own answers; int8 [256] from -128 up."""

    name: str
    source: int
    target: int
    size: int
    scale: str
    table: NDArray[np.int8]
    in_place = True

    @property
    def reads(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 input."""
        return (Value(self.source, self.size),)

    @property
    def writes(self) -> tuple[Value, ...]:  # type: ignore[override]
        """The int8 output."""
        return (Value(self.target, self.size),)

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"table.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        return Report(self.name, str(self.size), 0, self.scale, "look_up", "256 known results")

    def constants(self, index: int) -> str:
        """The table."""
        return cpp.array("std::int8_t", f"kTable{index}", self.table)

    def constant_bytes(self) -> int:
        """The table."""
        return 256

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        source, target = at[self.reads[0]], at[self.writes[0]]
        return f"look_up(kTable{index}, {source}, {target}, {self.size});"


def read_look_up(model: Model, operator: Operator, where: str) -> LookUp:
    """The table of a unary operator; ConvertError for what the engine does not carry."""
    source = model.tensors[operator.inputs[0]]
    target = model.tensors[operator.outputs[0]]
    if source.dtype != "int8" or target.dtype != "int8" or source.size != target.size:
        raise ConvertError(f"{where}: {operator.place}: input and output must be int8, same size")
    if len(source.scales) != 1 or len(target.scales) != 1:
        raise ConvertError(f"{where}: {operator.place}: input and output must be quantized")
    try:
        table = table_of(operator, source, target)
    except ConvertError:
        raise ConvertError(
            f"{where}: {operator.place}: the TensorFlow Lite Micro interpreter refuses it with an "
            f"output scale of {target.scale:.4g} and zero point {target.zero_point}; train again"
        ) from None
    return LookUp(
        operator.name,
        source.index,
        target.index,
        source.size,
        f"{target.scale:.4g}",
        table,
    )

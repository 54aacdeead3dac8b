"""MAX_POOL_2D and AVERAGE_POOL_2D for the compiled engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.convert.fixedpoint import activation_range
from tools.convert.model import Model, Operator
from tools.convert.padding import padding
from tools.convert.step import Report, Step, TensorStep, Value
from training.bundle.errors import ConvertError

_KERNELS = {"MAX_POOL_2D": "max_pool", "AVERAGE_POOL_2D": "average_pool"}


@dataclass(frozen=True, eq=False)
class Pool(TensorStep):
    """One pooling; `record` is the initializer of `struct Pool` in pool.h."""

    name: str
    shape: str
    record: str

    @property
    def headers(self) -> frozenset[str]:
        """The kernel's header."""
        return frozenset({"pool.h"})

    @property
    def report(self) -> Report:
        """The line of the layer table."""
        kernel = _KERNELS[self.name]
        return Report(self.name, self.shape, 0, f"{self.target.scale:.4g}", kernel, "-")

    def constants(self, index: int) -> str:
        """The record."""
        return f"const Pool kPool{index} = {{{self.record}}};\n"

    def constant_bytes(self) -> int:
        """The record's 22 bytes."""
        return 22

    def code(self, index: int, at: Mapping[Value, str]) -> str:
        """The kernel call."""
        source, target = at[self.reads[0]], at[self.writes[0]]
        return f"{_KERNELS[self.name]}(kPool{index}, {source}, {target});"


def read_pool(model: Model, operator: Operator, where: str) -> list[Step]:
    """The step of a pooling operator; ConvertError for what the engine does not carry."""
    place = f"{where}: {operator.place}"
    source, target = model.tensors[operator.inputs[0]], model.tensors[operator.outputs[0]]
    for each in (source, target):
        if each.dtype != "int8" or len(each.scales) != 1 or len(each.shape) != 4 or not each.size:
            raise ConvertError(f"{place}: input and output must be int8 with four dimensions")
        if each.shape[0] != 1 or max(each.shape) > 32767:
            raise ConvertError(f"{place}: shape {list(each.shape)}; one image of sides below 32768")
    if (source.scale, source.zero_point) != (target.scale, target.zero_point):
        raise ConvertError(f"{place}: input and output must have the same scale and zero point")
    window = operator.option("filter_h"), operator.option("filter_w")
    strides = operator.option("stride_h"), operator.option("stride_w")
    if not all(1 <= each <= 255 for each in strides) or not all(1 <= w <= 32767 for w in window):
        raise ConvertError(f"{place}: a window or stride out of range")
    y = padding(operator, source.shape[1], window[0], strides[0], 1)
    x = padding(operator, source.shape[2], window[1], strides[1], 1)
    if (1, y.count, x.count, source.shape[3]) != target.shape:
        raise ConvertError(f"{place}: output {list(target.shape)} does not fit its input")
    if operator.activation not in {"none", "RELU", "RELU6", "RELU_N1_TO_1"}:
        raise ConvertError(f"{place}: fused {operator.activation}; use none, RELU or RELU6")
    fields = [*source.shape[1:], *window, -y.before, -x.before, *strides, y.count, x.count]
    fields += activation_range(operator.activation, target)
    sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (source, target)]
    shape = f"{sizes[0]} -> {sizes[1]}, {window[0]}x{window[1]}"
    return [Pool(source, target, operator.name, shape, ", ".join(map(str, fields)))]

"""Windows along one axis of an image, as TensorFlow Lite aligns them."""

from __future__ import annotations

from dataclasses import dataclass

from tools.convert.graph import Operator
from tools.convert.operator_kind import Options

SAME = 0
"""Padding in the schema; 1 is VALID."""

WINDOW_OPTIONS: Options = {
    "padding": (0, "int8", 0),
    "stride_w": (1, "int32", 0),
    "stride_h": (2, "int32", 0),
}
"""Options that convolutions and pooling share."""


@dataclass(frozen=True)
class Windows:
    """The number of windows, and the padding before the first value."""

    count: int
    before: int


def windows(operator: Operator, size: int, window: int, stride: int, dilation: int) -> Windows:
    """Windows along an axis of `size` values.

    SAME padding: one window per stride, the padding halved, the odd value behind. VALID: none.
    """
    reach = (window - 1) * dilation + 1
    if operator.option("padding") == SAME:
        count = -(-size // stride)
    else:
        count = max(0, -(-(size - reach + 1) // stride))
    total = max(0, (count - 1) * stride + reach - size)
    return Windows(count, total // 2)

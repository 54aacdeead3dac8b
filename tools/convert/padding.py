"""Windows along one axis, as TensorFlow Lite places them."""

from __future__ import annotations

from dataclasses import dataclass

from tools.convert.model import Operator

_SAME = 0


@dataclass(frozen=True)
class Windows:
    """How many windows there are, and how much padding lies before the first value."""

    count: int
    before: int


def padding(operator: Operator, size: int, window: int, stride: int, dilation: int) -> Windows:
    """SAME: as many windows as strides fit, padding halved, the odd one behind; VALID: none."""
    reach = (window - 1) * dilation + 1
    if operator.option("padding") == _SAME:
        count = -(-size // stride)
    else:
        count = max(0, -(-(size - reach + 1) // stride))
    total = max(0, (count - 1) * stride + reach - size)
    return Windows(count, total // 2)

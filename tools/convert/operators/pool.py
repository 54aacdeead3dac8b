"""MAX_POOL_2D and AVERAGE_POOL_2D."""

from __future__ import annotations

from tools.convert.fixedpoint import activation_range
from tools.convert.graph import Operator
from tools.convert.operator_kind import OperatorKind, Options
from tools.convert.operators.window import WINDOW_OPTIONS, windows
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value
from tools.convert.work import Work, added, memset

_FUNCTIONS = {"MAX_POOL_2D": "max_pool", "AVERAGE_POOL_2D": "average_pool"}

POOL_BYTES = 22
"""sizeof(Pool) in pool.h."""


def _plan(planner: Planner, operator: Operator) -> None:
    source, target = planner.model.ends(operator)
    for tensor in (source, target):
        if not tensor.quantized or len(tensor.shape) != 4:
            raise planner.refusal(operator, "input and output must be int8 with four dimensions")
        if tensor.shape[0] != 1 or max(tensor.shape) > 32767:
            raise planner.refusal(
                operator,
                f"shape {list(tensor.shape)}; it must be one image with sides below 32768",
            )
    if not source.same_grid(target):
        raise planner.refusal(operator, "input and output must have the same scale and zero point")
    window = operator.option("filter_h"), operator.option("filter_w")
    strides = operator.option("stride_h"), operator.option("stride_w")
    if not all(1 <= each <= 255 for each in strides) or not all(1 <= w <= 32767 for w in window):
        raise planner.refusal(
            operator, f"a window of {list(window)} with strides {list(strides)} is out of range"
        )
    y = windows(operator, source.shape[1], window[0], strides[0], 1)
    x = windows(operator, source.shape[2], window[1], strides[1], 1)
    if (1, y.count, x.count, source.shape[3]) != target.shape:
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its input")
    planner.check_activation(operator)
    fields = [*source.shape[1:], *window, -y.before, -x.before, *strides, y.count, x.count]
    fields += activation_range(operator.activation, target)
    sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (source, target)]
    shape = f"{sizes[0]} -> {sizes[1]}, {window[0]}x{window[1]}"
    function = _FUNCTIONS[operator.name]
    read, written = Value.of(source), Value.of(target)
    planner.steps.append(
        Step(
            Report(operator.name, shape, 0, f"{target.scale:.4g}", function, "-"),
            (read,),
            (written,),
            function,
            ("kPool#", read, written),
            frozenset({"pool.h"}),
            constants=f"const Pool kPool# = {{{', '.join(map(str, fields))}}};\n",
            constant_bytes=POOL_BYTES,
            work=_work(planner, operator, function),
        )
    )


def _work(planner: Planner, operator: Operator, function: str) -> Work:
    """max_pool() or average_pool() of pool.cpp."""
    source, target = planner.model.ends(operator)
    _, in_height, in_width, channels = source.shape
    height, width = operator.option("filter_h"), operator.option("filter_w")
    down, along = operator.option("stride_h"), operator.option("stride_w")
    y = windows(operator, in_height, height, down, 1)
    x = windows(operator, in_width, width, along, 1)
    rows = _inside(-y.before, down, y.count, height, in_height)
    columns = _inside(-x.before, along, x.count, width, in_width)
    count, lines, pixels = y.count * x.count, rows * x.count, rows * columns
    work = {f"{function}.call": 1, f"{function}.row": y.count, f"{function}.window": count}
    fours, ones = divmod(channels, 4)
    if function == "max_pool":
        clamped = activation_range(operator.activation, target)[1] != 127
        parts = {
            "line": lines,
            "pixel": pixels,
            "four": fours * pixels,
            "one": ones * pixels,
            "clamp": clamped * channels * count,
        }
        work |= {f"max_pool.{part}": times for part, times in parts.items()}
        return added(work, memset(channels, count))
    for part, groups in (("four", fours), ("one", ones)):
        work[f"average_pool.{part}"] = groups * count
        work[f"average_pool.{part}_line"] = groups * lines
        work[f"average_pool.{part}_pixel"] = groups * pixels
    return work


def _inside(first: int, stride: int, count: int, window: int, size: int) -> int:
    """Values inside the input that all windows along an axis see."""
    begins = range(first, first + count * stride, stride)
    return sum(min(begin + window, size) - max(begin, 0) for begin in begins)


_OPTIONS: Options = {
    **WINDOW_OPTIONS,
    "filter_w": (3, "int32", 0),
    "filter_h": (4, "int32", 0),
    "activation": (5, "int8", 0),
}

KINDS = {
    "AVERAGE_POOL_2D": OperatorKind("AddAveragePool2D", _plan, _OPTIONS),
    "MAX_POOL_2D": OperatorKind("AddMaxPool2D", _plan, _OPTIONS),
}

"""The order of hidden units, by which the paired kernel skips units that are 0 (docs/engine.md).

Between dense layers, the order of the units is free: the rows of one layer and the columns of the
next change alike, and every output stays the same. Units that are 0 in most windows come first. The
kernel leaves these inputs out of a window in which all of them are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.convert.graph import Model, Tensor
from training.bundle import GoldenWindows
from training.bundle.errors import ConvertError
from training.bundle.interpreter import open_interpreter
from training.bundle.labels import ABNORMAL

BLOCK = 8
"""Inputs that the kernel computes together."""

ALWAYS = 64
"""Inputs that a row always computes, at least: those of one pass through the kernel's loop."""

MEASURED = 3
"""Number of golden windows on which inferences are measured: the first. They choose no order."""

_ZERO = -128
"""The value whose lane is 0."""


@dataclass(frozen=True, eq=False)
class HiddenOrder:
    """An order of one tensor's units."""

    units: NDArray[np.int64]  # int64 [units], the unit at each position
    silent: int  # a multiple of BLOCK: the first units, which the kernel skips if all are 0
    share: float  # of the windows, in which they are


def normal_windows(golden: GoldenWindows) -> NDArray[np.int8]:
    """The golden windows by which orders are chosen, int8 [n, input size].

    They are not known to be abnormal, and not among those that are measured.
    """
    inputs = golden.input.reshape(len(golden.input), -1)[MEASURED:]
    return np.asarray(inputs[golden.label[MEASURED:] != ABNORMAL])


def hidden_orders(model: Model, windows: NDArray[np.int8]) -> dict[int, HiddenOrder]:
    """Choose an order of each hidden tensor for which skipping saves instructions.

    Args:
        windows: int8 [n, input size], windows like those that the model will see.
    """
    tensors = [tensor.index for tensor in model.tensors if _is_hidden(model, tensor)]
    if not tensors or not len(windows):
        return {}
    try:
        interpreter = open_interpreter(model.flatbuffer, keep_tensors=True)
    except ConvertError:  # its memory does not hold all tensors at once: keep their orders
        return {}
    values = interpreter.activations(windows, tensors)
    orders = {
        index: _order(activations != _ZERO)
        for index, activations in zip(tensors, values, strict=True)
    }
    return {index: order for index, order in orders.items() if order.silent}


def _is_hidden(model: Model, tensor: Tensor) -> bool:
    """Whether only dense layers of one row write and read a tensor, long enough for the loop."""
    writers = [each for each in model.operators if tensor.index in each.outputs]
    readers = [each for each in model.operators if tensor.index in each.inputs]
    return (
        tensor.index not in (model.input.index, model.output.index)
        and tensor.quantized
        and tensor.size % BLOCK == 0
        and tensor.size > ALWAYS
        and bool(writers and readers)
        and all(each.name == "FULLY_CONNECTED" for each in writers + readers)
        and all(
            model.tensors[each.inputs[0]].size == model.tensors[each.inputs[1]].shape[-1]
            for each in writers + readers
        )
    )


def _order(active: NDArray[np.bool_]) -> HiddenOrder:
    """The order for units that are `active`, bool [windows, units]."""
    windows, units = active.shape
    silent = np.ones(windows, bool)  # windows in which all units chosen so far are 0
    left = np.ones(units, bool)
    chosen: list[int] = []
    best, share = 0, 0.0
    while silent.any() and len(chosen) < units - ALWAYS:
        counts = np.where(left, active[silent].sum(0), windows + 1)
        chosen.append(int(counts.argmin()))
        left[chosen[-1]] = False
        silent &= ~active[:, chosen[-1]]
        # One window more, in which they are not, as these windows are few.
        now = float(silent.sum()) / (windows + 1)
        if len(chosen) % BLOCK == 0 and now * len(chosen) > share * best:
            best, share = len(chosen), now
    first = np.sort(chosen[:best]).astype(np.int64)
    rest = np.setdiff1d(np.arange(units), first)
    return HiddenOrder(np.concatenate([first, rest]), best, share)

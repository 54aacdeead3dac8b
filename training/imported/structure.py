"""The structure of a graph, which TensorFlow Lite does not check before it crashes on it."""

from __future__ import annotations

import math

import numpy as np

from training.bundle.flatbuffer import DamagedError, Table

MOST_VALUES = 1 << 24  # of a tensor; no board has memory for more
SCALES = 1e-20, 1e20  # smallest and largest scale of a tensor
_FLOAT32 = 0  # tensor type


def check_structure(model: Table, graph: Table) -> None:
    """Check that every reference exists, and that each tensor is computed once, before it is read.

    Raises:
        DamagedError: what is wrong, and where.
    """
    buffers, codes = model.tables(4), len(model.tables(1))
    tensors = graph.tables(0)
    count, known = len(tensors), set[int]()
    for i, tensor in enumerate(tensors):
        if _check_tensor(i, tensor, buffers):
            known.add(i)
    for role, field in (("input", 1), ("output", 2)):
        if any(not 0 <= i < count for i in graph.array(field, "<i4").tolist()):
            raise DamagedError(f"its {role} is no tensor of the graph")
    known |= set(graph.array(1, "<i4").tolist())
    written: set[int] = set()
    for i, operator in enumerate(graph.tables(3)):
        inputs, outputs = (operator.array(field, "<i4").tolist() for field in (1, 2))
        if operator.uint32(0) >= codes:
            raise DamagedError(f"operator {i} has no code")
        if not outputs or any(not -1 <= t < count for t in inputs):
            raise DamagedError(f"operator {i} refers to a tensor that does not exist")
        if any(not 0 <= t < count for t in outputs) or written & set(outputs):
            raise DamagedError(f"operator {i} writes to a tensor that it cannot write to")
        missing = set(inputs) - {-1} - known
        if missing:
            raise DamagedError(f"operator {i} reads tensor {min(missing)}, which is not computed")
        written |= set(outputs)
        known |= written
    if not written:
        raise DamagedError("it has no operator")
    if not set(graph.array(2, "<i4").tolist()) <= known:
        raise DamagedError("no operator computes its output")


def _check_tensor(index: int, tensor: Table, buffers: list[Table]) -> bool:
    """Check a tensor; return whether it has values before any operator runs."""
    shape = tensor.array(0, "<i4").tolist()
    size = math.prod(shape)
    if any(side < 0 for side in shape) or size > MOST_VALUES:
        raise DamagedError(f"tensor {index} has the impossible shape {shape[:8]}")
    quantization = tensor.table(4)
    if quantization is not None:
        scales = quantization.array(2, "<f4").astype(np.float32)
        if not ((scales >= SCALES[0]) & (scales <= SCALES[1])).all():
            raise DamagedError(f"tensor {index} has a scale outside {SCALES[0]:g} to {SCALES[1]:g}")
    number = tensor.uint32(2)
    if number >= len(buffers):
        raise DamagedError(f"tensor {index} refers to buffer {number} of {len(buffers)}")
    data = buffers[number].array(0, "u1")
    floats = tensor.int8(1) == _FLOAT32 and len(data) == 4 * size
    if floats and not np.isfinite(data.view("<f4")).all():
        raise DamagedError(f"tensor {index} holds values that are not finite")
    try:
        tensor.array(3, "u1").tobytes().decode()
    except UnicodeDecodeError:  # on which TensorFlow's interpreter stumbles
        raise DamagedError(f"the name of tensor {index} is no text") from None
    return bool(tensor.uint8(5) or len(data) or not size)

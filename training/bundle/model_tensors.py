"""Input and output of a TensorFlow Lite file, read without TensorFlow and without trust."""

from __future__ import annotations

import math

import numpy as np

from training.bundle.flatbuffer import DamagedError, Table, root
from training.bundle.manifest import Tensor, float32_text

_INT8 = 9


def read_tensors(data: bytes) -> tuple[Tensor, Tensor]:
    """Read size and quantization of the int8 input and output of the flatbuffer `data`.

    Raises:
        DamagedError: an offset points outside the file, or one of the two is no int8 tensor.
    """
    graphs = root(data, b"TFL3").tables(2)
    if len(graphs) != 1:
        raise DamagedError(f"it has {len(graphs)} subgraphs, must be 1")
    tensors = graphs[0].tables(0)
    return _tensor(graphs[0], tensors, 1, "input"), _tensor(graphs[0], tensors, 2, "output")


def _tensor(graph: Table, tensors: list[Table], field: int, role: str) -> Tensor:
    indices = graph.array(field, "<i4").tolist()
    if len(indices) != 1 or not 0 <= indices[0] < len(tensors):
        raise DamagedError(f"it has {len(indices)} {role}s, must be 1")
    table = tensors[indices[0]]
    grid = table.table(4)
    scales = np.empty(0) if grid is None else grid.array(2, "<f4")
    zero_points = np.empty(0) if grid is None else grid.array(3, "<i8")
    if table.int8(1) != _INT8 or len(scales) != 1 or len(zero_points) != 1:
        raise DamagedError(f"its {role} is not a quantized int8 tensor")
    # Not validated: the caller compares the values with a valid manifest.
    return Tensor.model_construct(
        size=math.prod(table.array(0, "<i4").tolist()),
        scale=float32_text(np.float32(scales[0])),
        zero_point=int(zero_points[0]),
    )

"""Constants of pruned models, which are stored without their zeros, written out.

No engine of the boards reads sparse constants. Format: `SparsityParameters` in schema.fbs of
TensorFlow Lite: the levels of a tree in traversal order, each dense or with the indices that exist
below each parent (compressed rows).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.flatbuffer import DamagedError
from training.imported.graph import names_of, packed, parsed
from training.imported.structure import MOST_VALUES
from training.tensorflow_setup import schema

_BYTES = {
    schema.TensorType.FLOAT32: 4,
    schema.TensorType.FLOAT16: 2,
    schema.TensorType.INT8: 1,
    schema.TensorType.UINT8: 1,
}


def with_dense_constants(flatbuffer: bytes) -> bytes:
    """Write out all sparse constants, and leave out the DENSIFY operators that would do it.

    Raises:
        DamagedError: a constant is not what its description says.
    """
    model = parsed(flatbuffer)
    graph = model.subgraphs[0]
    sparse = [tensor for tensor in graph.tensors if tensor.sparsity is not None]
    if not sparse:
        return flatbuffer
    for tensor in sparse:
        values = model.buffers[tensor.buffer].data
        if values is None or tensor.type not in _BYTES:
            raise DamagedError("a sparse tensor is no constant of numbers")
        buffer = schema.BufferT()
        buffer.data = _dense(tensor, np.asarray(values, np.uint8))
        model.buffers.append(buffer)
        tensor.buffer, tensor.sparsity = len(model.buffers) - 1, None
    names = names_of(model)
    for operator in [op for op in graph.operators if names[op.opcodeIndex] == "DENSIFY"]:
        source, target = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        target.buffer = source.buffer
        graph.operators.remove(operator)
    return packed(model, flatbuffer)


def _dense(tensor: Any, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All bytes of a tensor whose stored values are `values`."""
    width = _BYTES[tensor.type]
    shape = [int(side) for side in tensor.shape]
    at = _positions(tensor.sparsity, shape)
    if len(values) != width * len(at):
        raise DamagedError(f"a sparse tensor of {len(at)} values has {len(values)} bytes")
    dense = np.zeros((math.prod(shape), width), np.uint8)
    dense[at] = values.reshape(-1, width)
    return dense.reshape(-1)


def _positions(sparsity: Any, shape: list[int]) -> NDArray[np.int64]:
    """The position of each stored value in the dense tensor."""
    order = [int(level) for level in sparsity.traversalOrder]
    blocked = [] if sparsity.blockMap is None else [int(side) for side in sparsity.blockMap]
    levels, rank = sparsity.dimMetadata, len(shape)
    if sorted(order) != list(range(rank + len(blocked))) or len(levels) != len(order):
        raise DamagedError("a sparse tensor has other levels than dimensions")
    below: dict[int, NDArray[np.int64]] = {}  # index of each value along each level
    count = 1
    for dimension, level in zip(order, levels, strict=True):
        parents, index = _children(level, count)
        below = {known: each[parents] for known, each in below.items()}
        below[dimension] = index
        count = len(index)
    sides = {rank + i: int(levels[order.index(rank + i)].denseSize) for i in range(len(blocked))}
    place = np.zeros(count, np.int64)
    for dimension, side in enumerate(shape):
        index = below[dimension]
        for block, of in enumerate(blocked, rank):
            if of == dimension:
                index = index * sides[block] + below[block]
        if ((index < 0) | (index >= side)).any():
            raise DamagedError("a sparse tensor has values beyond its shape")
        place = place * side + index
    return place


def _children(level: Any, parents: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each node of a level, the number of its parent and its index below it."""
    if level.format == schema.DimensionType.DENSE:
        size = int(level.denseSize)
        if not 0 <= parents * size <= MOST_VALUES:
            raise DamagedError("a sparse tensor is too large for any board")
        return np.repeat(np.arange(parents), size), np.tile(np.arange(size), parents)
    segments = np.asarray(level.arraySegments.values, np.int64)
    index = np.asarray(level.arrayIndices.values, np.int64)
    sizes = np.diff(segments)
    if len(sizes) != parents or (sizes < 0).any() or segments[0] or segments[-1] != len(index):
        raise DamagedError("a sparse tensor has other segments than parents")
    return np.repeat(np.arange(parents), sizes), index

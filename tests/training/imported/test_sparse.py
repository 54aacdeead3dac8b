"""Constants that are stored without their zeros are written out, value by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.networks import paired_network
from training.bundle.flatbuffer import DamagedError
from training.imported.graph import packed, parsed
from training.imported.sparse import with_dense_constants
from training.tensorflow_setup import schema

pytestmark = pytest.mark.slow


def dense_level(size: int) -> Any:
    level = schema.DimensionMetadataT()
    level.format, level.denseSize = schema.DimensionType.DENSE, size
    return level


def compressed_level(segments: list[int], indices: list[int]) -> Any:
    level = schema.DimensionMetadataT()
    level.format = schema.DimensionType.SPARSE_CSR
    for name, kind, values in (
        ("arraySegments", "Int32Vector", segments),
        ("arrayIndices", "Uint8Vector", indices),
    ):
        vector = getattr(schema, f"{kind}T")()
        vector.values = np.array(values, np.int32 if kind == "Int32Vector" else np.uint8)
        setattr(level, f"{name}Type", getattr(schema.SparseIndexVector, kind))
        setattr(level, name, vector)
    return level


def compressed(blocks: np.ndarray) -> tuple[Any, list[tuple[int, int]]]:
    """The level of a matrix's columns, and where its entries that are not zero lie."""
    at = [(row, column) for row, column in np.argwhere(blocks).tolist()]
    segments = [sum(row < limit for row, _ in at) for limit in range(len(blocks) + 1)]
    return compressed_level(segments, [column for _, column in at]), at


def by_rows(weights: np.ndarray) -> tuple[Any, np.ndarray]:
    """Each value that is not zero, row by row."""
    columns, at = compressed(weights != 0)
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = np.array([0, 1], np.int32)
    sparsity.dimMetadata = [dense_level(len(weights)), columns]
    return sparsity, np.array([weights[each] for each in at])


def by_blocks(weights: np.ndarray) -> tuple[Any, np.ndarray]:
    """Blocks of one row and four columns that have a value."""
    blocks = weights.reshape(len(weights), -1, 4)
    columns, at = compressed(blocks.any(axis=2))
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = np.array([0, 1, 2], np.int32)
    sparsity.blockMap = np.array([1], np.int32)
    sparsity.dimMetadata = [dense_level(len(weights)), columns, dense_level(4)]
    return sparsity, np.concatenate([blocks[each] for each in at])


def case() -> tuple[Any, Any, np.ndarray]:
    """A network whose first weights are mostly zeros: the model, their tensor, their values."""
    model = parsed(paired_network(np.random.default_rng(1), (16, 12, 16)))
    graph = model.subgraphs[0]
    tensor = graph.tensors[graph.operators[0].inputs[1]]
    rng = np.random.default_rng(2)
    weights = rng.integers(-127, 128, (12, 16)) * (rng.random((12, 16)) < 0.2)
    return model, tensor, weights.astype(np.int8)


@pytest.mark.parametrize("form", [by_rows, by_blocks])
def test_a_pruned_layer_has_all_its_weights_again(form: Any) -> None:
    model, tensor, weights = case()
    tensor.sparsity, values = form(weights)
    model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    after = parsed(with_dense_constants(packed(model, bytes(4096))))
    graph = after.subgraphs[0]
    found = graph.tensors[graph.operators[0].inputs[1]]
    data = after.buffers[found.buffer].data
    assert found.sparsity is None
    assert (np.asarray(data, np.uint8).view(np.int8).reshape(12, 16) == weights).all()


def test_other_models_stay_as_they_are() -> None:
    data = paired_network(np.random.default_rng(1), (16, 12, 16))
    assert with_dense_constants(data) is data


def spoil_order(sparsity: Any) -> None:
    sparsity.traversalOrder = np.array([0, 0], np.int32)


def spoil_size(sparsity: Any) -> None:
    sparsity.dimMetadata[0].denseSize = 2**31 - 1


def spoil_segments(sparsity: Any) -> None:
    sparsity.dimMetadata[1].arraySegments.values[-1] = 1


def spoil_indices(sparsity: Any) -> None:
    sparsity.dimMetadata[1].arrayIndices.values[0] = 200


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_order, "other levels than dimensions"),
        (spoil_size, "too large for any board"),
        (spoil_segments, "other segments than parents"),
        (spoil_indices, "values beyond its shape"),
        (lambda sparsity: None, "has 1 bytes"),
    ],
    ids=["order", "size", "segments", "indices", "values"],
)
def test_a_wrong_description_is_refused(spoil: Any, said: str) -> None:
    model, tensor, weights = case()
    tensor.sparsity, values = by_rows(weights)
    spoil(tensor.sparsity)
    kept = values[:1] if said == "has 1 bytes" else values
    model.buffers[tensor.buffer].data = np.frombuffer(kept.tobytes(), np.uint8)
    with pytest.raises(DamagedError, match=said):
        with_dense_constants(packed(model, bytes(4096)))

"""Scores of features: the C++ against their definition, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.native import Join, Level, Mahalanobis, ReconstructionError

F = np.float32
RNG = np.random.default_rng(11)


def windows(n: int, size: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    x, y = RNG.integers(-128, 128, (2, n, size)).astype(np.int8)
    x[0], y[0] = -128, 127
    x[1], y[1] = 127, -128
    return x, y


@pytest.mark.parametrize(("rows", "zero_point"), [(1, 0), (7, -128), (64, 5)])
def test_mahalanobis_by_its_definition(rows: int, zero_point: int):
    first = 3
    x, y = windows(20, first + rows)
    weights = [RNG.integers(-32767, 32768, k + 1) for k in range(rows)]
    offset = RNG.integers(-(2**20), 2**20, rows).tolist()
    factor = RNG.uniform(1e-8, 1e-6, rows).astype(F).tolist()
    flat = np.concatenate(weights).tolist()
    got = Mahalanobis(zero_point, first, flat, offset, factor).score(x, y)
    for row, value in zip(x.astype(np.int64), got, strict=True):
        score = F(0)
        for k in range(rows):
            total = offset[k] + int(weights[k] @ (row[first : first + k + 1] - zero_point))
            whitened = F(total) * F(factor[k])
            score = score + whitened * whitened
        assert value.tobytes() == score.tobytes()


def test_a_mahalanobis_score_that_overflows_is_refused():
    with pytest.raises(ValueError, match="exceeds 32 bits"):
        Mahalanobis(0, 0, [1], [2**31 - 255], [1.0])
    Mahalanobis(0, 0, [1], [2**31 - 256], [1.0])
    with pytest.raises(ValueError, match="as many rows"):
        Mahalanobis(0, 0, [1, 2], [0, 0], [1.0, 1.0])


def test_level_is_the_largest_of_the_channels():
    x, y = windows(50, 20)
    got = Level(7, 2, 6, 3, 0.00390625).score(x, y)
    steps = x[:, [2, 8, 14]].astype(np.int64) - 7
    assert (got == (steps * steps).max(axis=1) * F(0.00390625)).all()


def test_a_score_reads_no_input_that_is_not_there():
    x, y = windows(2, 8)
    for score in (Mahalanobis(0, 8, [1], [0], [1.0]), Level(0, 2, 6, 2, 1.0)):
        with pytest.raises(ValueError, match="inputs that are not there"):
            score.score(x, y)


def test_join_adds_fourth_roots_in_order():
    x, y = windows(200, 30)
    heads = [
        ReconstructionError("mse", 16384, 9000, 0, 3, 2e-14),
        Mahalanobis(0, 24, [5, -3, 9], [100, -5], [0.01, 0.2]),
        Level(0, 24, 3, 2, 0.0039),
    ]
    weights = [F(1.3), F(2.7), F(0.4)]
    got = Join(heads, [float(weight) for weight in weights]).score(x, y)
    expected = np.zeros(200, F)
    for head, weight in zip(heads, weights, strict=True):
        expected = expected + weight * np.sqrt(np.sqrt(head.score(x, y)))
    assert got.tobytes() == expected.tobytes()

"""Whitened training vectors have unit covariance; values that never varied get a unit of one."""

import numpy as np

from tests.support.mahalanobis import squared_distances
from training.whitening import fit_whitening


def test_unit_covariance():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(20_000, 3)) @ np.array([[1, 0.9, 0], [0, 0.44, 0], [0, 0, 1]])
    whitening = fit_whitening(vectors + 0.5)
    white = (vectors + 0.5 - whitening.mean) @ whitening.matrix.T
    assert np.abs(np.cov(white.T) - np.eye(3)).max() < 0.05
    assert (np.triu(whitening.matrix, 1) == 0).all()
    distances = squared_distances(whitening, vectors + 0.5)
    np.testing.assert_allclose(distances, (white * white).sum(axis=1))
    assert abs(distances.mean() - 3) < 0.05


def test_a_value_that_never_varied():
    vectors = np.random.default_rng(2).normal(size=(5000, 3))
    vectors[:, 1] = 0
    whitening = fit_whitening(vectors)
    step = squared_distances(whitening, np.array([[0, 2.0, 0]])) - squared_distances(
        whitening, np.zeros((1, 3))
    )
    assert abs(step.item() - 4) < 0.2

"""Whitening: what makes the Mahalanobis distance a sum of squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Whitening:
    """The map y = matrix @ (x - mean), after which training vectors have unit covariance."""

    mean: NDArray[np.float64]  # float64 [k]
    matrix: NDArray[np.float64]  # float64 [k, k], lower triangular


def fit_whitening(vectors: NDArray[np.float64]) -> Whitening:
    """Fit the whitening of standardized vectors by Ledoit and Wolf's covariance (2004).

    The estimator shrinks the covariance towards a multiple of the identity, by as much as the
    number of vectors calls for. A variance below 1/2 belongs to a value that hardly varied in
    training and is raised to 1, which is one step of the feature (training.input_quantization).

    Args:
        vectors: float64 [n, k], each value in units of its training deviation; n is 2 or more.
    """
    # scikit-learn takes a second to start: only what is used is imported.
    from sklearn.covariance import ledoit_wolf

    mean = vectors.mean(axis=0)
    covariance, _ = ledoit_wolf(vectors - mean, assume_centered=True)
    variances = np.diag(covariance)
    covariance += np.diag(np.where(variances < 0.5, 1.0 - variances, 0.0))
    return Whitening(mean, np.linalg.inv(np.linalg.cholesky(covariance)))

"""The squared Mahalanobis distance in floating point, to compare the board's integers with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.whitening import Whitening


def squared_distances(whitening: Whitening, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the squared Mahalanobis distance of each vector, float64 [n, k] to [n]."""
    whitened = (vectors - whitening.mean) @ whitening.matrix.T
    return np.asarray((whitened * whitened).sum(axis=1))

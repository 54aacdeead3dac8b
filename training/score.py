"""The score of a window: its integer parameters, and the same distance for the float model."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest

MAX_WEIGHT = 16384


def fold_score(
    kind: Literal["mse", "mae"], input: manifest.Tensor, output: manifest.Tensor
) -> manifest.Score:
    """Fold the scales of input and output into the integers of the score (docs/bundle.md).

    The two weights have the ratio of the scales, and the larger one is MAX_WEIGHT. The factor
    turns the integer sum into the mean error in real units.
    """
    largest = max(input.scale, output.scale)
    weights = [max(1, round(MAX_WEIGHT * t.scale / largest)) for t in (input, output)]
    unit = largest / MAX_WEIGHT  # real value of one step of the weighted difference
    factor = (unit * unit if kind == "mse" else unit) / input.size
    return manifest.Score(
        kind=kind,
        input_weight=weights[0],
        output_weight=weights[1],
        factor=manifest.float32_text(factor),
    )


def real_score(
    kind: Literal["mse", "mae"], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Compute the mean squared or absolute error of float32 [n, size] windows, float32 [n]."""
    error = x.astype(np.float64) - y
    per_value = error * error if kind == "mse" else np.abs(error)
    return np.asarray(per_value.mean(axis=1), np.float32)

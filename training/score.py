"""Fold the two tensors' scales to the integers that the score takes (docs/bundle.md)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.native import ScoreConfig

MAX_WEIGHT = 16384


def fold_score(
    kind: Literal["mse", "mae"], input: manifest.Tensor, output: manifest.Tensor
) -> manifest.Score:
    """Weights in the ratio of the scales, the larger one MAX_WEIGHT; factor for the mean."""
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


def make_score(
    score: manifest.Score, input: manifest.Tensor, output: manifest.Tensor
) -> ScoreConfig:
    """The native score that a manifest describes."""
    return ScoreConfig(
        score.kind,
        score.input_weight,
        score.output_weight,
        input.zero_point,
        output.zero_point,
        score.factor,
    )


def real_score(
    kind: Literal["mse", "mae"], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The same distance between real values [n, size], for the float stage of a model."""
    error = x.astype(np.float64) - y
    per_value = error * error if kind == "mse" else np.abs(error)
    return np.asarray(per_value.mean(axis=1), np.float32)

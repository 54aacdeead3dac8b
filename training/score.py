"""The score of a window: its integer parameters, and the same score for the float model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.chain import make_score
from training.bundle.scores import LARGEST_STEP, LARGEST_SUM, inputs_of
from training.whitening import Whitening, fit_whitening

MAX_WEIGHT = 16384
MAX_WHITENING_WEIGHT = 32767

Kind = Literal["mse", "mae", "mahalanobis", "level", "join"]

# Weights of the join, chosen over the sets of docs/detection.md and 55 other series of pumps and
# servers: between 2 and 4 for the distance, no result changes by more than 0.01.
JOINED: tuple[tuple[Kind, float], ...] = (("mse", 1.0), ("mahalanobis", 3.0), ("level", 1.0))


@dataclass(frozen=True, eq=False)
class Reference:
    """Int8 inputs and outputs of training windows, to which a score is fitted."""

    inputs: NDArray[np.int8]  # int8 [n, input size]
    outputs: NDArray[np.int8]  # int8 [n, output size]
    first: int  # index of the first feature in the input; the inputs before it are samples
    channels: int


def fit_score(
    kind: Kind, input: manifest.Tensor, output: manifest.Tensor, reference: Reference
) -> manifest.Score:
    """Fit the score of the recipe; "mse" and "mae" need no fit.

    In a join, each head is relative to its mean over the training windows.
    """
    if kind == "join":
        heads = []
        for each, weight in JOINED:
            head = _fit_head(each, input, output, reference)
            scores = make_score(head, input, output).score(reference.inputs, reference.outputs)
            # One step of the grid for a score that is 0 on all training windows.
            norm = max(float(scores.mean(dtype=np.float64)), input.scale**2)
            weight = manifest.float32_text(weight / norm**0.25)
            heads.append(manifest.Head(weight=weight, score=head))
        return manifest.JoinScore(kind="join", heads=heads)
    return _fit_head(kind, input, output, reference)


def _fit_head(
    kind: Kind, input: manifest.Tensor, output: manifest.Tensor, reference: Reference
) -> manifest.ReconstructionScore | manifest.MahalanobisScore | manifest.LevelScore:
    features = reference.inputs.shape[1] - reference.first
    if kind == "mahalanobis":
        steps = reference.inputs[:, reference.first :].astype(np.float64) - input.zero_point
        return fold_mahalanobis(fit_whitening(steps * input.scale), input.scale, reference.first)
    if kind == "level":
        return manifest.LevelScore(
            kind="level",
            first=reference.first,
            stride=features // reference.channels,
            channels=reference.channels,
            factor=manifest.float32_text(input.scale**2),
        )
    return fold_reconstruction("mae" if kind == "mae" else "mse", input, output)


def fold_reconstruction(
    kind: Literal["mse", "mae"], input: manifest.Tensor, output: manifest.Tensor
) -> manifest.ReconstructionScore:
    """Fold the scales of input and output into the integers of the score (docs/bundle.md).

    The two weights have the ratio of the scales, and the larger one is MAX_WEIGHT. The factor
    turns the integer sum into the mean error in real units.
    """
    largest = max(input.scale, output.scale)
    weights = [max(1, round(MAX_WEIGHT * t.scale / largest)) for t in (input, output)]
    unit = largest / MAX_WEIGHT  # real value of one step of the weighted difference
    factor = (unit * unit if kind == "mse" else unit) / input.size
    return manifest.ReconstructionScore(
        kind=kind,
        input_weight=weights[0],
        output_weight=weights[1],
        factor=manifest.float32_text(factor),
    )


def fold_mahalanobis(whitening: Whitening, scale: float, first: int) -> manifest.MahalanobisScore:
    """Fold a whitening into integers, each row with the largest weights that 32 bits allow.

    Args:
        whitening: of features in units of their training deviation.
        scale: of the int8 input.
        first: index of the first feature in the input.
    """
    rows = whitening.matrix * scale
    sizes = np.abs(rows)
    # The rounding of the weights adds at most half a step each.
    room = LARGEST_SUM / LARGEST_STEP - rows.shape[1] / 2
    factor = np.maximum(sizes.max(axis=1) / MAX_WHITENING_WEIGHT, sizes.sum(axis=1) / room)
    weights = np.rint(rows / factor[:, None]).astype(np.int64)
    offset = np.rint(-(whitening.matrix @ whitening.mean) / factor).astype(np.int64)
    return manifest.MahalanobisScore(
        kind="mahalanobis",
        first=first,
        weights=[row[: k + 1].tolist() for k, row in enumerate(weights)],
        offset=np.clip(offset, -LARGEST_SUM, LARGEST_SUM).tolist(),
        factor=[manifest.float32_text(each) for each in factor],
    )


def real_score(
    settings: manifest.Score, x: NDArray[np.float32], y: NDArray[np.float32], scale: float
) -> NDArray[np.float32]:
    """Compute the score of a float model's outputs.

    Args:
        settings: the score of the board. What it reads from the input alone is the same for both.
        x: float32 [n, size], dequantized int8 inputs.
        y: float32 [n, size], outputs for `x`.
        scale: of the int8 input.

    Returns:
        Float32 [n].
    """
    if isinstance(settings, manifest.ReconstructionScore):
        return reconstruction_error(settings.kind, x, y)
    if isinstance(settings, manifest.JoinScore):
        total = np.zeros(len(x))
        for head in settings.heads:
            each = real_score(head.score, x, y, scale).astype(np.float64)
            total += head.weight * each**0.25
        return np.asarray(total, np.float32)
    steps = x[:, list(inputs_of(settings))].astype(np.float64) / scale
    if isinstance(settings, manifest.LevelScore):
        return np.asarray((steps * steps).max(axis=1) * settings.factor, np.float32)
    whitened = np.empty_like(steps)
    for k, row in enumerate(settings.weights):
        whitened[:, k] = (steps[:, : k + 1] @ row + settings.offset[k]) * settings.factor[k]
    return np.asarray((whitened * whitened).sum(axis=1), np.float32)


def reconstruction_error(
    kind: Literal["mse", "mae"], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Compute the mean squared or absolute error of float32 [n, size] windows, float32 [n]."""
    error = x.astype(np.float64) - y
    per_value = error * error if kind == "mse" else np.abs(error)
    return np.asarray(per_value.mean(axis=1), np.float32)

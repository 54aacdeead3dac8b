"""The scores of a window in a manifest, as specified in docs/bundle.md."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.fields import Count, Int16, Int32, Size
from training.bundle.numbers import Float32, PositiveFloat32
from training.bundle.validation import Strict

LARGEST_SUM = 2**30 - 1
"""Bound of each sum of a Mahalanobis score, so that 32 bits hold it with its offset."""
LARGEST_STEP = 255
"""Bound of an int8 value minus a zero point."""


class ReconstructionScore(Strict):
    """Mean squared or absolute error between int8 input and output."""

    kind: Literal["mse", "mae"]
    input_weight: Annotated[int, Field(ge=1, le=16384)]
    output_weight: Annotated[int, Field(ge=1, le=16384)]
    factor: PositiveFloat32


class MahalanobisScore(Strict):
    """Squared Mahalanobis distance of the features in the model's input."""

    kind: Literal["mahalanobis"]
    first: Count  # index of the first feature in the input
    # Row k has k + 1 weights: the whitening matrix is lower triangular.
    weights: Annotated[list[list[Int16]], Field(min_length=1, max_length=4096)]
    offset: list[Int32]  # one per row
    factor: list[PositiveFloat32]  # one per row

    @model_validator(mode="after")
    def _rows_agree(self) -> Self:
        rows = len(self.weights)
        if {len(self.offset), len(self.factor)} != {rows}:
            raise ValueError("offset and factor must have one entry per row of weights")
        if any(len(row) != k for k, row in enumerate(self.weights, 1)):
            raise ValueError("row k of weights, from 1, must have k entries")
        largest = max(sum(map(abs, row)) for row in self.weights) * LARGEST_STEP
        if largest > LARGEST_SUM or max(map(abs, self.offset)) > LARGEST_SUM:
            raise ValueError("weights or offset are so large that a sum exceeds 32 bits")
        return self


class LevelScore(Strict):
    """Largest squared mean of a channel, in training deviations."""

    kind: Literal["level"]
    first: Count  # index of the first channel's mean in the input
    stride: Size  # inputs from one channel's mean to the next one's
    channels: Size
    factor: PositiveFloat32  # square of the input's scale


class Head(Strict):
    """One score of a join, and its weight."""

    weight: Annotated[Float32, Field(ge=0)]
    score: Annotated[
        ReconstructionScore | MahalanobisScore | LevelScore, Field(discriminator="kind")
    ]


class JoinScore(Strict):
    """Weighted sum of the fourth roots of several scores."""

    kind: Literal["join"]
    heads: Annotated[list[Head], Field(min_length=1, max_length=4)]


Score = ReconstructionScore | MahalanobisScore | LevelScore | JoinScore


def inputs_of(score: Score) -> range:
    """Return the indices of the model's input that a score of features reads; else none."""
    if isinstance(score, MahalanobisScore):
        return range(score.first, score.first + len(score.weights))
    if isinstance(score, LevelScore):
        last = score.first + (score.channels - 1) * score.stride
        return range(score.first, last + 1, score.stride)
    return range(0)

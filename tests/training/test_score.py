"""Scores are folded into integers that keep the distance, and the float model's score agrees."""

import numpy as np
import pytest

from tests.support.mahalanobis import squared_distances
from training.bundle import manifest
from training.bundle.chain import make_score
from training.score import JOINED, Kind, Reference, fit_score, fold_mahalanobis, real_score
from training.whitening import fit_whitening

RNG = np.random.default_rng(4)
GRID = manifest.Tensor(size=34, scale=0.0625, zero_point=0)
OUT = manifest.Tensor(size=34, scale=0.05, zero_point=3)
FIRST, CHANNELS = 10, 3


def reference() -> Reference:
    mixed = RNG.normal(size=(3000, 34)) @ (np.eye(34) + 0.3 * RNG.normal(size=(34, 34)))
    x = np.clip(np.rint(16 * mixed / mixed.std(axis=0)), -128, 127).astype(np.int8)
    y = np.clip(np.rint(x * 0.0625 * 0.8 / 0.05) + 3, -128, 127).astype(np.int8)
    return Reference(x, y, FIRST, CHANNELS)


TRAIN = reference()


def test_the_folded_distance_is_the_distance():
    features = TRAIN.inputs[:, FIRST:] * 0.0625
    whitening = fit_whitening(features)
    score = fold_mahalanobis(whitening, 0.0625, FIRST)
    got = make_score(score, GRID, OUT).score(TRAIN.inputs, TRAIN.outputs)
    np.testing.assert_allclose(got, squared_distances(whitening, features), rtol=2e-3)
    assert abs(got.mean() - features.shape[1]) < 0.5


def test_weights_of_many_features_fit_32_bits():
    count = 400
    whitening = fit_whitening(RNG.normal(size=(2000, count)))
    score = fold_mahalanobis(whitening, 0.0625, 0)  # the manifest checks the sums
    assert max(abs(weight) for row in score.weights for weight in row) <= 32767


@pytest.mark.parametrize("kind", ["mse", "mae", "mahalanobis", "level", "join"])
def test_the_float_stage_agrees_with_the_board(kind: Kind):
    score = fit_score(kind, GRID, OUT, TRAIN)
    board = make_score(score, GRID, OUT).score(TRAIN.inputs, TRAIN.outputs)
    x = (TRAIN.inputs * 0.0625).astype(np.float32)
    y = ((TRAIN.outputs.astype(np.float32) - 3) * 0.05).astype(np.float32)
    np.testing.assert_allclose(real_score(score, x, y, 0.0625), board, rtol=1e-3)


def test_each_head_of_a_join_is_relative_to_its_training_mean():
    score = fit_score("join", GRID, OUT, TRAIN)
    assert isinstance(score, manifest.JoinScore)
    for head, (kind, weight) in zip(score.heads, JOINED, strict=True):
        assert head.score.kind == kind
        mean = make_score(head.score, GRID, OUT).score(TRAIN.inputs, TRAIN.outputs).mean()
        assert head.weight * mean**0.25 == pytest.approx(weight, rel=1e-4)


def test_a_level_that_never_moved_stays_finite():
    still = TRAIN.inputs.copy()
    still[:, FIRST::8] = 0
    score = fit_score("join", GRID, OUT, Reference(still, TRAIN.outputs, FIRST, CHANNELS))
    assert isinstance(score, manifest.JoinScore)
    assert np.isfinite([head.weight for head in score.heads]).all()

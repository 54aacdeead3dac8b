"""Baselines: each ranks what it is for, and the same seed gives the same scores."""

from __future__ import annotations

import numpy as np
import pytest

from training.baselines import baseline_scores
from training.metrics import auroc

NAMES = ["rms", "z-score", "PCA", "nearest neighbours", "isolation forest", "one-class SVM"]


def sines(n: int, amplitude: float, seed: int, frames: int = 40) -> np.ndarray:
    generator = np.random.default_rng(seed)
    phase = generator.uniform(0, 2 * np.pi, (n, 1))
    values = amplitude * np.sin(2 * np.pi * np.arange(frames) / 10 + phase)
    return np.rint(values + generator.normal(0, 20, values.shape))[:, :, None].astype(np.int16)


@pytest.fixture(scope="module")
def scores() -> dict[str, dict[str, np.ndarray]]:
    loud, noise = sines(50, 3000, 3), np.random.default_rng(4).normal(0, 700, (50, 40, 1))
    parts = {"normal": sines(50, 1000, 2), "loud": loud, "noise": noise.astype(np.int16)}
    return baseline_scores(sines(300, 1000, 1), {**parts, "none": loud[:0]}, seed=1)


def area(scores: dict[str, np.ndarray], part: str) -> float:
    both = np.concatenate([scores["normal"], scores[part]])
    labels = np.repeat(np.array([0, 1], np.int8), 50)
    value = auroc(both, labels)
    assert value is not None
    return value


def test_every_baseline_scores_every_part(scores):
    assert list(scores) == NAMES
    for name, parts in scores.items():
        sizes = {part: (values.dtype, values.shape) for part, values in parts.items()}
        full = (np.dtype(np.float32), (50,))
        empty = (np.dtype(np.float32), (0,))
        assert sizes == {"normal": full, "loud": full, "noise": full, "none": empty}, name


# A louder signal of the same shape stays in the subspace of PCA.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "PCA"])
def test_every_baseline_sees_a_signal_three_times_as_loud(scores, name):
    assert area(scores[name], "loud") > 0.99


@pytest.mark.parametrize("name", ["PCA", "nearest neighbours"])
def test_noise_as_loud_as_the_signal_is_seen_by_those_that_know_its_shape(scores, name):
    assert area(scores[name], "noise") > 0.99


def test_the_same_seed_gives_the_same_scores(scores):
    again = baseline_scores(sines(300, 1000, 1), {"loud": sines(50, 3000, 3)}, seed=1)
    for name in NAMES:
        np.testing.assert_array_equal(again[name]["loud"], scores[name]["loud"])

"""The challenge set: every disturbance does what its name says, and more of it at a larger size."""

from __future__ import annotations

import numpy as np
import pytest

from training.challenge import DISTURBANCES, SIZES, challenges


@pytest.fixture(scope="module")
def normal() -> np.ndarray:
    generator = np.random.default_rng(1)
    phase = generator.uniform(0, 2 * np.pi, (60, 1))
    t = np.arange(96)
    values = 2000 * np.sin(2 * np.pi * t / 60 + phase) + 600 * np.sin(2 * np.pi * t / 7 + phase)
    return np.rint(values + generator.normal(0, 30, values.shape))[:, :, None].astype(np.int16)


def by_kind(normal: np.ndarray) -> dict[str, list[np.ndarray]]:
    challenged: dict[str, list[np.ndarray]] = {}
    for challenge in challenges(normal, len(normal), seed=3):
        challenged.setdefault(challenge.kind, []).append(challenge.counts)
    return challenged


def test_every_kind_comes_in_every_size_and_keeps_shape_and_dtype(normal):
    challenged = challenges(normal, 25, seed=3)
    assert [(c.kind, c.size) for c in challenged] == [
        (kind, size) for kind in DISTURBANCES for size in SIZES
    ]
    assert {(c.counts.shape, c.counts.dtype) for c in challenged} == {
        ((25, 96, 1), np.dtype(np.int16))
    }


@pytest.mark.parametrize("kind", list(DISTURBANCES))
def test_a_larger_size_changes_more(normal, kind):
    changes = [
        float(np.abs(counts.astype(float) - normal).mean()) for counts in by_kind(normal)[kind]
    ]
    assert changes[0] < changes[1] < changes[2], changes


def test_a_spike_changes_one_frame_and_a_flat_part_is_flat(normal):
    challenged = by_kind(normal)
    changed = (challenged["spike"][2] != normal).sum(axis=(1, 2))
    assert changed.tolist() == [1] * len(normal)
    runs = (np.diff(challenged["flat"][2][:, :, 0], axis=1) == 0).all(axis=1)
    assert runs.all(), "the largest flat part covers the window"


def test_level_shift_keeps_the_shape_and_gain_change_keeps_the_mean(normal):
    challenged = by_kind(normal)
    shifted = challenged["level shift"][1].astype(float)
    apart = shifted - normal
    assert np.ptp(apart, axis=1).max() <= 1  # rounding
    gained = challenged["gain change"][1].astype(float)
    np.testing.assert_allclose(gained.mean(axis=1), normal.mean(axis=1), atol=1)


def test_the_same_seed_gives_the_same_windows_and_loud_ones_saturate():
    loud = np.full((4, 32, 1), 32767, np.int16)
    loud[:, ::2] = -32768
    first, again = (challenges(loud, 4, seed=9) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.counts, b.counts)
    level = next(c for c in first if c.kind == "level shift" and c.size == 4.0)
    assert set(np.unique(level.counts)) <= {-32768, 32767}

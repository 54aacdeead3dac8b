"""Simulated activities: falls in the test part alone."""

import numpy as np
import pytest

from training.data import load


def test_activity_falls_are_in_the_test_part_alone_and_every_activity_in_both():
    data = load("activity", train_seconds=240, test_seconds=600)
    assert data.simulated and len(data.train.channels) == 3
    assert not data.train.labels.any() and data.test.labels.any()
    assert set(data.train.classes) == set(data.test.classes) == set(range(6))
    gravity = np.linalg.norm(data.train.physical()[data.train.classes == 0], axis=1)
    assert gravity.mean() == pytest.approx(1, abs=0.01)
    assert load("activity", train_seconds=240, test_seconds=600).sha256 == data.sha256

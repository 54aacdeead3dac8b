"""The period of a signal: found where it is strong, and only there."""

import numpy as np
import pytest

from training.period import find_period

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("period", [10, 100, 336])
def test_a_repeated_shape(period: int):
    shape = RNG.normal(size=period)
    values = np.tile(shape, 12) + 0.3 * RNG.normal(size=12 * period)
    assert find_period(values, 512) == period


def test_a_week_of_days_is_longer_than_its_days():
    day = np.sin(np.arange(48) * 2 * np.pi / 48)
    week = np.concatenate([day * (1.0 if i < 5 else 0.2) for i in range(7)])
    values = np.tile(week, 10) + 0.05 * RNG.normal(size=3360)
    assert find_period(values, 512) == 336
    assert find_period(values, 300) == 48  # the longest period that is looked for


@pytest.mark.parametrize(
    "values",
    [RNG.normal(size=3000), np.cumsum(RNG.normal(size=3000)), np.full(500, 7.0), np.arange(9.0)],
    ids=["noise", "random walk", "constant", "short"],
)
def test_no_period(values: np.ndarray):
    assert find_period(values, 512) is None

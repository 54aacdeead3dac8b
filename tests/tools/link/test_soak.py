"""Long streams over faulty lines, with resets: every window exactly once, or lost."""

import random

import pytest

from tests.support.link_line import noise
from tests.support.link_native import BoardConfig
from tests.support.link_soak import soak

pytestmark = pytest.mark.slow


def test_a_million_samples_at_one_percent_and_forty_resets():
    result = soak(noise(1_000_000, 1, 1), BoardConfig(), seed=1, board_resets=20, host_restarts=20)
    assert result.complete, result
    assert (result.board_resets, result.host_restarts) == (20, 20)
    assert len(result.faults) == 10 and sum(result.faults.values()) > 400
    assert result.lost == 0  # all samples could be had again, so none had to be given up


@pytest.mark.parametrize("seed", range(12))
def test_any_window_shape_over_a_very_faulty_line(seed):
    draw = random.Random(seed)
    window = draw.choice([1, 2, 7, 50, 140])
    config = BoardConfig(
        window=window,
        hop=draw.choice([1, 3, window, max(1, window // 2), 2 * window + 1]),
        channels=draw.choice([1, 2, 6]),
        ring=draw.choice([252, 256, 1024, 4096]),
    )
    samples = noise(min(4000, 400 * config.hop + window), config.channels, seed)
    result = soak(samples, config, rate=0.2, seed=seed, board_resets=2, host_restarts=2)
    assert result.complete and result.lost == 0, (config, result)


@pytest.mark.parametrize("seed", range(4))
def test_only_windows_of_missing_samples_are_lost_over_a_very_faulty_line(seed):
    """SKIP is sent after all earlier samples have arrived; else the board would give those up."""
    gaps = [(at, at + 1 + at % 90) for at in range(100 + seed, 20_000, 330)]
    result = soak(
        noise(20_000, 1, seed), BoardConfig(window=20, hop=20), rate=0.2, seed=seed, gaps=gaps
    )
    assert result.complete and result.lost > len(gaps), result

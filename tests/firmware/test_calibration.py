"""The calibration: a threshold from n scores of normal signal, in constant memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.native import Calibration
from training.threshold import conformal

KEPT = 128  # scores that a board keeps


def calibrated(scores: np.ndarray, rate: float, tolerated: float = 0.0) -> Calibration:
    result = Calibration(len(scores), round(1e6 * rate), round(1e6 * tolerated))
    for part in np.array_split(scores.astype(np.float32), 3):
        assert not result.is_complete
        result.push(part)
    assert result.is_complete and result.taken == len(scores)
    return result


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.05, 0.02, 0.01, 0.007, 0.001])
def test_the_threshold_is_the_conformal_one_to_the_bit(rate):
    random = np.random.default_rng(1)
    for n in [*range(3, 60), 99, 100, 101, 199, 240, 499, 1000, 2399]:
        if math.floor((n + 1) * rate + 1e-9) > KEPT:
            continue
        scores = random.gamma(2.0, size=n).astype(np.float32)
        scores[: n // 4] = scores[0]  # equal scores are ordered by nothing
        ours, theirs = calibrated(scores, rate).threshold, conformal(scores, rate).value
        assert np.float32(ours) == theirs, (n, rate)


def by_sorting(scores: np.ndarray, rate: float, tolerated: float) -> tuple[float, int]:
    """The rule of calibration.h with all scores in memory."""
    down = np.sort(scores)[::-1]
    most = math.floor(len(scores) * tolerated + 1e-9)
    aside = int((down[:most] > 2 * down[most]).sum())
    rest = down[aside:]
    return rest[max(1, math.floor((len(rest) + 1) * rate + 1e-9)) - 1], aside


def test_scores_far_above_the_others_are_set_aside_up_to_the_tolerated_share():
    random = np.random.default_rng(2)
    for _ in range(300):
        n, rate = int(random.integers(5, 400)), random.choice([0.1, 0.02, 0.01])
        tolerated = random.choice([0.0, 0.01, 0.05, 0.1])
        scores = random.gamma(2.0, size=n).astype(np.float32)
        scores[random.random(n) < 0.05] *= 20
        ours = calibrated(scores, rate, tolerated)
        threshold, aside = by_sorting(scores, rate, tolerated)
        assert (np.float32(ours.threshold), ours.set_aside) == (threshold, aside)


def test_the_largest_scores_that_were_not_set_aside_are_known():
    scores = np.random.default_rng(5).gamma(2.0, size=200).astype(np.float32)
    scores[[3, 90]] = 50, 70
    ours = calibrated(scores, 0.02, 0.02)
    assert ours.set_aside == 2
    assert ours.largest.tolist() == np.sort(scores)[::-1][2:66].tolist()
    assert len(calibrated(scores[:40], 0.1).largest) == 40


def test_five_abnormal_windows_of_two_hundred_do_not_raise_the_threshold():
    random = np.random.default_rng(3)
    normal = random.gamma(4.0, size=195).astype(np.float32)
    abnormal = np.full(5, 100, np.float32)
    mixed = random.permutation(np.concatenate([normal, abnormal]))
    kept = calibrated(mixed, 0.02, 0.03)
    assert kept.set_aside == 5
    assert np.float32(kept.threshold) == conformal(normal, 0.02).value
    assert calibrated(mixed, 0.02).threshold == 100  # without tolerance


def test_the_rate_of_new_normal_windows_stays_below_its_bound():
    """20,000 calibrations of heavy-tailed normal scores, of which every large one is set aside."""
    random = np.random.default_rng(4)
    n, rate, tolerated = 100, 0.02, 0.03
    scores = random.pareto(1.0, size=(20_000, n)).astype(np.float32)
    results = [calibrated(row, rate, tolerated) for row in scores]
    exceeded = [(1 + result.threshold) ** -1.0 for result in results]  # exact, for a Pareto score
    bound = (3 + math.floor((n - 3 + 1) * rate)) / (n + 1)
    assert np.mean([result.set_aside for result in results]) > 0.5
    assert rate < np.mean(exceeded) < bound


def test_plans_that_a_board_cannot_keep_are_refused():
    Calibration(1, 1, 0)
    Calibration(4_000, 20_000, 10_000)
    Calibration(1_279, 100_000, 0)  # 128 scores
    for windows, rate, tolerated in (
        (1_289, 100_000, 0),  # 129 scores
        (0, 20_000, 0),
        (4_001, 20_000, 0),
        (100, 0, 0),
        (100, 1_000_000, 0),
        (100, 20_000, 500_000),
        (2**31, 1, 0),
    ):
        with pytest.raises(ValueError, match="millionths"):
            Calibration(windows, rate, tolerated)


def test_scores_have_one_dtype_and_an_unfinished_calibration_has_no_threshold():
    calibration = Calibration(3, 20_000, 0)
    with pytest.raises(ValueError, match="float32"):
        calibration.push(np.zeros(1))
    calibration.push(np.ones(2, np.float32))
    with pytest.raises(ValueError, match="not complete"):
        _ = calibration.threshold
    with pytest.raises(ValueError, match="more scores than windows"):
        calibration.push(np.ones(2, np.float32))

"""The alarm's level, its rate of false alarms, and the drift: what is stated, and what holds."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from training.bundle import manifest
from training.bundle.decision import POINTS, alarm_text, table
from training.bundle.errors import DataError
from training.decision import (
    BLOCKS,
    Stretch,
    correlation_time,
    count_alarms,
    duration,
    fit_decision,
    fit_drift,
)
from training.sections import Alarm

HOP = 10


def stretch(scores, seconds=1.0, ordered=True, first=None):
    scores = np.asarray(scores, np.float32)
    first = np.arange(len(scores)) * HOP if first is None else np.asarray(first)
    return Stretch(scores, first, HOP, seconds, ordered)


def levels(kind="count", windows=2, high=2.0, low=1.0):
    return manifest.AlarmLevels(kind=kind, windows=windows, raise_level=high, clear_level=low)


def autoregressive(n, phi, rng):
    noise = rng.standard_normal(n + 200)
    x = np.zeros(n + 200)
    for i in range(1, len(x)):
        x[i] = phi * x[i - 1] + noise[i]
    return np.exp(x[200:] / 2)


def test_an_alarm_counts_once_however_long_it_is_on():
    scores = [0, 2, 2, 2, 0, 0, 2, 2, 0, 0]
    assert count_alarms(levels(), stretch(scores), 1.0) == (2, 0.5)


def test_a_gap_between_the_windows_begins_the_count_anew():
    scores = [2, 2]
    assert count_alarms(levels(), stretch(scores, first=[0, HOP]), 1.0)[0] == 1
    assert count_alarms(levels(), stretch(scores, first=[0, 7 * HOP]), 1.0)[0] == 0


def test_beats_at_their_own_intervals_follow_one_another():
    first, hop = np.array([0, 9, 20, 90]), np.array([0, 9, 11, 12])  # beats are missing before 90
    beats = Stretch(np.array([2, 0, 2, 2], np.float32), first, hop, 1.0, ordered=True)
    assert count_alarms(levels(windows=3, high=2.0), beats, 1.0)[0] == 1
    assert count_alarms(levels(windows=3, high=2.0), beats.part(1, 4), 1.0)[0] == 0


def test_the_level_of_a_mean_is_the_smallest_that_the_first_half_does_not_reach():
    rng = np.random.default_rng(1)
    scores = rng.exponential(size=200).astype(np.float32)
    decision = fit_decision(
        Alarm(kind="mean", windows=4), stretch(scores), np.float32(4.0), rate=0.01
    )
    half = stretch(scores).part(0, 100)
    alarm = decision.alarm
    assert count_alarms(alarm, half, 4.0) == (0, 0)
    lower = np.nextafter(np.float32(alarm.raise_level), np.float32(0))
    reached = alarm.model_copy(update={"raise_level": float(lower), "clear_level": 0.0})
    assert count_alarms(reached, half, 4.0)[0] == 1
    assert alarm.clear_level == pytest.approx(0.8 * alarm.raise_level)


def test_an_alarm_of_scores_that_are_never_far_below_the_threshold_ends():
    scores = 4 + 0.1 * np.random.default_rng(2).standard_normal(200)
    settings = Alarm(kind="mean", windows=4)
    alarm = fit_decision(settings, stretch(scores), np.float32(4.5), rate=0.01).alarm
    assert alarm.clear_level > 0.8 * alarm.raise_level
    fault = np.concatenate([scores, np.full(8, 9.0), scores])
    episodes, share = count_alarms(alarm, stretch(fault), 4.5)
    assert (episodes, share < 0.1) == (1, True)
    chosen = Alarm(kind="mean", windows=4, clear=0.8)
    alarm = fit_decision(chosen, stretch(scores), np.float32(4.5), rate=0.01).alarm
    assert alarm.clear_level == pytest.approx(0.8 * alarm.raise_level)


def test_the_rate_is_the_upper_limit_of_a_poisson_rate_on_the_other_half():
    scores = np.zeros(100)
    scores[60:63] = scores[80:82] = 2
    decision = fit_decision(
        Alarm(kind="count", windows=2, count=2), stretch(scores), np.float32(1), rate=0.02
    )
    counted = decision.false_alarms
    assert (counted.windows, counted.episodes, counted.share) == (50, 2, 0.06)
    assert counted.hours == pytest.approx(50 / 3600)
    assert counted.most_per_window * 50 == pytest.approx(6.296, abs=1e-3)  # chi2(0.95; 6) / 2
    assert counted.most_per_hour == pytest.approx(3600 * counted.most_per_window)
    assert "raised 2 times" in decision.guarantee and "6.0% of them" in decision.guarantee
    assert "The normal signal itself moves" in decision.guarantee


def test_without_a_known_rate_it_is_stated_per_window():
    decision = fit_decision(
        Alarm(kind="count", windows=2, count=2), stretch(np.zeros(60), None), np.float32(1), 0.02
    )
    assert decision.false_alarms.most_per_hour is None
    assert "per 1,000 windows" in decision.guarantee


def test_shuffled_windows_state_no_rate_and_say_why():
    decision = fit_decision(
        Alarm(kind="mean"), stretch(np.arange(100), ordered=False), np.float32(99), 0.02
    )
    assert decision.false_alarms is None
    assert decision.guarantee.startswith("None: the calibration windows are shuffled")
    assert "independent windows" in decision.drift.guarantee


@pytest.mark.parametrize("phi", [0.0, 0.75, 0.95])
def test_the_stated_rate_holds_for_correlated_scores(phi):
    rng = np.random.default_rng(5)
    held = []
    for _ in range(60):
        scores = autoregressive(1200, phi, rng)
        decision = fit_decision(
            Alarm(kind="mean", windows=5), stretch(scores[:400]), np.float32(3), 0.02
        )
        episodes, _ = count_alarms(decision.alarm, stretch(scores[400:]), 3.0)
        held.append(episodes / 800 <= decision.false_alarms.most_per_window)
    assert np.mean(held) >= 0.9


def test_too_few_windows_for_the_alarm_are_refused_with_the_setting():
    with pytest.raises(DataError, match=r"half of the calibration part has 10 windows"):
        fit_decision(Alarm(kind="mean"), stretch(np.ones(20)), np.float32(1), 0.01)


def test_no_alarm_is_no_decision():
    assert fit_decision(Alarm(), stretch([]), np.float32(1), 0.01) == manifest.NoDecision()


def test_impossible_settings_are_refused():
    with pytest.raises(ValidationError, match="count 5 is more than windows, 4"):
        Alarm(kind="count", count=5, windows=4)
    with pytest.raises(ValidationError, match="clear_level must not be above raise_level"):
        levels(high=1, low=2)


def test_the_correlation_time_of_independent_values_is_near_one_and_grows_with_correlation():
    rng = np.random.default_rng(3)
    times = [
        np.median([correlation_time(autoregressive(500, phi, rng)) for _ in range(20)])
        for phi in (0, 0.75, 0.95)
    ]
    assert times[0] < 2 < times[1] < times[2]


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_the_drift_is_rarely_raised_while_nothing_changes(phi):
    rng = np.random.default_rng(9)
    raised = []
    for _ in range(60):
        scores = autoregressive(800, phi, rng)
        drift = fit_drift(stretch(scores[:400], None))
        level = np.sort(scores[:400])[-40]
        windows = drift.block * BLOCKS
        low = (autoregressive(windows, phi, rng) >= level).sum()
        raised.append(low > drift.limit)
    assert np.mean(raised) <= 0.05  # 1 % promised; 60 draws


def test_a_changed_normal_is_a_drift():
    rng = np.random.default_rng(2)
    drift = fit_drift(stretch(rng.exponential(size=400), None))
    assert drift.share <= 0.3
    assert drift.block * BLOCKS >= 256
    # Twice the scores: a fifth to a third of the p-values is low.
    level = np.sort(rng.exponential(size=400))[-40]
    assert (2 * rng.exponential(size=drift.block * BLOCKS) >= level).sum() > drift.limit


def test_the_drift_looks_at_an_hour_at_least():
    drift = fit_drift(stretch(np.random.default_rng(2).exponential(size=400), 0.5))
    assert drift.block * BLOCKS >= 7200


def test_too_few_windows_tell_no_drift():
    drift = fit_drift(stretch(np.arange(8), None))
    assert drift.limit == drift.block * BLOCKS
    assert drift.guarantee.startswith("None:")


def test_a_table_holds_the_largest_scores_and_spreads_the_rest():
    scores = np.sort(np.random.default_rng(4).exponential(size=1000)).astype(np.float32)
    points = table(scores.tolist())
    assert len(points) == POINTS
    assert [p[0] for p in points[-32:]] == scores[-32:].tolist()
    assert [p[1] for p in points[-32:]] == list(range(31, -1, -1))
    assert points[0] == (float(scores[0]), 999)
    assert all(above == (scores > value).sum() for value, above in points)


def test_equal_scores_are_one_point():
    assert table([1.0, 1.0, 2.0]) == [(1.0, 1), (2.0, 0)]


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0.001, "3.6 seconds"), (0.5, "30 minutes"), (5, "5 hours"), (96, "4 days")],
)
def test_durations_have_the_unit_that_fits(hours, text):
    assert duration(hours) == text


def test_an_alarm_in_words():
    assert alarm_text(levels(windows=5, high=3, low=2.4)) == (
        "3 of 5 windows flagged (cleared below 2.4)"
    )
    assert alarm_text(levels("mean", 8, 0.75, 0.5)) == (
        "mean of 8 scores 0.75 x the threshold (cleared below 0.5 x)"
    )

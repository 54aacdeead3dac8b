"""Metrics against their definitions."""

import numpy as np
import pytest

from training.data.recording import Recording
from training.metrics import at_threshold, auroc, average_precision, stage

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, -1], np.int8)
SCORES = np.array([1, 2, 3, 6, 4, 5, 7, 9], np.float32)


def recording(rate_hz: float | None, nominal: bool = False) -> Recording:
    return Recording(
        "x",
        "x",
        np.zeros((8, 1), np.int16),
        np.zeros(8, np.int8),
        ("x",),
        ("V",),
        (1.0,),
        (0,),
        rate_hz,
        nominal,
    )


def test_auroc_is_the_share_of_pairs_in_order():
    pairs = [(n, a) for n in SCORES[:4] for a in SCORES[4:7]]
    assert auroc(SCORES, LABELS) == pytest.approx(np.mean([a > n for n, a in pairs]))
    assert auroc(SCORES[:4], LABELS[:4]) is None


def test_average_precision_sums_precision_over_steps_of_recall():
    # By falling score: 7 abnormal, 6 normal, 5 and 4 abnormal.
    assert average_precision(SCORES, LABELS) == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)


def test_a_score_equal_to_the_threshold_is_no_alarm():
    result = at_threshold(SCORES, LABELS, 5.0)
    assert result.confusion.model_dump() == {
        "true_positive": 1,
        "false_positive": 1,
        "true_negative": 3,
        "false_negative": 2,
    }
    assert (result.false_alarm_rate, result.recall, result.precision, result.f1) == (
        1 / 4,
        1 / 3,
        1 / 2,
        2 / 5,
    )


def test_what_labels_do_not_allow_is_none():
    result = at_threshold(SCORES[:4], LABELS[:4], 5.0)
    assert (result.recall, result.precision, result.f1) == (None, None, None)
    assert result.false_alarm_rate == 0.25
    unknown = stage(SCORES, np.full(8, -1, np.int8), 5.0, recording(100.0), 10)
    assert unknown.auroc is None and unknown.false_alarm_rate is None
    assert unknown.false_alarms_per_hour is None


def test_false_alarms_per_hour_need_a_real_rate():
    # 100 frames a second, a window every 50: 7200 an hour, a quarter of them false alarms.
    assert stage(SCORES, LABELS, 5.0, recording(100.0), 50).false_alarms_per_hour == 1800
    assert stage(SCORES, LABELS, 5.0, recording(100.0, True), 50).false_alarms_per_hour is None
    assert stage(SCORES, LABELS, 5.0, recording(None), 50).false_alarms_per_hour is None

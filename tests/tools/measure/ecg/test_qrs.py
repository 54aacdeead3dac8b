"""Detections against annotations, by the rules of AAMI EC57."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks
from tools.measure.ecg import qrs
from tools.measure.ecg.qrs import Detected, compare
from tools.measure.ecg.records import Annotations

BEATS = 300.5 + np.arange(100.0)
RECORD = Annotations(BEATS, (), 420.0)


def test_each_beat_is_found_once_within_150_ms() -> None:
    assert compare(RECORD, BEATS + 0.149) == Detected(100, 0, 0, 0)
    assert compare(RECORD, BEATS + 0.151) == Detected(0, 100, 100, 0)
    assert compare(RECORD, BEATS[1:] - 0.009) == Detected(99, 1, 0, 99)
    twice = np.sort(np.concatenate([BEATS, BEATS + 0.1]))
    assert compare(RECORD, twice) == Detected(100, 0, 100, 100)


def test_the_nearest_detection_counts() -> None:
    both = np.sort(np.concatenate([BEATS - 0.1, BEATS + 0.005]))
    assert compare(RECORD, both) == Detected(100, 0, 100, 100)


def test_the_first_minutes_the_last_second_and_flutter_do_not_count() -> None:
    at = np.arange(0.25, 420.0, 0.5)  # a detection each half second, half of them false
    annotations = Annotations(np.arange(0.25, 420.0), ((350.0, 360.0),), 420.0)
    result = compare(annotations, at)
    assert (result.found, result.missed) == (109, 0)  # 119 of 420 seconds, without 10 of flutter
    assert result.false == 109
    assert result.sensitivity == 1 and result.predictivity == 0.5


def test_sums_are_over_beats_not_records() -> None:
    total = qrs.total([Detected(90, 10, 0, 45), Detected(900, 0, 100, 900)])
    assert total == Detected(990, 10, 100, 945)
    assert total.sensitivity == pytest.approx(0.99) and total.predictivity == pytest.approx(
        0.9083, abs=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(qrs.others()))
def test_detectors_of_other_packages_find_the_beats_of_a_clean_ecg(name: str) -> None:
    rate, peaks = 360.0, regular_peaks(360.0, 360)
    signal = ecg(peaks, rate, int(360 * rate)) / 200.0
    found = np.sort(qrs.others()[name](signal, rate)) / rate
    result = compare(Annotations(peaks / rate, (), 360.0), found)
    assert result.found > 60 and result.missed + result.false <= 1

"""AUROC, thresholds, alarms and their intervals over records."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tools.measure.ecg.figures import (
    alarms,
    area,
    area_interval,
    flagged,
    left_out,
    rate_interval,
    share,
    threshold,
)
from tools.measure.ecg.records import Judged, N, S, V


def judged(name: str, scores: list[float], classes: list[int], hours: float = 0.5) -> Judged:
    n = len(scores)
    kinds = np.array(classes, np.int16)
    return Judged(name, np.array(scores, np.float32), kinds, np.arange(n) * 100, hours)


def random_records(records: int = 8, shift: float = 1.0) -> list[Judged]:
    rng = np.random.default_rng(3)
    results = []
    for i in range(records):
        classes = rng.choice([N, S, V], 200, p=[0.8, 0.1, 0.1])
        scores = rng.standard_normal(200) + shift * (classes == V) + 0.3 * i
        results.append(judged(str(i), scores.tolist(), classes.tolist()))
    return results


def test_the_auroc_is_of_the_asked_classes_alone() -> None:
    record = judged("100", [0, 1, 2, 3, 4], [N, S, N, V, S])
    assert area([record], (V,)) == 1.0
    assert area([record], (S,)) == 0.75
    assert area([record], (3,)) is None


def test_the_interval_holds_the_pooled_auroc_and_widens_with_fewer_records() -> None:
    records = random_records()
    pooled, interval = area(records, (V,)), area_interval(records, (V,))
    assert pooled is not None and interval is not None
    assert interval[0] < pooled < interval[1] < 1
    fewer = area_interval(records[::2], (V,))
    assert fewer is not None and fewer[1] - fewer[0] > interval[1] - interval[0]
    assert area_interval(records[:2], (V,)) is None


def test_equal_records_have_an_interval_without_width() -> None:
    record = random_records()[0]
    low, high = area_interval([record] * 5, (V,)) or (0, 1)
    kept = np.isin(record.classes, (N, V))
    expected = roc_auc_score(record.classes[kept] == V, record.scores[kept])
    assert low == pytest.approx(expected) and high == pytest.approx(expected)
    assert rate_interval([3, 3, 3], [10, 10, 10]) == pytest.approx((0.3, 0.3))


def test_a_records_threshold_comes_from_the_others() -> None:
    quiet, loud = judged("a", list(range(99)), [N] * 99), judged("b", [1000.0] * 99, [N] * 99)
    assert threshold([quiet], 0.1) == 89  # the 90th of 99: a tenth of 100 lies above
    assert left_out([quiet, loud], 0.1) == {"a": 1000, "b": 89}
    counts = flagged([quiet, loud], {"a": 1000, "b": 89}, N)
    assert counts == ([0, 99], [99, 99]) and share(counts) == 0.5
    assert np.isnan(share(flagged([quiet], {"a": 0}, V)))


def test_an_alarm_finds_a_run_of_three_and_not_one_after_it() -> None:
    run = [N] * 10 + [V] * 3 + [N] * 10
    of_run = [5.0 if kind == V else 0.0 for kind in run]
    result = alarms([judged("a", of_run, run)], {"a": 1})
    assert (result.runs, result.found, result.false, result.hours) == (1, 1, 0, 0.5)
    missed = list(of_run)
    missed[11] = 0.0
    assert alarms([judged("a", missed, run)], {"a": 1}).found == 0
    late = [5.0 if 16 <= i < 20 else 0.0 for i in range(len(run))]
    result = alarms([judged("a", late, run)], {"a": 1})
    assert (result.found, result.false) == (0, 1)


def test_two_ventricular_beats_are_no_run_and_no_false_alarm() -> None:
    pair = [N] * 10 + [V] * 2 + [N] * 10
    scores = [5.0 if 10 <= i < 13 else 0.0 for i in range(len(pair))]
    result = alarms([judged("a", scores, pair)], {"a": 1})
    assert (result.runs, result.found, result.false) == (0, 0, 0)

"""Thresholds: what each method promises, checked by drawing scores."""

from types import SimpleNamespace

import numpy as np
import pytest

from training import sections
from training.bundle.errors import DataError
from training.threshold import best_f1, choices, choose, conformal, departure, percentile, sigma


def test_conformal_takes_the_order_statistic_of_the_theorem():
    scores = np.arange(1, 100, dtype=np.float32)  # 99 of them
    assert conformal(scores, 0.01).value == 99  # k = 99
    assert conformal(scores, 0.02).value == 98
    assert conformal(scores, 0.1).value == 90
    assert conformal(scores[::-1], 0.1).value == 90
    assert conformal(np.arange(1, 200, dtype=np.float32), 0.01).value == 198


@pytest.mark.parametrize(("n", "rate"), [(99, 0.01), (150, 0.02), (500, 0.05), (20, 0.01)])
def test_conformal_keeps_its_promise_for_skewed_scores(n, rate):
    rng = np.random.default_rng(n)
    draws = np.exp(2 * rng.standard_normal((4000, n + 1))).astype(np.float32)
    chosen = [conformal(d[:n], rate) for d in draws]
    alarms = np.mean([d[n] > c.value for d, c in zip(draws, chosen, strict=True)])
    promised = chosen[0].guaranteed_rate
    noise = 3 * np.sqrt(promised * (1 - promised) / len(draws))
    assert alarms <= promised + noise
    assert alarms >= promised - 1 / (n + 1) - noise  # and is not needlessly strict


def test_too_few_scores_promise_what_they_can_and_say_so():
    choice = conformal(np.arange(44, dtype=np.float32), 0.01)
    assert choice.value == 43
    assert choice.guaranteed_rate == pytest.approx(1 / 45)
    assert "needs 99 calibration windows; with 44" in choice.guarantee
    assert "2.22%" in choice.guarantee


def test_the_interval_in_the_guarantee_is_where_the_rate_falls():
    import re

    n, rate = 149, 0.02
    rng = np.random.default_rng(5)
    scores = rng.uniform(size=(4000, n)).astype(np.float32)  # so that the rate is 1 - threshold
    rates = np.array([1 - conformal(s, rate).value for s in scores])
    text = conformal(scores[0], rate).guarantee
    low, high = (float(x) / 100 for x in re.findall(r"([\d.]+)% and ([\d.]+)%", text)[0])
    assert np.mean((rates > low) & (rates < high)) == pytest.approx(0.95, abs=0.015)


def test_the_other_methods_are_what_they_say():
    scores = np.array([0, 1, 2, 3, 4], np.float32)
    assert percentile(scores, 0.25).value == 3
    assert sigma(scores, 2).value == np.float32(2 + 2 * np.sqrt(2))
    assert percentile(scores, 0.25).guaranteed_rate is None
    assert sigma(scores, 2).guaranteed_rate is None


def test_best_f1_finds_the_best_of_all_thresholds():
    rng = np.random.default_rng(1)
    normal = rng.normal(0, 1, 200).astype(np.float32)
    abnormal = rng.normal(2, 1, 100).astype(np.float32)

    def f1(threshold):
        tp, fp = (abnormal > threshold).sum(), (normal > threshold).sum()
        return 2 * tp / (tp + fp + len(abnormal))

    best = best_f1(normal, abnormal).value
    assert f1(best) == max(f1(t) for t in np.concatenate([normal, abnormal]))
    with pytest.raises(DataError, match="needs abnormal windows"):
        best_f1(normal, np.empty(0, np.float32))


def test_every_method_is_offered_with_what_it_gives():
    rng = np.random.default_rng(2)
    calibration = rng.normal(0, 1, 300).astype(np.float32)
    abnormal = rng.normal(3, 1, 50).astype(np.float32)
    test = np.concatenate([rng.normal(0, 1, 1000), rng.normal(3, 1, 500)]).astype(np.float32)
    labels = np.repeat([0, 1], [1000, 500]).astype(np.int8)
    threshold = choose(sections.ThresholdChoice(), calibration, abnormal, test, labels)
    rows = {offer.method: offer for offer in threshold.offered}
    assert set(rows) == {"conformal", "percentile", "sigma", "best_f1"}
    assert threshold.value == rows["conformal"].value
    assert threshold.guaranteed_rate == 0.01
    for row in rows.values():
        flagged = test > np.float32(row.value)
        assert row.false_alarm_rate == flagged[:1000].mean()
        assert row.recall == flagged[1000:].mean()
    assert threshold.calibration_scores == sorted(threshold.calibration_scores)
    assert np.float32(threshold.calibration_scores[0]) == calibration.min()


def test_without_abnormal_windows_best_f1_is_left_out():
    scores = np.arange(10, dtype=np.float32)
    assert "best_f1" not in choices(sections.ThresholdChoice(), scores, scores[:0])


def judged(calibration, test, rate=0.02, *, labelled=True):
    """A manifest as far as `departure` looks at it; the test windows are normal or unknown."""
    choice = conformal(calibration, rate)
    flagged = int((test > choice.value).sum())
    return SimpleNamespace(
        threshold=SimpleNamespace(
            value=float(choice.value),
            guaranteed_rate=choice.guaranteed_rate,
            calibration_scores=sorted(calibration.tolist()),
        ),
        metrics=SimpleNamespace(
            int8=SimpleNamespace(
                confusion=SimpleNamespace(
                    false_positive=flagged * labelled,
                    true_negative=(len(test) - flagged) * labelled,
                    true_positive=0,
                    false_negative=0,
                ),
                flagged=flagged / max(1, len(test)),
            )
        ),
        data=SimpleNamespace(windows=SimpleNamespace(test_unknown=0 if labelled else len(test))),
    )


def test_flagged_windows_without_labels_are_explained():
    scores = np.exp(np.random.default_rng(3).standard_normal(1000)).astype(np.float32)
    line = departure(judged(scores[:500], 4 * scores[500:], labelled=False))
    assert line is not None and "either such windows are abnormal, or normal operation" in line
    assert departure(judged(scores[:500], scores[500:], labelled=False)) is None


def test_windows_that_are_not_exchangeable_are_told_of_and_others_are_not():
    rng = np.random.default_rng(3)
    departures = 0
    for _ in range(300):
        scores = np.exp(rng.standard_normal(149 + 2000)).astype(np.float32)
        departures += departure(judged(scores[:149], scores[149:])) is not None
    assert departures <= 2  # of 300, where one in a thousand is expected
    scores = np.exp(rng.standard_normal(1000)).astype(np.float32)
    line = departure(judged(scores[:500], 4 * scores[500:]))
    assert line is not None and "not exchangeable" in line and "vigil calibrate" in line
    assert departure(judged(scores[:500], scores[500:][:0])) is None


def test_a_threshold_of_the_recipe_is_taken_as_it_is():
    scores = np.arange(1, 100, dtype=np.float32)
    settings = sections.ThresholdChoice(value=0.1)
    labels = np.zeros(99, np.int8)
    threshold = choose(settings, scores, scores[:0], scores, labels)
    assert (threshold.value, threshold.method) == (0.1, "fixed")
    assert threshold.guaranteed_rate is None and "threshold.value" in threshold.guarantee
    assert [o.method for o in threshold.offered] == ["conformal", "percentile", "sigma", "fixed"]

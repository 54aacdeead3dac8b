"""P-value, alarm and drift against their specification in docs/bundle.md."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.checkout import LIBRARIES, ROOT
from tools.measure.bench.emulator import FAST, NANO, build, run
from training.native import Decision

BLOCKS = 16
FEW = st.integers(0, 12).map(lambda v: np.float32(v / 4))
SCORES = st.lists(FEW, min_size=1, max_size=40)


def points_of(calibration, which=None):
    kept = sorted(set(calibration if which is None else which))
    return [(float(v), sum(c > v for c in calibration)) for v in kept]


def decision(points=(), scores=0, kind="none", windows=0, high=0.0, low=0.0, block=1, limit=99):
    return Decision(list(points), scores, kind, windows, high, low, block, limit)


def push(d, scores, threshold=1.0):
    return [array.tolist() for array in d.push(np.asarray(scores, np.float32), threshold)]


def alarms(d, scores, threshold=1.0):
    return push(d, scores, threshold)[1]


@given(SCORES, SCORES)
def test_the_p_value_is_the_conformal_one_if_every_score_is_kept(calibration, new):
    d = decision(points_of(calibration), len(calibration))
    expected = [
        np.float32(1 + sum(c >= s for c in calibration)) / np.float32(1 + len(calibration))
        for s in new
    ]
    assert push(d, new)[0] == [float(p) for p in expected]


@given(SCORES, SCORES, st.data())
def test_a_table_of_some_scores_never_gives_a_smaller_p_value(calibration, new, data):
    some = data.draw(st.lists(st.sampled_from(calibration)))
    whole = push(decision(points_of(calibration), len(calibration)), new)[0]
    part = push(decision(points_of(calibration, some), len(calibration)), new)[0]
    assert all(a >= b for a, b in zip(part, whole, strict=True))


def model_alarm(kind, n, high, low, scores, threshold):
    """The alarm by its page, in single precision from the oldest score to the newest."""
    on, result = False, []
    for i in range(len(scores)):
        if i + 1 >= n:
            last = [np.float32(s) for s in scores[i + 1 - n : i + 1]]
            value, unit = np.float32(0), np.float32(1)
            if kind == "mean":
                for s in last:
                    value += s
                unit = np.float32(threshold) * np.float32(n)
            else:
                value = np.float32(sum(s > np.float32(threshold) for s in last))
            if value >= np.float32(high) * unit:
                on = True
            elif value < np.float32(low) * unit:
                on = False
        result.append(on)
    return result


@given(
    st.sampled_from(["mean", "count"]),
    st.integers(1, 6),
    st.lists(st.floats(0, 3, width=32), max_size=40),
    st.floats(0.125, 4, width=32),
    st.floats(0, 1, width=32),
)
def test_the_alarm_is_the_formula_of_the_page(kind, n, scores, high, share):
    low = float(np.float32(high * share))
    d = decision(kind=kind, windows=n, high=high, low=low)
    assert alarms(d, scores, 0.75) == model_alarm(kind, n, high, low, scores, 0.75)


def test_k_of_n_is_raised_by_the_kth_flag_and_cleared_at_its_own_level():
    d = decision(kind="count", windows=3, high=2, low=1)
    assert alarms(d, [0, 2, 0, 2, 0, 0, 0]) == [False, False, False, True, True, True, False]


def test_a_mean_between_both_levels_changes_nothing():
    d = decision(kind="mean", windows=1, high=1, low=0.5)
    assert alarms(d, [0.7, 1.0, 0.7, 0.4, 0.7]) == [False, True, True, False, False]


def test_nothing_is_decided_across_a_gap():
    d = decision(kind="count", windows=2, high=2, low=1)
    assert alarms(d, [2]) == [False]
    d.gap()
    assert alarms(d, [2]) == [False], "the first flag was before the gap"
    assert alarms(d, [2]) == [True]
    d.gap()
    assert alarms(d, [0, 0]) == [True, False], "the alarm stays until it is decided again"


def test_after_another_calibration_p_values_follow_from_its_largest_scores():
    rng = np.random.default_rng(6)
    scores = rng.gamma(2.0, size=200).astype(np.float32)
    largest = np.sort(scores)[::-1][:64]
    d = decision([(10.0, 0)], 20, block=1, limit=0)
    assert push(d, [11.0] * BLOCKS)[2][-1], "drifted, by the bundle's own scores"
    d.calibrated(3.0, largest, 200)
    new = [*rng.gamma(2.0, size=50).astype(np.float32).tolist(), largest[63], largest[0]]
    p, _, drifted = push(d, new)
    for score, value in zip(new, p, strict=True):
        at_least = int((scores >= np.float32(score)).sum())
        exact = np.float32(1 + at_least) / np.float32(201)
        assert value == (exact if score > largest[63] else 1.0)
    assert not drifted[0], "the drift begins anew"
    again = push(d, [11.0] * BLOCKS)[2][-1]
    d.calibrated(3.0, largest, 200)
    assert again and push(d, [11.0])[2][-1], "the same calibration changes nothing"
    d.calibrated(1.0, largest[:0], 0)
    assert push(d, [11.0])[0] == [float(np.float32(1) / np.float32(21))]


def test_another_stream_clears_the_alarm_and_keeps_the_drift():
    d = decision(points_of([1.0] * 9), 9, kind="count", windows=1, high=1, low=1, limit=10)
    assert push(d, [2] * BLOCKS)[1:] == [[True] * BLOCKS, [False] * 15 + [True]]
    d.restart()
    assert push(d, [0])[1:] == [[False], [True]]


def test_settings_that_are_not_possible_change_nothing():
    d = decision(kind="count", windows=1, high=1, low=1)
    for wrong in (
        ("count", 0, 1, 1),
        ("mean", 33, 1, 1),
        ("mean", 4, 1, 2),
        ("mean", 4, float("nan"), 0),
    ):
        assert not d.configure(*wrong), wrong
    assert alarms(d, [2, 0]) == [True, False]
    assert d.configure("mean", 32, 1, 1) and d.configure("none", 0, 0, 0)
    assert alarms(d, [2]) == [False]


def test_drift_is_more_low_p_values_than_the_limit_in_the_last_whole_blocks():
    d = decision(points_of([1.0] * 9), 9, block=2, limit=8)
    low, high = [2.0, 0.0], [2.0, 2.0]  # one and two p-values of 0.1 per block
    drifted = push(d, low * BLOCKS)[2]
    assert drifted == [False] * 31 + [True]
    assert (d.low, d.measured) == (16, True)
    calm = decision(points_of([1.0] * 9), 9, block=2, limit=17)
    assert push(calm, low * BLOCKS + high + high)[2] == [False] * 35 + [True]
    assert push(calm, [0.0] * 2 * BLOCKS)[2][-1] is False


def test_no_drift_is_known_before_all_blocks_are_whole():
    d = decision(points_of([1.0] * 9), 9, block=1, limit=0)
    assert push(d, [2.0] * 15)[2] == [False] * 15
    assert not d.measured


@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [NANO, FAST], ids=["Os", "O2"])
def test_a_decision_takes_the_instructions_per_window_that_its_page_states(flags, tmp_path):
    source = ROOT / "tests" / "support" / "cpp" / "decision_counter.cpp"
    signal = LIBRARIES / "signal"
    stages = [signal / f"{name}.cpp" for name in ("alarm", "drift", "p_value")]
    elf = build([source, *stages], [signal, LIBRARIES / "span"], tmp_path / "decision.elf", flags)
    costs = {name: int(n) for name, n in map(str.split, run(elf, tmp_path).splitlines())}
    assert costs["mean_32"] <= 500 and costs["count_32"] <= 500, costs
    assert costs["mean_8"] <= 300, costs

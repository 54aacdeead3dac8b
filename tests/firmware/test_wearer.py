"""Scores of a wearer's beats, and what it follows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.wearers import LEARN, beat, judge, learned, wearer
from training.native import Decision


def test_usual_beats_score_near_zero_and_doublings_count() -> None:
    rng = np.random.default_rng(1)
    one = learned(rng)
    usual = judge(one, beat(100, rng))
    assert float(np.median(usual)) < 0.2
    assert usual.max() < 1
    taller = judge(one, beat(1, rng, height=360))[0]
    much_taller = judge(one, beat(1, rng, height=420))[0]
    assert much_taller - taller == pytest.approx(1, abs=0.2)


def test_early_beats_score_by_the_wearers_own_rhythm() -> None:
    rng = np.random.default_rng(2)
    regular, irregular = learned(rng), wearer()
    judge(irregular, beat(LEARN, rng), rng.integers(90, 210, LEARN).astype(np.uint32))
    early = np.array([110], np.uint32)
    assert judge(regular, beat(1, rng), early)[0] > 1.5
    assert judge(irregular, beat(1, rng), early)[0] < 1.5


def test_beats_of_another_shape_do_not_count_in_the_wearers_rhythm() -> None:
    rng = np.random.default_rng(5)
    one, n = learned(rng), 300
    # Half of the beats are ventricular and early, in runs of three, each with a pause after it.
    at = np.arange(n) % 6
    shapes = np.where((at < 3)[:, None, None], beat(n, rng, height=-500, width=8), beat(n, rng))
    judge(one, shapes, np.array([100, 100, 100, 200, 150, 150], np.uint32)[at])
    assert judge(one, beat(1, rng), np.array([120], np.uint32))[0] > 1.5


def test_unusual_beat_changes_no_form() -> None:
    rng = np.random.default_rng(5)
    one = learned(rng)
    before = one.forms
    assert judge(one, beat(1, rng, height=-900, width=9))[0] > 2.25
    np.testing.assert_array_equal(one.forms, before)


def test_slow_change_is_followed() -> None:
    rng = np.random.default_rng(6)
    one = learned(rng)
    for height in np.linspace(300, 500, 400):
        assert judge(one, beat(1, rng, height=height))[0] < 2.25
    assert judge(one, beat(1, rng, height=500))[0] < 1


def test_flagged_beat_moves_no_form() -> None:
    rng = np.random.default_rng(6)
    one = learned(rng)
    taller = beat(1, rng, height=350)
    loose, strict = wearer(), wearer()
    for each in (loose, strict):
        each.load(one.memory)
    score = judge(loose, taller)[0]
    assert 1.0 < score < 2.25
    assert not np.array_equal(loose.forms, one.forms)
    judge(strict, taller, threshold=1.0)
    np.testing.assert_array_equal(strict.forms, one.forms)


def test_an_alarm_freezes_the_forms_for_32_beats_at_most() -> None:
    rng = np.random.default_rng(6)
    one = learned(rng)
    lasting = Decision([(1.0, 0)], 1, "count", 5, 3.0, 0.5, block=1, limit=1)
    odd = beat(1, rng, height=-500, width=8)
    judge(one, np.repeat(odd, 5, axis=0), threshold=1.0, decision=lasting)
    forms, alarmed = one.forms, 1  # it was raised by the fifth of them
    for k in range(60):
        # An abnormal beat in five keeps the alarm on; the beats between are usual.
        judge(one, odd if k % 5 == 4 else beat(1, rng), threshold=1.0, decision=lasting)
        assert lasting.last[1]
        alarmed += 1
        assert np.array_equal(one.forms, forms) == (alarmed <= 32 or (alarmed == 33 and k % 5 == 4))
    judge(one, beat(5, rng), threshold=1.0, decision=lasting)
    assert not lasting.last[1]
    forms = one.forms
    judge(one, beat(1, rng), threshold=1.0, decision=lasting)
    assert not np.array_equal(one.forms, forms)


def test_model_error_is_relative_to_the_wearers_own() -> None:
    rng = np.random.default_rng(9)
    one = learned(rng, "both")
    assert judge(one, beat(1, rng), error=8.0)[0] == pytest.approx(3, abs=0.1)
    assert judge(learned(rng, "template"), beat(1, rng), error=8.0)[0] < 1


def test_beats_in_pieces_score_as_at_once() -> None:
    rng = np.random.default_rng(10)
    beats = beat(100, rng, noise=30)
    at_once = judge(wearer(), beats)
    one = wearer()
    pieces = np.concatenate([judge(one, beats[i : i + 7]) for i in range(0, 100, 7)])
    np.testing.assert_array_equal(at_once, pieces)

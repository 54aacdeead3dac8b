"""Flagged beats that the host calls normal."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.wearers import beat, judge, learned, steady
from training.native import Wearer


def test_accepted_beat_is_normal_from_then_on() -> None:
    rng = np.random.default_rng(7)
    one = learned(rng)
    odd = beat(1, rng, height=-500, width=8)
    assert judge(one, odd, threshold=2)[0] > 3
    assert one.accept(0)
    assert judge(one, odd)[0] == pytest.approx(0, abs=0.01)
    assert judge(one, beat(10, rng, height=-500, width=8)).max() < 1.5
    assert judge(one, beat(10, rng)).max() < 1
    assert (one.form_count, one.accepted) == (2, 1)


@pytest.mark.parametrize("height", [410, 450, 500])
def test_accepted_beat_that_resembles_a_form_is_normal_too(height: int) -> None:
    """Flagged for its shape, although it is near enough to a form to have joined it."""
    rng = np.random.default_rng(7)
    one = learned(rng)
    odd = beat(1, rng, height=height, width=4)
    assert judge(one, odd, threshold=1.3)[0] > 1.3
    assert one.accept(0)
    assert judge(one, odd)[0] < 0.1
    assert one.accept(0) and one.form_count == 2  # a repeated message changes nothing
    assert judge(one, beat(10, rng)).max() < 1


def test_accepted_early_beat_of_usual_shape_may_come_as_early_and_no_earlier() -> None:
    rng = np.random.default_rng(7)
    one = learned(rng)

    def early(frames: int) -> float:
        return float(judge(one, beat(1, rng), steady(1, frames), threshold=1.5)[0])

    assert early(110) > 1.5
    assert one.accept(0)
    assert one.form_count == 1  # the form that it agrees with
    assert early(112) < 1
    assert early(75) > 1.5
    odd = beat(1, rng, height=-500, width=8)
    assert judge(one, odd)[0] > 3  # only beats that agree with the form


def test_accepted_model_error_is_usual_for_beats_of_that_form_alone() -> None:
    rng = np.random.default_rng(7)
    one = learned(rng, "both")
    odd = beat(1, rng, height=-500, width=8)
    judge(one, odd, error=16.0, threshold=1.5)
    assert one.accept(0)
    assert judge(one, odd, error=16.0)[0] < 0.1
    assert judge(one, beat(1, rng), error=16.0)[0] > 3


@pytest.mark.parametrize(("length", "kept"), [(40, 16), (48, 16), (100, 8), (255, 4)])
def test_only_the_last_flagged_beats_can_be_accepted(length: int, kept: int) -> None:
    shape = {"window": length + 4, "channels": 1, "first": 2, "length": length, "shift": 2}
    one = Wearer("template", **shape, learn=4)
    quiet = np.zeros((4, length + 4, 1), np.int16)
    quiet[:, 10] = 500
    odd = np.zeros((kept + 2, length + 4, 1), np.int16)
    odd[:, 20] = -900
    assert np.isnan(judge(one, quiet)).all()
    assert not one.accept(0)
    windows = np.arange(100, 102 + kept, dtype=np.uint64)
    n = len(odd)
    one.judge(odd, steady(n), np.ones(n, np.float32), 2.0, None, windows)
    assert not one.accept(100) and not one.accept(101) and not one.accept(102 + kept)
    assert one.accept(102)
    assert one.accept(102)  # a repeated message changes nothing
    assert one.accepted == 1
    one.forget_flagged()
    assert not one.accept(101 + kept)


def test_forms_stay_bounded_and_the_rarest_gives_way() -> None:
    rng = np.random.default_rng(7)
    one = learned(rng)
    waves = [(-500, 8, 0), (500, 8, 12), (-600, 2, 14), (600, 2, -8), (-500, 2, -6)]
    for k, (height, width, late) in enumerate(waves):
        odd = beat(1, rng, height=height, width=width, late=late)
        assert judge(one, odd, threshold=2, windows=np.array([k], np.uint64))[0] > 2
        assert one.accept(k)
        assert one.form_count == min(k + 2, 4)
        assert judge(one, odd)[0] < 0.1
    assert judge(one, beat(1, rng))[0] < 1

"""The finalists of a search: which are chosen, and what is said of them."""

from __future__ import annotations

import pytest

from tests.support.training import small_recipe
from tools.tune.budget import Budget, Cost
from tools.tune.result import (
    Finalist,
    Spread,
    choose_finalists,
    kilobyte,
    recommend,
    unsurpassed,
)
from tools.tune.study import Done, front
from training.bundle.errors import TuneError

pytest.importorskip("optuna")


def _trial(number: int, mean: float, instructions: float) -> Done:
    return Done(number, {}, (mean,), Cost(1000, 100, instructions, 50), None)


def test_the_front_holds_what_no_other_trial_surpasses():
    trials = [_trial(0, 0.9, 500), _trial(1, 0.95, 400), _trial(2, 0.8, 100), _trial(3, 0.95, 600)]
    trials.append(Done(4, {}, (), Cost(1, 1, 1, 1), None))
    assert [t.number for t in front(trials)] == [2, 1]
    assert [t.number for t in choose_finalists(trials, 1)] == [2]
    assert [t.number for t in choose_finalists(trials, 3)] == [2, 1, 3]  # the next best joins
    assert [t.number for t in choose_finalists(trials, 9)] == [2, 1, 0, 3]
    with pytest.raises(TuneError, match="no trial of 1 was fitted"):
        choose_finalists(trials[4:], 3)
    with pytest.raises(TuneError, match="time was over before the first trial"):
        choose_finalists([], 3)


def _finalist(mean: float, instructions: float, flash: int, trial: int | None = 1) -> Finalist:
    fresh = Spread.of([mean - 0.001, mean, mean + 0.001])
    recipe = small_recipe().model_copy(update={"name": f"f{instructions}"})
    cost = Cost(flash, 100, instructions, 50)
    return Finalist(recipe, trial, cost, Spread.of([0.99]), fresh, None, None, None)


def test_the_cheapest_finalist_that_is_as_good_is_recommended_without_the_test():
    cheap, good = _finalist(0.9900, 100, 2000), _finalist(0.9903, 200, 3024)
    bad, original = _finalist(0.95, 50, 900), _finalist(0.999, 900, 9000, None)
    every = [original, bad, cheap, good]
    assert recommend(every, Budget(1e9, 1e9)) is cheap
    assert recommend(every, Budget(1e9, 1e9, 150)) is cheap
    assert recommend([original, bad, good], Budget(1e9, 1e9, 150)) is bad
    tight, wide = Budget(5000, 1e9), Budget(1e9, 1e9)
    assert kilobyte(every, bad, tight).startswith("One more kilobyte of flash would buy +0.")
    close = _finalist(0.96, 60, 1400)
    assert "0.5 kilobytes of flash more buy +0.0100" in kilobyte([bad, close], bad, wide)
    assert "buys nothing" in kilobyte(every, good, tight)
    assert "f900 as it was takes 5.8 kilobytes more for +0.0087" in kilobyte(every, good, wide)


def test_a_recipe_that_was_better_and_cheaper_is_to_be_kept():
    chosen, limits = _finalist(0.99, 100, 2000), Budget(3000, 1e9)
    assert unsurpassed([_finalist(0.995, 90, 2000, None), chosen], chosen, limits) == (
        "Keep f90 as it was: with fresh seeds it detects 0.9950 for 90 instructions of a window, "
        "f100 0.9900 for 100."
    )
    near = unsurpassed([_finalist(0.9895, 90, 2000, None), chosen], chosen, limits)
    assert near and "0.9895 for 90" in near and "0.9900 (within the standard error)" in near
    for mean, instructions, flash, trial in (
        (0.995, 110, 2000, None),  # dearer
        (0.989, 90, 2000, None),  # worse
        (0.995, 90, 4000, None),  # beyond the budget
        (0.995, 90, 2000, 1),  # a trial
    ):
        other = _finalist(mean, instructions, flash, trial)
        assert unsurpassed([other, chosen], chosen, limits) is None

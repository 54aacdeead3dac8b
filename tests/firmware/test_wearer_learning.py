"""The wearer learns from the first beats, is restored from memory, and forgets at a restart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.wearers import LEARN, beat, judge, learned, wearer


def test_frequent_early_form_is_not_this_wearers_normal() -> None:
    rng = np.random.default_rng(3)
    ectopic = np.arange(LEARN) % 3 == 2
    beats = np.where(
        ectopic[:, None, None], beat(LEARN, rng, height=-500, width=8), beat(LEARN, rng)
    )
    one = wearer()
    judge(one, beats, np.where(ectopic, 90, 150).astype(np.uint32))
    assert len(one.forms) == 1
    assert judge(one, beat(1, rng, height=-500, width=8))[0] > 3


def test_frequent_form_of_the_same_rhythm_is_normal_too() -> None:
    rng = np.random.default_rng(4)
    other = np.arange(LEARN) % 3 == 2
    beats = np.where(other[:, None, None], beat(LEARN, rng, height=-500), beat(LEARN, rng))
    one = wearer()
    judge(one, beats)
    assert len(one.forms) == 2
    assert judge(one, beat(20, rng, height=-500)).max() < 1


def test_memory_carries_a_wearer_over() -> None:
    rng = np.random.default_rng(8)
    one, other = learned(rng), wearer()
    other.load(one.memory)
    beats = beat(50, rng, noise=30)
    np.testing.assert_array_equal(judge(one, beats), judge(other, beats))
    assert one.memory == other.memory
    with pytest.raises(ValueError, match="same shape"):
        other.load(one.memory[4:])


def test_restart_forgets_everything() -> None:
    rng = np.random.default_rng(8)
    one = learned(rng)
    one.restart()
    assert one.memory == wearer().memory
    assert not one.learned


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"first": 3}, "must lie in the window"),
        ({"first": 30}, "must lie in the window"),
        ({"length": 0}, "length must be 1 to 255"),
        ({"learn": 0}, "learn must be 1"),
        ({"channels": 30}, "at most 288"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(changes: dict[str, int], reason: str) -> None:
    learn = changes.pop("learn", LEARN)
    with pytest.raises(ValueError, match=reason):
        wearer(learn=learn, **changes)


def test_noise_is_learned_from_anew_until_beats_resemble_one_another() -> None:
    rng = np.random.default_rng(11)
    one = wearer()
    noise = (100 * rng.standard_normal((3 * LEARN, 60, 1))).astype(np.int16)
    assert np.isnan(judge(one, noise)).all()
    assert one.refused and not one.learned and one.beats == one.form_count == 0
    assert np.isnan(judge(one, beat(LEARN, rng))).all()
    assert one.learned and not one.refused
    assert judge(one, beat(20, rng)).max() < 1


@pytest.mark.parametrize(("alike", "learns"), [(LEARN // 4, True), (LEARN // 4 - 1, False)])
def test_one_beat_in_four_must_resemble_others(alike: int, learns: bool) -> None:
    rng = np.random.default_rng(12)
    one = wearer()
    noise = (100 * rng.standard_normal((LEARN - alike, 60, 1))).astype(np.int16)
    judge(one, np.concatenate([beat(alike, rng), noise]))
    assert one.learned == learns and one.refused != learns


def test_restart_forgets_that_learning_began_anew() -> None:
    one = wearer()
    judge(one, np.random.default_rng(13).integers(-99, 99, (LEARN, 60, 1)).astype(np.int16))
    assert one.refused
    one.restart()
    assert not one.refused

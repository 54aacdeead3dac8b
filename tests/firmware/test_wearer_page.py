"""The wearer against its specification in docs/bundle.md, in unbounded integers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.wearer_page import Page
from tests.support.wearers import LEARN, SHAPE, Beats, beat, steady, wearer
from training.native import Decision, Wearer

THRESHOLD = 1.25


def stream(rng: np.random.Generator, n: int) -> Iterator[tuple[Beats, int, float]]:
    """Draw a heart with two forms of beats, noise, pauses and unknown intervals."""
    for _ in range(n):
        ectopic = rng.random() < 0.3
        one = beat(
            1,
            rng,
            height=rng.choice([-400, 250]) if ectopic else 300,
            width=8 if ectopic else 3,
            noise=rng.choice([2, 10, 40]),
            late=int(rng.integers(-3, 4)),
        )
        rr = 0 if rng.random() < 0.05 else int(rng.integers(60, 110) if ectopic else 150)
        yield one, rr, float(rng.lognormal())


def decision() -> Decision:
    """An alarm of three flagged beats in five, cleared below two."""
    return Decision([(1.0, 0)], 1, "count", 5, 3.0, 2.0, block=1, limit=1)


@pytest.mark.parametrize("score", ["template", "autoencoder", "both"])
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_page(score: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, page = wearer(score), Page(score, **SHAPE, learn=LEARN)
    of_board, of_page = decision(), decision()
    judged = alarms = 0
    for x, rr, error in stream(rng, 250):
        errors = np.array([error], np.float32)
        index = np.array([judged], np.uint64)
        got = one.judge(x, np.array([rr], np.uint32), errors, THRESHOLD, of_board, index)
        expected = page.judge(x.ravel().tolist(), rr, float(errors[0]))
        if expected is None:
            assert np.isnan(got[0])
            continue
        # Logarithms are within a step of 1/2048; decisions that turn on a step may drift apart.
        assert got[0] == pytest.approx(expected, abs=0.02)
        alarm = bool(of_page.push(got, THRESHOLD)[1][0])
        page.decided(bool(got[0] > THRESHOLD), alarm)
        if got[0] > THRESHOLD and judged % 10 == 0:
            assert one.accept(judged)
            page.accept()
        judged += 1
        alarms += alarm
    assert judged == 210 and alarms > 0
    assert len(one.forms) == len(page.forms)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_extreme_counts_do_not_overflow(data: st.DataObject) -> None:
    """Compare the first distance with unbounded integers, where all counts are extremes."""
    levels = st.lists(st.sampled_from([-32768, 32767]), min_size=262, max_size=262)
    first, second = (np.array(data.draw(levels), np.int16)[None, :, None] for _ in range(2))
    shape = {"window": 262, "channels": 1, "first": 3, "length": 255, "shift": 3}
    one, page = Wearer("template", **shape, learn=1), Page("template", **shape, learn=1)
    for x in (first, second):
        score = one.judge(x, steady(1), np.zeros(1, np.float32))[0]
        expected = page.judge(x.ravel().tolist(), 150, 0.0)
    assert expected is not None
    assert score == pytest.approx(expected, abs=0.002)

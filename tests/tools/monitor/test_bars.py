"""Bars and braille: how values become cells of a terminal."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.monitor.bars import bar, height
from tools.monitor.terminal.braille import Canvas
from tools.monitor.terminal.palette import SIGNAL

positive = st.floats(1e-6, 1e6)


@given(positive, positive, st.integers(0, 60))
def test_a_bar_crosses_the_line_exactly_when_the_score_does(
    score: float, threshold: float, cells: int
) -> None:
    text = bar(score, threshold, cells)
    assert len(text) == cells
    if cells >= 3:
        assert (text[cells // 2] == "┃") == (score > threshold)


@given(positive, positive, positive)
def test_height_ascends_and_is_half_at_the_threshold(a: float, b: float, threshold: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= height(low, threshold) <= height(high, threshold) <= 1
    assert height(threshold, threshold) == 0.5


@pytest.mark.parametrize("score", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.0, math.inf])
def test_height_of_what_should_not_be(score: float, threshold: float) -> None:
    assert 0 <= height(score, threshold) <= 1


def test_braille_dots_stand_where_the_values_are() -> None:
    canvas = Canvas(2, 1)
    steps = np.array([0.0, 1 / 3, 2 / 3, 1.0])
    canvas.draw(steps, steps, SIGNAL)
    assert canvas.lines()[0].plain == "⡠⠊"


def test_braille_edges_are_joined_and_gaps_are_not() -> None:
    canvas = Canvas(1, 2)
    canvas.draw(np.array([0.0, 1.0]), np.array([0.0, 1.0]), SIGNAL)
    assert [line.plain for line in canvas.lines()] == ["⢸", "⡸"]
    canvas = Canvas(2, 1)
    canvas.draw(*2 * (np.array([0.0, np.nan, 0.0, np.nan]),), SIGNAL)
    assert canvas.lines()[0].plain == "⡀⡀"

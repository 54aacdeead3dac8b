"""Words in messages: arguments that a shell takes, and nouns after numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.bundle.wording import argument, plural


@pytest.mark.parametrize(
    ("name", "written"),
    [("g.csv", "g.csv"), (Path("-g.csv"), "./-g.csv"), ("--a b", "'./--a b'"), ("x;y", "'x;y'")],
)
def test_a_name_is_one_argument_of_a_command(name: str | Path, written: str) -> None:
    assert argument(name) == written


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 windows"), (1, "1 window"), (2, "2 windows"), (1.5, "1.5 windows")]
)
def test_a_noun_follows_its_number(count: float, words: str) -> None:
    assert f"{count} {plural('window', count)}" == words

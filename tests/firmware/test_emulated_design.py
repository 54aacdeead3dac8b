"""The default design for any sensor, on the emulated board: its whole chain, in instructions."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.support.images import build_image
from tests.support.training import SMALL
from tools.boards.emulated import EmulatedBoard
from tools.convert import convert
from tools.link.events import Scored
from tools.link.session import Session
from training.recipe import RECIPES, make_recipe

PER_MICROSECOND = 1000 / 64  # of the emulated clock, instructions


@pytest.mark.toolchain
@pytest.mark.slow
def test_a_window_of_the_default_design_takes_what_the_page_states(tmp_path: Path) -> None:
    """Gate, features, scaler, model and score of one channel of 128 frames."""
    # Imported here: it starts TensorFlow, which takes seconds.
    from training.train import train

    values = tomllib.loads((RECIPES / "csv.toml").read_text(encoding="utf-8"))
    values |= {"name": "design", "data": tomllib.loads(SMALL)["data"]}
    values["windows"] = {"length": 128, "hop": 128}
    values["fit"]["epochs"] = 1
    values["checks"] = {"baselines": False, "challenge": 0}
    bundle = train(make_recipe(values), tmp_path / "design", progress=False)
    assert bundle.manifest.sizes == (152, 152) and bundle.manifest.score.kind == "join"
    convert(bundle.path, tmp_path / "generated", ["compiled"])
    image = build_image("emulated", tmp_path / "generated")
    with EmulatedBoard(image.elf) as board, Session.open(board.port) as session:
        session.start(7)
        frames = bundle.golden.counts.reshape(-1, 1)
        events = [event for event in session.stream(frames) if isinstance(event, Scored)]
    assert len(events) > 3
    assert max(event.microseconds for event in events) * PER_MICROSECOND < 30_000

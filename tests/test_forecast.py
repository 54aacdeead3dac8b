"""What a model will take is said before it is trained, and the trained model confirms it."""

import numpy as np
import pytest
from fixtures_training import small_recipe

from tools.boards.catalogue import find_board
from tools.forecast import check
from training.errors import BudgetError
from training.estimate import estimate
from training.oracle import Oracle
from training.recipe import Scaler
from training.scaling import fit_grid
from training.train import train


def test_the_estimate_is_within_ten_percent_of_the_trained_model(trained_bundle, tmp_path):
    found = []
    bundle = train(small_recipe(fit={"epochs": 1}), tmp_path / "b", False, before_fit=found.append)
    assert found[0].macs == bundle.manifest.model.macs
    assert found[0].parameters == bundle.manifest.model.parameters
    for real in (bundle, trained_bundle):
        assert found[0].model_bytes == pytest.approx(real.manifest.model.bytes, rel=0.1)
        assert found[0].arena_bytes == pytest.approx(Oracle(real.model).arena_bytes, rel=0.1)


def test_a_model_too_large_for_its_board_stops_the_run_before_the_fit(tmp_path):
    board = find_board("nicla_sense_me")
    wide = small_recipe(
        model={"family": "sparse", "code": 5000, "weight": 0.1}, fit={"epochs": 1_000_000}
    )
    with pytest.raises(BudgetError, match="smaller layers, or another board") as caught:
        train(wide, tmp_path / "b", False, before_fit=lambda e: check("wide", e, board))
    assert f"{board.flash_bytes:,}" in str(caught.value)
    assert not (tmp_path / "b").exists()


def test_arena_counts_against_sram():
    board = find_board("nicla_sense_me")
    long = small_recipe(
        model={"family": "conv1d"}, windows={"length": 4000, "hop": 4000, "train_hop": None}
    )
    counts = np.random.default_rng(0).normal(0, 1000, (4, 4000, 1)).astype(np.int16)
    found = estimate(long, fit_grid(Scaler(), counts, (1.0,)))
    with pytest.raises(BudgetError, match="a shorter window or fewer filters"):
        check("long", found, board)
    assert "arena" in check("long", found, find_board("emulated"))

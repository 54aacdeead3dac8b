"""What a model will take is said before it is trained, and the trained model confirms it."""

import dataclasses

import numpy as np
import pytest
from fixtures_training import small_recipe

from tools.boards.catalogue import find_board
from tools.forecast import check, needs
from training import models
from training.errors import BudgetError
from training.estimate import estimate
from training.oracle import Oracle
from training.quantize import to_int8
from training.recipe import Scaler, read_recipe, recipe_names
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


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_every_recipes_estimate_is_confirmed_within_ten_percent_with_both_engines(name):
    """Against the same network with weights far from the estimate's, as training leaves them."""
    recipe = read_recipe(name)
    channels = CHANNELS.get(recipe.data.name, 1)
    size = recipe.windows.length
    rng = np.random.default_rng(1)
    counts = rng.normal(0, 1000, (8, size, channels)).astype(np.int16)
    grid = fit_grid(recipe.scaler, counts, (1.0,) * channels)
    found = estimate(recipe, grid)
    model = models.family(recipe.model.family).build(recipe.model, size, channels, seed=5)
    for weight in model.trainable_weights:
        weight.assign(weight + rng.normal(0, 0.2, weight.shape).astype(np.float32))
    real = to_int8(model, grid.quantize(counts), grid)
    for guess, need in zip(needs(found.model), needs(real), strict=True):
        assert guess.engine == need.engine
        assert guess.flash == pytest.approx(need.flash, rel=0.1)
        assert guess.arena == pytest.approx(need.arena, rel=0.1)
    assert found.model_bytes == pytest.approx(len(real), rel=0.1)
    assert found.arena_bytes == pytest.approx(Oracle(real).arena_bytes, rel=0.1)


def test_what_fits_with_one_engine_alone_is_said():
    found = estimate(small_recipe(), fit_grid(Scaler(), RANDOM, (1.0,)))
    tflm, compiled = needs(found.model)
    assert compiled.arena < tflm.arena
    tight = dataclasses.replace(find_board("nicla_sense_me"), sram_bytes=tflm.arena)
    assert "it fits with the compiled engine alone" in check("small", found, tight)


RANDOM = np.random.default_rng(0).normal(0, 1000, (8, 64, 1)).astype(np.int16)
CHANNELS = {"activity": 3, "vibration": 32}

"""Budgets, and what a model costs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.training import small_recipe
from tools.boards.catalogue import find_board
from tools.tune.budget import Budget, Cost, read_budget
from training.bundle.errors import BudgetError


def test_a_budget_is_the_boards_limits_lowered():
    board = find_board("nano33ble")
    assert read_budget(board, None) == Budget(board.flash_bytes, board.sram_bytes)
    lowered = read_budget(board, "flash=100e3, instructions=5000")
    assert lowered == Budget(100_000, board.sram_bytes, 5000)
    assert read_budget(board, "flash=1e12").flash == board.flash_bytes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flsh=3", "unknown limit 'flsh'; did you mean 'flash'"),
        ("flash", "write flash=BYTES"),
        ("sram=-4", "write flash=BYTES"),
        ("sram=nan", "write flash=BYTES"),
        ("instructions=many", "write flash=BYTES"),
    ],
)
def test_a_budget_that_is_not_understood_is_refused(text, message):
    with pytest.raises(BudgetError, match=message):
        read_budget(find_board("nano33ble"), text)


def test_the_excess_is_a_share_of_each_limit():
    budget = Budget(100, 200, math.inf)
    assert budget.excess(Cost(110, 100, 9, 9)) == {"flash": pytest.approx(0.1), "sram": -0.5}
    assert not budget.allows(Cost(110, 100, 9, 9))
    assert budget.allows(Cost(100, 200, 1e9, 9))


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        {"family": "dense", "hidden": [24], "code": 8},
        {"family": "dense", "hidden": [32, 12], "code": 5},
        {"family": "dense", "hidden": [], "code": 16},
        {"family": "dense", "hidden": [20], "code": 6, "activation": "sigmoid"},
    ],
)
def test_the_cost_of_a_dense_model_is_that_of_its_conversion(model):
    from tools.convert.model import read_model
    from tools.convert.plan import make_plan
    from tools.measure.budget import forecast
    from tools.tune.cost import Costs
    from training.input_quantization import fit_input_quantizer
    from training.model_size import model_size

    recipe, board = small_recipe(model=model), find_board("nano33ble")
    counts = np.random.default_rng(0).normal(0, 1000, (8, 64, 1)).astype(np.int16)
    quantizer = fit_input_quantizer(recipe.scaler, counts, (1.0,))
    cost = Costs(board, 128.0).of(recipe, quantizer)
    size = model_size(recipe, quantizer, 128.0)
    plan = make_plan(read_model(size.model), "model")
    need = forecast.Need("compiled", plan.constant_bytes, plan.memory.arena_bytes)
    image = forecast.image(need, size, board)
    assert cost.instructions == pytest.approx(plan.instructions, rel=0.03)
    assert (cost.flash, cost.sram) == (
        pytest.approx(image.flash, rel=0.001),
        pytest.approx(image.sram, rel=0.001),
    )
    assert cost.macs == size.macs


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "features": {"statistics": ["mean", "deviation"], "bands": 5},
            "filter": {"low_hz": 0.5, "notch_hz": [50]},
            "score": {"kind": "join"},
            "gate": {"mains_hz": []},
        },
    ],
)
def test_the_chain_that_is_predicted_is_that_of_the_bundle(changes, tmp_path):
    from tools.convert.chain_work import chain_shape, extremes
    from tools.tune.cost import recipe_shape
    from training.input_quantization import fit_input_quantizer
    from training.train import train
    from training.windows import cut, load_data, segmenter

    quick = {"fit": {"epochs": 1}, "checks": {"baselines": False, "challenge": 0}}
    recipe, dataset = load_data(small_recipe(**quick, **changes))
    train_part = dataset.train
    windows = cut(train_part, segmenter(recipe.windows, train_part.rate_hz)).counts
    quantizer = fit_input_quantizer(recipe.scaler, windows, train_part.gain, recipe.features)
    manifest = train(recipe, tmp_path / "small", progress=False).manifest
    of_recipe = recipe_shape(recipe, quantizer, train_part.rate_hz, False, extremes(windows))
    assert of_recipe == chain_shape(manifest, windows)

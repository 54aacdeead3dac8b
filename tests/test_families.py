"""Every family: quantizes, runs in TensorFlow Lite Micro, and refuses shapes that cannot be."""

import numpy as np
import pytest
from test_recipe import FAMILIES

from tools.convert.tflm import _METHODS
from training import models
from training.errors import RecipeError
from training.oracle import Oracle
from training.quantize import read_facts, to_int8
from training.recipe import Scaler
from training.scaling import fit_grid

# What a board must know to run each family; what is missing here never reached it.
OPERATORS = {
    "adversarial": {"FULLY_CONNECTED"},
    "conv1d": {"CONV_2D", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE"},
    "conv2d": {
        "CONV_2D",
        "FULLY_CONNECTED",
        "LEAKY_RELU",
        "LOGISTIC",
        "RESHAPE",
        "TRANSPOSE_CONV",
    },
    "dense": {"FULLY_CONNECTED"},
    "lstm": {
        "FULLY_CONNECTED",
        "PACK",
        "RESHAPE",
        "STRIDED_SLICE",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
    },
    "sparse": {"FULLY_CONNECTED"},
    "variational": {"FULLY_CONNECTED"},
}


@pytest.fixture(scope="module")
def quantized():
    """Family to Keras model, real windows, and flatbuffer; small, with random weights."""
    made = {}

    def make(name):
        if name not in made:
            settings, size, _ = FAMILIES[name]
            module = models.family(name)
            model = module.build(module.Settings(**settings), size, 1, seed=1)
            rng = np.random.default_rng(0)
            counts = rng.normal(0, 1000, (24, size, 1)).astype(np.int16)
            grid = fit_grid(Scaler(), counts, (1.0,))
            scaled = grid.quantize(counts)
            made[name] = model, grid, scaled, to_int8(model, scaled, grid)
        return made[name]

    return make


@pytest.mark.parametrize("name", FAMILIES)
def test_int8_runs_in_tflm_with_these_operators_and_follows_the_float_model(quantized, name):
    model, grid, scaled, flatbuffer = quantized(name)
    facts = read_facts(flatbuffer)
    assert set(facts.operators) == OPERATORS[name]
    assert set(facts.operators) <= set(_METHODS)
    assert facts.input.size == facts.output.size == scaled.shape[1]
    # Random weights leave an image near the sigmoid's middle: a step of its grid is all there is.
    some = scaled[:4]
    got = Oracle(flatbuffer).run(some).astype(np.float64) - facts.output.zero_point
    want = np.asarray(model(grid.real(some), training=False))
    error = np.sqrt(np.mean((got * facts.output.scale - want) ** 2))
    assert error < max(0.1 * want.std(), facts.output.scale)


@pytest.mark.parametrize(
    ("name", "change", "window", "message"),
    [
        ("conv1d", {}, 1002, "'model.encoder' pools 2 times, but windows.length 1002"),
        ("conv2d", {"height": 27}, 784, "'model.height' times 'model.width' is 756"),
        ("lstm", {"step": 9}, 140, "'model.step' is 9, which does not divide"),
        ("dense", {"code": 140}, 140, "model.code is 140, not below the window's 140 values"),
        ("variational", {"code": 200}, 140, "model.code is 200"),
        ("adversarial", {"code": 200}, 140, "model.code is 200"),
    ],
)
def test_a_shape_that_cannot_be_is_one_line(name, change, window, message):
    module = models.family(name)
    settings = module.Settings(**{**FAMILIES[name][0], **change})
    with pytest.raises(RecipeError) as caught:
        module.build(settings, window, 1, seed=1)
    assert message in str(caught.value) and "\n" not in str(caught.value)

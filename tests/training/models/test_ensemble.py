"""The ensemble: one network that computes the mean of its members."""

import numpy as np
import pytest

from training.bundle.errors import RecipeError
from training.input_quantization import fit_input_quantizer
from training.models import dense, ensemble
from training.recipe import read_recipe
from training.train import fit_model
from training.windows import divide, load_data

pytestmark = pytest.mark.slow

SMALL = ["data.train_seconds=120", "data.test_seconds=20", "fit.epochs=2", "checks.challenge=0"]


@pytest.mark.parametrize("hidden", [[], [9, 7]])
def test_the_folded_model_is_the_mean_of_its_members(hidden):
    settings = ensemble.Settings(family="ensemble", members=3, hidden=hidden, code=5)
    seeds = ensemble.member_seeds(2**31 - 1, 3)
    members = [dense.build(settings.member(), 20, 2, seed) for seed in seeds]
    rng = np.random.default_rng(1)
    for member in members:
        for weight in member.trainable_weights:
            weight.assign(rng.normal(0, 0.3, weight.shape))
    whole = ensemble.build(settings, 20, 2, 7)
    ensemble.fold(members, whole)
    x = rng.normal(0, 1, (50, 40)).astype(np.float32)
    mean = np.mean([member.predict(x, verbose=0) for member in members], axis=0)
    np.testing.assert_allclose(whole.predict(x, verbose=0), mean, rtol=1e-4, atol=1e-5)


def test_each_member_is_the_fit_of_its_own_seed():
    changes = {"family": "ensemble", "members": 2, "hidden": [8], "code": 4}
    recipe, dataset = load_data(read_recipe("simulated", SMALL))
    settings = ensemble.Settings.model_validate(changes)
    parts = divide(dataset, recipe.windows, recipe.split, recipe.seed)
    quantizer = fit_input_quantizer(recipe.scaler, parts.train.counts, dataset.train.gain)
    x = quantizer.dequantize(quantizer.quantize(parts.calibration.counts))
    outputs = []
    for seed in ensemble.member_seeds(recipe.seed, 2):
        alone = recipe.model_copy(update={"model": settings.member(), "seed": seed})
        outputs.append(fit_model(alone, parts, quantizer, False)[0].predict(x, verbose=0))
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1
    joined = recipe.model_copy(update={"model": settings})
    got = fit_model(joined, parts, quantizer, False)[0].predict(x, verbose=0)
    np.testing.assert_allclose(got, np.mean(outputs, axis=0), rtol=1e-3, atol=1e-4)


def test_a_wide_code_and_rounded_weights_are_refused():
    settings = ensemble.Settings(family="ensemble", hidden=[8], code=40)
    with pytest.raises(RecipeError, match=r"model\.code is 40"):
        ensemble.check(settings, 40, 1)
    with pytest.raises(RecipeError, match=r"when the members of an ensemble are joined"):
        read_recipe("ecg5000", ['model.family="ensemble"', "fit.round_weights=true"])

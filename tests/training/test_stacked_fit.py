"""Many models fitted at once end where the ordinary fit of each ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.training import small_recipe
from training.fit import fit
from training.recipe import Recipe
from training.stacked_fit import Member, fit_stacked, unstackable

pytestmark = pytest.mark.slow


def _windows(n: int, seed: int = 0) -> np.ndarray:
    """float32 [n, 64]: sines of random phase and frequency, with noise."""
    rng = np.random.default_rng(seed)
    phase, cycles = rng.uniform(0, 6.28, (n, 1)), rng.uniform(0.05, 0.1, (n, 1))
    wave = np.sin(phase + 6.28 * cycles * np.arange(64))
    return (wave + 0.1 * rng.normal(size=wave.shape)).astype(np.float32)


def _member(recipe: Recipe, seed: int = 1, windows: int = 83) -> Member:
    data = _windows(windows, seed)
    return Member(recipe.model, recipe.fit, seed, data[20:], data[:20])  # type: ignore[arg-type]


def _ordinary(member: Member, recipe: Recipe):
    again = recipe.model_copy(update={"seed": member.seed})
    model = again.build_model(1)
    return model, fit(model, member.train, member.validation, member.fit, member.seed)


RECIPES = [
    small_recipe(fit={"epochs": 40, "batch": 32, "power": 3.0}),
    small_recipe(
        model={"family": "dense", "hidden": [11], "code": 3, "activation": "relu"},
        fit={"epochs": 40, "batch": 32, "learning_rate": 0.004},
    ),
    small_recipe(
        model={"family": "dense", "hidden": [40], "code": 12}, fit={"epochs": 40, "batch": 32}
    ),
]


def test_a_stack_of_different_models_ends_where_each_ordinary_fit_ends():
    members = [_member(recipe, seed) for seed, recipe in enumerate(RECIPES, 1)]
    assert len({member.kind for member in members}) == 1
    stacked = fit_stacked(members)
    for k, (member, recipe) in enumerate(zip(members, RECIPES, strict=True)):
        model, history = _ordinary(member, recipe)
        assert np.nanmin(stacked.validation[k]) == pytest.approx(history.validation.min(), rel=0.01)
        assert stacked.best_epoch[k] == pytest.approx(history.best_epoch, abs=1)
        expected = model.predict(member.validation, verbose=0)
        np.testing.assert_allclose(stacked.reconstruct(k, member.validation), expected, atol=0.02)
        stacked.put_weights(k, model)
        np.testing.assert_allclose(
            model.predict(member.validation, verbose=0),
            stacked.reconstruct(k, member.validation),
            atol=1e-5,
        )


def test_padding_to_wider_layers_changes_no_model():
    members = [_member(RECIPES[1])]
    narrow = fit_stacked(members)
    wide = fit_stacked(members, widest=[64, 50, 20, 50, 64])
    np.testing.assert_allclose(
        narrow.reconstruct(0, members[0].validation),
        wide.reconstruct(0, members[0].validation),
        atol=1e-3,
    )
    assert not wide.kernels[0][0, :, 11:].any() and not wide.biases[1][0, 3:].any()


def test_a_fit_that_has_run_out_of_patience_stops_although_others_go_on():
    recipe = small_recipe(fit={"epochs": 60, "patience": 4, "learning_rate": 0.02})
    members = [_member(recipe, seed) for seed in (1, 2, 3)]
    stacked = fit_stacked(members)
    for k, member in enumerate(members):
        _, history = _ordinary(member, recipe)
        assert np.isfinite(stacked.validation[k]).sum() == pytest.approx(
            len(history.validation), abs=6
        )
        assert stacked.best_epoch[k] + 4 >= np.isfinite(stacked.validation[k]).sum() - 1


def test_a_fit_that_diverges_does_not_touch_the_others():
    good = _member(RECIPES[0])
    wild = replace(good, fit=good.fit.model_copy(update={"learning_rate": 10.0, "power": 16.0}))
    alone, both = fit_stacked([good]), fit_stacked([good, wild])
    np.testing.assert_allclose(both.validation[0], alone.validation[0], rtol=1e-3)


def test_without_validation_windows_the_last_weights_are_kept():
    member = _member(RECIPES[0])
    member = replace(member, validation=member.validation[:0])
    stacked = fit_stacked([member])
    assert stacked.best_epoch[0] == 39
    model, _ = _ordinary(member, RECIPES[0])
    np.testing.assert_allclose(
        stacked.reconstruct(0, member.train), model.predict(member.train, verbose=0), atol=0.02
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": {"family": "sparse", "code": 9, "weight": 0.1}}, "sparse"),
        ({"model": {"family": "dense", "hidden": [8], "code": 4, "activation": "sigmoid"}}, "sig"),
        ({"fit": {"optimizer": "rmsprop"}}, "Adam"),
        ({"fit": {"round_weights": True}}, "round_weights"),
        ({"fit": {"abnormal": 0.1}}, "abnormal"),
        ({"corruption": {"gaussian": 0.1}}, "corrupted"),
    ],
)
def test_what_cannot_be_stacked_is_named(changes, reason):
    assert unstackable(small_recipe()) is None
    assert reason in (unstackable(small_recipe(**changes)) or "")

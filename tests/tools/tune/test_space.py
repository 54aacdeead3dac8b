"""The space of a search: read from a recipe, asked, applied."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.training import small_recipe
from tools.tune.result import recipe_text
from tools.tune.space import Space, apply, read_space
from training.bundle.errors import RecipeError
from training.recipe import read_recipe, recipe_names

BAD = {
    "unknown section": ({"fits.power": [1.0]}, "no section 'fits'; did you mean 'fit'"),
    "unknown key": ({"fit.powr": [1.0]}, "unknown key 'fit.powr'; did you mean 'power'"),
    "data are not varied": ({"data.seed": [1, 2]}, "no section 'data'"),
    "no values": ({"fit.power": []}, "write a list of values"),
    "a plain value": ({"fit.power": 2.0}, "'fit.power' is 2.0: write a list of values"),
    "ends swapped": ({"model.code": {"low": 9, "high": 2}}, "low must be below high"),
    "logarithm of 0": ({"fit.power": {"low": 0.0, "high": 2.0, "log": True}}, "above 0 with log"),
    "unknown word of a range": ({"fit.power": {"min": 1, "high": 2}}, "unknown key 'min'"),
    "more than whole numbers have": (
        {"fit.epochs": {"low": 1, "high": 10**400}},
        "'fit.epochs': 'high",
    ),
    "no valid value": ({"fit.power": [0.5, 0.1]}, "no value is valid"),
    "a section and its setting": (
        {"model": [{"family": "dense", "hidden": [8], "code": 4}], "model.code": [2, 3]},
        "varies 'model' as a whole and 'model.code' too",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_space_is_refused_in_one_line_that_names_the_key(case):
    space, message = BAD[case]
    with pytest.raises(RecipeError) as caught:
        read_space(small_recipe(tune=space))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"fit": {"abnormal": 0.1}},
        {"tune": {"fit.abnormal": [0, 1]}},
        {"tune": {"fit": [{"epochs": 2}, {"epochs": 2, "abnormal": 0.1}]}},
    ],
)
def test_a_recipe_that_fits_what_trials_are_compared_by_is_refused(changes):
    with pytest.raises(RecipeError, match=r"'small': fit\.abnormal fits .* set it to 0"):
        read_space(small_recipe(**changes))


@pytest.mark.parametrize("name", sorted(set(recipe_names()) - {"ecg5000_labelled"}))
def test_every_recipe_has_a_default_space_whose_draws_are_mostly_valid(name):
    recipe = read_recipe(name)
    space = read_space(recipe)
    assert "fit.learning_rate" in space.dimensions
    rng = np.random.default_rng(1)
    valid = 0
    for _ in range(20):
        try:
            apply(recipe, space.draw(rng))
            valid += 1
        except RecipeError:
            pass
    assert valid >= 10


def test_values_are_applied_to_settings_and_to_whole_sections():
    recipe = small_recipe(
        tune={"model": [{"family": "sparse", "code": 70, "weight": 0.1}], "fit.power": [1, 2]}
    )
    space = read_space(recipe)
    changed = apply(recipe, {key: each[0] for key, each in space.dimensions.items()})
    assert changed.model.family == "sparse" and changed.fit.power == 1
    assert changed.windows == recipe.windows


def test_the_space_is_no_part_of_a_run():
    recipe = small_recipe(tune={"fit.power": [1, 2]})
    assert "tune" not in recipe.as_json()
    assert recipe.as_json() == small_recipe().as_json()


def test_widths_that_no_trial_exceeds():
    recipe = small_recipe()
    space = Space({"model.hidden": [[8], [30], [16, 12], [32, 4]], "model.code": [3, 9]})
    widest = space.widest(recipe)
    assert widest == {1: ([30], 9), 2: ([32, 12], 9)}


@pytest.mark.parametrize(
    "tune",
    [
        {"model.hidden": [[30], "thirty", [8, "x"]], "model.code": [9, "nine", [3]]},
        {"model": [{"family": "dense", "hidden": [30], "code": 9}, {"family": "dense"}, "dense"]},
    ],
)
def test_choices_that_are_no_widths_are_left_out_of_the_widest(tune):
    recipe = small_recipe(tune=tune)
    assert read_space(recipe).widest(recipe) == {1: ([30], 9)}


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_written_as_toml_that_reads_back_equal(name, tmp_path):
    recipe = read_recipe(name)
    path = tmp_path / "again.toml"
    path.write_text(recipe_text(recipe, ["a comment"]), encoding="utf-8")
    assert read_recipe(path) == recipe

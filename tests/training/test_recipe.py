"""Recipes: those that come along are sound, and a slip of the pen is one line."""

import copy
import tomllib

import pytest

from tests.support.families import FAMILIES
from tests.support.training import small_recipe
from training import models
from training.bundle.errors import RecipeError
from training.recipe import RECIPES, check_model, make_recipe, read_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_reads_is_named_for_its_file_and_explains_itself(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    text = (RECIPES / f"{name}.toml").read_text()
    header = text.split("\n\nname =")[0]
    assert all(line.startswith("#") for line in header.splitlines() if line)
    for phrase in (f"vigil train {name}", "Takes", "You should see"):
        assert phrase in header
    assert recipe.fallback is None or recipe.fallback in recipe_names()
    # What is read is what was written: JSON and back.
    assert make_recipe(recipe.model_dump(mode="json")) == recipe


@pytest.fixture
def values():
    return tomllib.loads((RECIPES / "ecg5000.toml").read_text())


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("fit", {"epoch": 3}, "unknown key 'fit.epoch'; did you mean 'epochs'?"),
        ("model", {"hiden": [3]}, "unknown key 'model.hiden'; did you mean 'hidden'?"),
        ("windows", {"lenght": 3}, "unknown key 'windows.lenght'; did you mean 'length'?"),
        ("data", {"name": ["ecg"]}, "'data.name' is '['ecg']'"),
        ("threshold", {"false_alarm_rate": 1e-320}, "'threshold.false_alarm_rate' should be"),
        ("data", {"name": "ecg500"}, "'data.name' is 'ecg500'; did you mean 'ecg5000'?"),
        ("model", {"family": "dens"}, "'model.family' is 'dens'; did you mean 'dense'?"),
        ("fit", {"epochs": "many"}, "'fit.epochs' should be a valid integer"),
        ("fit", {"epochs": 0}, "'fit.epochs' should be greater than or equal to 1 (it is 0)"),
        ("fit", {"loss": "mean"}, "'fit.loss' should be 'mse', 'mae'"),
        ("model", {"code": 0}, "'model.code' should be greater than or equal to 1 (it is 0)"),
        ("split", {"calibration": 0.94}, "leave nothing to train on"),
        ("threshold", {"false_alarm_rate": 1.0}, "'threshold.false_alarm_rate' should be less"),
        ("fit", {"loss": "binary_crossentropy"}, "scaler.real"),
    ],
)
def test_a_wrong_key_or_value_is_one_line(values, section, change, message):
    values[section].update(change)
    with pytest.raises(RecipeError) as caught:
        make_recipe(values, "my.toml")
    line = str(caught.value)
    assert line.startswith("my.toml: ") and message in line and "\n" not in line


def test_a_missing_section_and_an_unknown_one(values):
    broken = copy.deepcopy(values)
    del broken["windows"]
    with pytest.raises(RecipeError, match="'windows' is missing"):
        make_recipe(broken)
    with pytest.raises(RecipeError, match="unknown key 'modle'; did you mean 'model'"):
        make_recipe({**values, "modle": {}})


def test_files_that_are_no_recipes(tmp_path):
    with pytest.raises(RecipeError, match="no recipe 'ecg500'; did you mean 'ecg5000'"):
        read_recipe("ecg500")
    with pytest.raises(RecipeError, match="no such file"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[data\n")
    with pytest.raises(RecipeError, match=r"bad\.toml: "):
        read_recipe(tmp_path / "bad.toml")


def test_the_manifests_copy_keeps_no_folder(values):
    folder = "/home/someone/data"
    values["data"] = {
        "name": "csv",
        "path": f"{folder}/sensor.csv",
        "test_path": [f"{folder}/one.csv", f"{folder}/two.csv"],
        "fault_path": f"{folder}/fault.csv",
        "intervals": f"{folder}/faults.json",
    }
    kept = make_recipe(values).as_json()["data"]
    assert [kept[key] for key in ("path", "test_path", "fault_path", "intervals")] == [
        "sensor.csv",
        ["one.csv", "two.csv"],
        "fault.csv",
        "faults.json",
    ]


def test_a_recipe_does_not_change(values):
    recipe = make_recipe(values)
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 2


def test_every_family_has_a_row():
    assert sorted(FAMILIES) == models.families()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_familys_layers_have_the_parameters_that_its_shape_says(name):
    row = FAMILIES[name]
    model = row.build(seed=1)
    counts = {x.name: x.count_params() for x in model.layers if x.count_params()}
    assert counts == row.parameters
    assert model.input_shape == model.output_shape == (None, row.window)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("ecg5000", ["fit.noise=0.1"], "unknown key 'fit.noise'"),
        ("ecg5000", ["fit.loss=binary_crossentropy"], "scaler.real to 'range'"),
        ("lstm", ["fit.loss=binary_crossentropy", "scaler.real=range"], "output_activation to 'si"),
        (
            "mnist",
            ["model.output_activation=linear"],
            "set scaler.kind to 'affine', scaler.real to 'range' and model.output_activation to",
        ),
        ("ecg5000", ["corruption.span=140"], "corruption.span is 140 frames"),
        ("inpainting", ["corruption.width=30"], "corruption.width 30 does not divide"),
        ("inpainting", ["corruption.square=28"], "image is 28 x 28: set it below 28"),
        ("inpainting", ["corruption.square=0"], "corruption.width is the width of the image"),
        ("inpainting", ["corruption.width=0"], "set corruption.width"),
        ("ecg5000", ["corruption.share=0.5"], "corruption.share needs added noise"),
        ("ecg5000", ["fit.given_weight=0.5"], "fit.given_weight needs hidden values"),
        (
            "ecg5000",
            ["fit.abnormal=0.1", "threshold.method=best_f1"],
            "threshold.method 'best_f1' needs abnormal windows that are new to the model",
        ),
        ("ecg5000", ["corruption.fill=1"], "set corruption.masking, span or square too"),
        ("ecg5000", ["corruption.hum_cycles=0.1"], "corruption.hum_cycles has no effect"),
        ("variational", ["fit.loss=mae"], "set fit.loss to 'mse' (Gaussian)"),
        ("variational", ["fit.power=2"], "and fit.power to 1"),
        ("mnist_variational", ["model.deviation=0.3"], "model.deviation belongs to a Gaussian"),
        ("sparse", ["fit.pretrain=5"], "set it to 0, or model.family to 'dense' (it is 'sparse')"),
        ("lstm", ["fit.round_weights=true"], "not those of an LSTM: set it to false"),
        ("sines", ["data.length=500"], "set windows.length and windows.hop to 500"),
        ("ecg5000", ["windows.hop=70"], "piece of 140 frames"),
        ("mitdb", ["windows.train_hop=3"], "windows.train_hop to 128"),
        ("ecg5000", ["model.code=140"], "model.code is 140, not below the window's 140 values"),
        ("activity", ["model.code=63"], "model.code is 63, not below the window's 63 values"),
        ("lstm", ["model.code=500"], "model.code is 500"),
        ("mnist_conv", ["model.code=900"], "model.code is 900"),
        ("mnist_conv", ["model.width=27"], "model.width"),
    ],
)
def test_what_would_be_ignored_or_mean_nothing_is_one_line(name, changes, message):
    with pytest.raises(RecipeError) as caught:
        read_recipe(name, changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert f"{name}.toml" in str(caught.value)


def test_windows_may_be_parts_of_a_piece():
    assert read_recipe("ecg5000", ["windows.length=70", "windows.hop=70"]).windows.length == 70


def test_a_model_that_only_the_file_can_refuse_is_refused_with_the_recipes_name():
    recipe = read_recipe("csv", ["model.code=152"])  # two channels would do
    check_model(recipe, 2)
    with pytest.raises(RecipeError, match=r"recipe 'csv': model\.code is 152"):
        check_model(recipe, 1)


def test_the_small_recipe_is_a_recipe():
    assert small_recipe(fit={"epochs": 2}).fit.epochs == 2

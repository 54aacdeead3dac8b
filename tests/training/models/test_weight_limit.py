"""A Keras file of some kilobytes cannot claim gigabytes of weights."""

import json
import zipfile

import pytest

from tests.support.foreign_models import autoencoder, saved
from tests.support.training import small_recipe
from training.bundle.errors import ConvertError
from training.imported.source import read_source
from training.models.weight_limit import MOST_WEIGHTS, weight_limit
from training.tensorflow_setup import keras

pytestmark = pytest.mark.slow


def test_a_layer_far_over_any_flash_is_refused_before_it_is_built(tmp_path):
    whole = saved(autoencoder(), tmp_path / "whole.keras")
    huge = tmp_path / "huge.keras"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(huge, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                config = json.loads(data)
                dense = next(
                    layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense"
                )
                dense["config"]["units"] = 10**12  # no memory holds them
                data = json.dumps(config).encode()
            target.writestr(name, data)
    with pytest.raises(ConvertError, match=r"more than 16\.8 million weights.*'dense") as caught:
        read_source(huge)
    assert "\n" not in str(caught.value)


def test_the_limit_is_on_the_sum_of_all_layers_and_ends_with_its_context():
    half = MOST_WEIGHTS // 2
    add_weight = keras.Layer.add_weight
    with weight_limit("model"):
        keras.layers.Dense(half, use_bias=False, kernel_initializer="zeros").build((None, 1))
        layer = keras.layers.Dense(half, kernel_initializer="zeros")
        with pytest.raises(ConvertError, match="far over the flash"):
            layer.build((None, 1))  # its bias is too many
    assert keras.Layer.add_weight is add_weight


def test_a_recipe_far_over_any_flash_is_refused_before_it_is_built():
    recipe = small_recipe(model={"family": "dense", "hidden": [20_000, 20_000], "code": 8})
    with pytest.raises(ConvertError, match=r"family 'dense': has more than 16\.8 million weights"):
        recipe.build_model(1)

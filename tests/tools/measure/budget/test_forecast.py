"""What a model will take is said before it is trained, and the trained model confirms it."""

import dataclasses
import shutil

import numpy as np
import pytest

from tests.support.images import build_image
from tests.support.training import small_recipe
from tools.boards.build import has_tflm_library
from tools.boards.catalogue import find_board
from tools.convert import convert
from tools.measure import budget
from tools.measure.bench.reference import wrap
from tools.measure.budget.forecast import Bytes, buffers, check, image, needs
from training import models
from training.bundle.errors import BudgetError
from training.bundle.interpreter import Interpreter
from training.input_quantization import fit_input_quantizer
from training.model_size import ModelSize, model_size
from training.quantize import to_int8
from training.recipe import read_recipe, recipe_names
from training.sections import Scaler
from training.train import train

pytestmark = pytest.mark.slow


def test_the_estimate_is_within_ten_percent_of_the_trained_model(trained_bundle, tmp_path):
    forecast_size = []
    bundle = train(
        small_recipe(fit={"epochs": 1}), tmp_path / "b", False, before_fit=forecast_size.append
    )
    assert forecast_size[0].macs == bundle.manifest.model.macs
    assert forecast_size[0].parameters == bundle.manifest.model.parameters
    for real in (bundle, trained_bundle):
        assert forecast_size[0].model_bytes == pytest.approx(real.manifest.model.bytes, rel=0.1)
        assert forecast_size[0].arena_bytes == pytest.approx(
            Interpreter(real.model).arena_bytes, rel=0.1
        )


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
    forecast_size = model_size(long, fit_input_quantizer(Scaler(), counts, (1.0,)))
    with pytest.raises(BudgetError, match="a shorter window or fewer filters"):
        check("long", forecast_size, board)
    # On a larger board it fits, because the samples' ring takes half of what is left.
    check("long", dataclasses.replace(forecast_size, rate_hz=4000.0), find_board("emulated"))


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_every_recipes_estimate_is_confirmed_within_ten_percent_with_both_engines(name):
    """Against the same network with weights far from the estimate's, as training leaves them."""
    recipe = read_recipe(name)
    channels = CHANNELS.get(recipe.data.name, 1)
    size = recipe.windows.length
    rng = np.random.default_rng(1)
    counts = rng.normal(0, 1000, (8, size, channels)).astype(np.int16)
    quantizer = fit_input_quantizer(recipe.scaler, counts, (1.0,) * channels, recipe.features)
    forecast_size = model_size(recipe, quantizer)
    model = models.family(recipe.model.family).build(
        recipe.model, *recipe.input_shape(channels), seed=5
    )
    for weight in model.trainable_weights:
        weight.assign(weight + rng.normal(0, 0.2, weight.shape).astype(np.float32))
    real = to_int8(model, quantizer.quantize(counts), quantizer)
    for guess, need in zip(needs(forecast_size.model), needs(real), strict=True):
        assert guess.engine == need.engine
        assert guess.flash == pytest.approx(need.flash, rel=0.1)
        assert guess.arena == pytest.approx(need.arena, rel=0.1)
    assert forecast_size.model_bytes == pytest.approx(len(real), rel=0.1)
    assert forecast_size.arena_bytes == pytest.approx(Interpreter(real).arena_bytes, rel=0.1)


def test_what_fits_with_one_engine_alone_is_said():
    forecast_size = model_size(small_recipe(), fit_input_quantizer(Scaler(), RANDOM, (1.0,)))
    tflm, compiled = needs(forecast_size.model)
    assert compiled.arena < tflm.arena
    board = find_board("emulated")
    tight = dataclasses.replace(board, sram_bytes=image(compiled, forecast_size, board).sram)
    assert "it fits with the compiled engine alone" in check("small", forecast_size, tight)


def test_buffers_follow_from_window_channels_and_rate():
    """As firmware/lib/app/app.h has them: counts, input, output, and the samples' ring; in flash,
    the counts of the golden windows.
    """
    emulated, nano = find_board("emulated"), find_board("nano33ble")
    one = Bytes(4 * 2 * 300, 4 * 300 + 1 * (2 * 3 + 4 + 1))
    assert buffers(SIZE, 0, emulated) == one
    sampled = dataclasses.replace(SIZE, rate_hz=50.5)
    assert buffers(sampled, 0, emulated).sram == 4 * 300 + (200 + 50) * (2 * 3 + 4 + 1)
    assert buffers(sampled, 0, nano) == one  # it reads no sensor
    featured = dataclasses.replace(SIZE, inputs=30, outputs=30, transform_points=128)
    assert buffers(featured, 0, nano).sram == 2 * 300 + 60 + 4 * 128 + 1 * (2 * 3 + 4 + 1)


def test_a_fast_model_s_ring_takes_half_of_the_free_sram():
    board = find_board("emulated")
    free = board.sram_bytes - board.framework_sram
    fast = dataclasses.replace(
        SIZE, inputs=1024, outputs=1024, window=1024, channels=1, rate_hz=48_000.0
    )
    assert 0.49 * free < buffers(fast, 8_000, board).sram < 0.51 * free


def test_a_real_boards_framework_counts_and_is_told_of():
    forecast_size = model_size(small_recipe(), fit_input_quantizer(Scaler(), RANDOM, (1.0,)))
    nano = find_board("nano33ble")
    line = check("small", forecast_size, nano)
    assert f"the framework's share is {nano.framework_flash:,} and {nano.framework_sram:,}" in line
    for need in needs(forecast_size.model):
        assert f"{image(need, forecast_size, nano).flash:,}" in line
        assert image(need, forecast_size, nano).sram > nano.framework_sram + need.arena


def test_a_board_without_a_framework_figure_does_not_get_another_boards():
    forecast_size = model_size(small_recipe(), fit_input_quantizer(Scaler(), RANDOM, (1.0,)))
    nicla, nano = find_board("nicla_sense_me"), find_board("nano33ble")
    assert "without the framework: nicla_sense_me has no" in check("small", forecast_size, nicla)
    for need in needs(forecast_size.model):
        share = image(need, forecast_size, nano).sram - image(need, forecast_size, nicla).sram
        assert share == nano.framework_sram


@pytest.mark.toolchain
@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("arm-none-eabi-g++") is None, reason="needs the Arm compiler (make setup)"
)
@pytest.mark.parametrize("engine", ["compiled", "tflm"])
@pytest.mark.parametrize("name", ["dense", "conv1d"])
def test_the_forecast_is_within_ten_percent_of_the_built_image(name, engine, tmp_path):
    """The image's model has other weights, as training leaves them."""
    board = find_board("emulated")
    environment = board.environment(engine)
    if engine == "tflm" and not has_tflm_library(environment):
        pytest.skip("TensorFlow Lite Micro is not at hand (docs/engine.md)")
    shapes = {"dense": {"family": "dense", "hidden": [32], "code": 8}, "conv1d": {"family": name}}
    size = {"dense": 140, "conv1d": 1000}[name]
    recipe = small_recipe(
        model=shapes[name], windows={"length": size, "hop": size, "train_hop": None}
    )
    rng = np.random.default_rng(1)
    counts = rng.normal(0, 1000, (8, size, 1)).astype(np.int16)
    quantizer = fit_input_quantizer(Scaler(), counts, (1.0,))
    model = models.family(name).build(recipe.model, size, 1, seed=5)
    for weight in model.trainable_weights:
        weight.assign(weight + rng.normal(0, 0.2, weight.shape).astype(np.float32))
    bundle = wrap(tmp_path / name, to_int8(model, quantizer.quantize(counts), quantizer))
    forecast_size = model_size(recipe, quantizer, bundle.manifest.signal.rate_hz)
    need = next(n for n in needs(forecast_size.model) if n.engine == engine)
    guess = image(need, forecast_size, board)
    convert(bundle.path, tmp_path / "generated", engines=[engine])
    elf = build_image(environment, tmp_path / "generated").elf
    built = budget.measure(elf, board)
    assert guess.flash == pytest.approx(built.flash.used, rel=0.1)
    assert guess.sram == pytest.approx(built.sram.used, rel=0.1)


RANDOM = np.random.default_rng(0).normal(0, 1000, (8, 64, 1)).astype(np.int16)
CHANNELS = {"activity": 3}
SIZE = ModelSize(
    model=b"", model_bytes=0, arena_bytes=0, macs=0, operators=(), parameters=0,
    inputs=300, outputs=300, window=100, channels=3, transform_points=0, rate_hz=None,
)  # fmt: skip

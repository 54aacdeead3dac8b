"""Every family: quantizes, runs in TensorFlow Lite Micro, and refuses shapes that cannot be."""

import numpy as np
import pytest

from tests.support.families import FAMILIES
from tools.convert.compiled import compile_model
from tools.convert.host import HostEngine
from tools.convert.model import read_model
from tools.convert.tflm import REGISTERED
from training.bundle.errors import RecipeError
from training.bundle.interpreter import Interpreter
from training.input_quantization import fit_input_quantizer
from training.quantize import read_model_info, to_int8
from training.sections import Scaler

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quantized():
    """Family to Keras model, real windows, and flatbuffer; small, with random weights."""
    built = {}

    def make(name):
        if name not in built:
            model = FAMILIES[name].build(seed=1)
            rng = np.random.default_rng(0)
            # As begun, ten layers of weights leave hardly anything of a window.
            for weight in model.trainable_weights:
                weight.assign(1.5 * weight + rng.normal(0, 0.05, weight.shape))
            counts = rng.normal(0, 1000, (24, FAMILIES[name].window, 1)).astype(np.int16)
            quantizer = fit_input_quantizer(Scaler(), counts, (1.0,))
            scaled = quantizer.quantize(counts)
            built[name] = model, quantizer, scaled, to_int8(model, scaled, quantizer)
        return built[name]

    return make


@pytest.mark.parametrize("name", FAMILIES)
def test_int8_runs_in_tflm_with_these_operators_and_follows_the_float_model(quantized, name):
    model, quantizer, scaled, flatbuffer = quantized(name)
    facts = read_model_info(flatbuffer)
    assert set(facts.operators) == FAMILIES[name].operators
    assert set(facts.operators) <= REGISTERED
    assert facts.input.size == facts.output.size == scaled.shape[1]
    # Random weights leave an image near the sigmoid's middle: a step of its grid is all there is.
    some = scaled[:4]
    got = Interpreter(flatbuffer).run(some).astype(np.float64) - facts.output.zero_point
    want = np.asarray(model(quantizer.dequantize(some), training=False))
    error = np.sqrt(np.mean((got * facts.output.scale - want) ** 2))
    assert error < max(0.1 * want.std(), facts.output.scale)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_compiled_engine_equals_the_interpreter_on_every_byte(quantized, name, tmp_path):
    _, _, scaled, flatbuffer = quantized(name)
    rng = np.random.default_rng(2)
    anything = rng.integers(-128, 128, (100, scaled.shape[1])).astype(np.int8)
    windows = np.concatenate([scaled, anything])
    for file, text in compile_model(read_model(flatbuffer), name, name).items():
        (tmp_path / file).write_text(text)
    want = Interpreter(flatbuffer).run(windows)
    assert len(np.unique(want)) > 10  # no model that gives one value always
    np.testing.assert_array_equal(HostEngine(tmp_path).run(windows), want)


@pytest.mark.parametrize(
    ("name", "change", "window", "message"),
    [
        ("conv1d", {}, 1002, "'model.encoder' pools 2 times, but windows.length 1002"),
        ("conv2d", {"height": 27}, 784, "'model.height' times 'model.width' is 756"),
        ("lstm", {"step": 9}, 140, "'model.step' is 9, which does not divide"),
        (
            "conv2d",
            {"height": 784, "width": 32},
            784,
            "'model.width' is 32, but the data have 1 ch",
        ),
        ("dense", {"code": 140}, 140, "model.code is 140, not below the window's 140 values"),
        ("variational", {"code": 200}, 140, "model.code is 200"),
        ("adversarial", {"code": 200}, 140, "model.code is 200"),
    ],
)
def test_a_shape_that_cannot_be_is_one_line(name, change, window, message):
    with pytest.raises(RecipeError) as caught:
        FAMILIES[name].build(1, window, **change)
    assert message in str(caught.value) and "\n" not in str(caught.value)

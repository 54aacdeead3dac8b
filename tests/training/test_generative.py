"""The two halves of a model apart, and what the variational bound and its sampled score are."""

import shutil

import numpy as np
import pytest

from tests.support.families import FAMILIES
from tests.support.training import small_recipe
from training import generative, models, sections
from training.bundle import read_bundle
from training.bundle.errors import BundleError
from training.bundle.interpreter import Interpreter
from training.encoder import encoder_of, encoder_to_int8
from training.fit import fit
from training.input_quantization import fit_input_quantizer
from training.sections import Scaler

pytestmark = pytest.mark.slow

SIZE = 12
RNG = np.random.default_rng(3)


def linear_variational(output="linear", **settings):
    """Without hidden layers: code and window are linear in each other."""
    module = models.family("variational")
    settings = module.Settings(
        family="variational", hidden=[], code=3, output_activation=output, **settings
    )
    model = module.build(settings, SIZE, 1, seed=1)
    for weight in model.trainable_weights:
        weight.assign(weight + RNG.normal(0, 0.3, weight.shape).astype(np.float32))
    return model


@pytest.mark.parametrize("name", FAMILIES)
def test_decoder_after_encoder_is_the_model(name):
    model = FAMILIES[name].build(seed=1)
    x = RNG.normal(0, 1, (2, FAMILIES[name].window)).astype(np.float32)
    code = np.asarray(encoder_of(model)(x))
    assert code.ndim == 2
    decoder = generative.decoder_of(model)
    got = decoder(code.reshape(2, *decoder.input_shape[1:]), training=False)
    np.testing.assert_allclose(got, model(x, training=False), rtol=1e-5, atol=1e-6)


def test_what_is_generated_is_drawn_from_the_prior_and_decoded():
    model = linear_variational()
    drawn = generative.generate(model, 20_000, seed=4)
    np.testing.assert_array_equal(drawn, generative.generate(model, 20_000, seed=4))
    assert (drawn[:10] != generative.generate(model, 10, seed=5)).any()
    kernel, bias = (np.asarray(w) for w in model.get_layer("reconstruction").weights)
    np.testing.assert_allclose(drawn.mean(axis=0), bias, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), kernel.T @ kernel, atol=0.05)


def test_reconstruction_probability_is_its_closed_form_for_a_linear_decoder():
    model, deviation = linear_variational(), 0.4
    x = RNG.normal(0, 1, (50, SIZE)).astype(np.float32)
    gain, offset = (np.asarray(w) for w in model.get_layer("log_variance").weights)
    kernel = np.asarray(model.get_layer("reconstruction").kernel)
    at_mean = ((x - np.asarray(model(x, training=False))) ** 2).sum(axis=1)
    spread = np.exp(x @ gain + offset) @ (kernel**2).sum(axis=1)
    want = (at_mean + spread) / (2 * deviation**2)
    got = generative.reconstruction_probability(model, x, deviation, samples=30, seed=1)
    assert got.mean() == pytest.approx(want.mean(), rel=0.05)
    assert np.corrcoef(got, want)[0, 1] > 0.95


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy"])
def test_what_a_variational_fit_minimises_is_the_negative_bound_of_a_window(loss):
    """beta KL - E log p(x|z) in nats, constants left out, times 2 deviation^2 / size."""
    deviation, beta = (0.3, 2.0) if loss == "mse" else (0.5**0.5, 2.0)
    settings = {"beta": beta} if loss != "mse" else {"beta": beta, "deviation": deviation}
    model = linear_variational("linear" if loss == "mse" else "sigmoid", **settings)
    x = RNG.uniform(0, 1, (30, SIZE)).astype(np.float32)
    # Hardly any variance: what is drawn is the mean, and the expectation needs no sampling.
    gain, offset = model.get_layer("log_variance").weights
    gain.assign(0 * gain)
    offset.assign(0 * offset - 30)
    mean = np.asarray(encoder_of(model)(x), np.float64)
    y = np.asarray(model(x, training=False), np.float64)
    if loss == "mse":
        log_p = -((x - y) ** 2).sum(axis=1) / (2 * deviation**2)
    else:
        log_p = (x * np.log(y) + (1 - x) * np.log(1 - y)).sum(axis=1)
    kl = -0.5 * (1 - 30 - mean**2 - np.exp(-30)).sum(axis=1)
    bound = (beta * kl - log_p).mean()
    still = sections.Fit(loss=loss, batch=30, epochs=1, optimizer="sgd", learning_rate=1e-12)
    history = fit(model, x, x, still, seed=1)
    for divergence in (history.loss[0], history.validation[0]):
        assert divergence * SIZE / (2 * deviation**2) == pytest.approx(bound, rel=1e-4)


def test_the_encoder_alone_takes_the_same_grid_and_gives_the_code():
    model = FAMILIES["dense"].build(seed=1)
    counts = RNG.normal(0, 1000, (60, 140, 1)).astype(np.int16)
    quantizer = fit_input_quantizer(Scaler(), counts, (1.0,))
    scaled = quantizer.quantize(counts)
    flatbuffer, facts = encoder_to_int8(model, scaled, quantizer)
    assert (facts.input.size, facts.input.zero_point) == (140, quantizer.zero_point)
    assert facts.input.scale == pytest.approx(float(quantizer.scale), rel=1e-5)
    code = Interpreter(flatbuffer).run(scaled).astype(np.float64) - facts.output.zero_point
    want = np.asarray(encoder_of(model)(quantizer.dequantize(scaled)))
    assert facts.output.size == want.shape[1] == 8
    assert np.abs(code * facts.output.scale - want).max() < 0.1 * want.max()


def test_a_restored_model_has_the_bundles_weights(trained_bundle, tmp_path):
    model = generative.restore(trained_bundle)
    shown = trained_bundle.evaluation()
    m = trained_bundle.manifest
    real = (shown["input"].astype(np.float32) - m.model.input.zero_point) * m.model.input.scale
    code = np.asarray(encoder_of(model)(real.astype(np.float32)))
    np.testing.assert_allclose(code, shown["code"], atol=1e-3)
    assert m.recipe == small_recipe().as_json()
    shutil.copytree(trained_bundle.path, tmp_path / "copy")
    (tmp_path / "copy" / "keras.weights.h5").unlink()
    with pytest.raises(BundleError, match=r"keras\.weights\.h5 is missing: train again"):
        generative.restore(read_bundle(tmp_path / "copy"))

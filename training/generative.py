"""From codes to windows with the float model: decoding, sampling, reconstruction probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle import Bundle
from training.bundle.errors import BundleError
from training.bundle.files import WEIGHTS
from training.recipe import make_recipe
from training.tensorflow_setup import keras

# Layers whose output is the decoder's input, the last in the model first.
_CODE_LAYERS = ("sample", "discriminator", "sparsity", "code")


def restore(bundle: Bundle) -> keras.Model:
    """Rebuild the float model of a bundle and load its weights.

    Raises:
        BundleError: the file of the weights is missing.
    """
    recipe = make_recipe(bundle.manifest.recipe, str(bundle.path))
    path = bundle.path / WEIGHTS
    if not path.exists():
        raise BundleError(f"{path} is missing: train again to write it")
    model = recipe.build_model(len(bundle.manifest.signal.channels))
    model.load_weights(path)
    return model


def decoder_of(model: keras.Model) -> keras.Model:
    """Build the model from the code to the window, float32 [batch, code] to [batch, size]."""
    names = [layer.name for layer in model.layers]
    last = next(name for name in _CODE_LAYERS if name in names)
    code = keras.Input(tuple(model.get_layer(last).output.shape[1:]))
    x: Any = code
    for layer in model.layers[names.index(last) + 1 :]:
        x = layer(x)
    return keras.Model(code, x, name="decoder")


def generate(model: keras.Model, count: int, seed: int) -> NDArray[np.float32]:
    """Decode `count` codes drawn from N(0, 1) to new windows, float32 [count, size]."""
    decoder = decoder_of(model)
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((count, decoder.input_shape[1])).astype(np.float32)
    return np.asarray(decoder(codes, training=False))


def reconstruction_probability(
    model: keras.Model, x: NDArray[np.float32], deviation: float, samples: int, seed: int
) -> NDArray[np.float64]:
    """Estimate -E log p(x|z) over q(z|x) of a variational model (An and Cho 2015).

    Args:
        x: float32 [n, size].
        deviation: standard deviation of the Gaussian p(x|z), whose constant term is left out.
        samples: codes drawn per window.

    Returns:
        float64 [n]; a higher value is less normal.
    """
    heads = keras.Model(
        model.input, [model.get_layer("code").output, model.get_layer("log_variance").output]
    )
    mean, log_variance = (np.asarray(h) for h in heads.predict(x, batch_size=1024, verbose=0))
    decoder, rng = decoder_of(model), np.random.default_rng(seed)
    total = np.zeros(len(x))
    for _ in range(samples):
        noise = rng.standard_normal(mean.shape).astype(np.float32)
        z = mean + np.exp(log_variance / 2) * noise
        y = np.asarray(decoder.predict(z, batch_size=1024, verbose=0), np.float64)
        total += np.sum((x - y) ** 2, axis=1) / (2 * deviation**2)
    return np.asarray(total / samples)

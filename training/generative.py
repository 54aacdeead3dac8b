"""From codes to windows, on the host: decoding, sampling, reconstruction probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training import models
from training.bundle import Bundle
from training.bundle.errors import BundleError
from training.recipe import make_recipe
from training.train import WEIGHTS

if TYPE_CHECKING:
    import keras

# Layers that hand the code on, the last one first.
_HANDED_ON = ("sample", "discriminator", "sparsity", "code")


def restore(bundle: Bundle) -> keras.Model:
    """The float model that a bundle was made from; BundleError if its weights are not there."""
    recipe = make_recipe(bundle.manifest.recipe, str(bundle.path))
    path = bundle.path / WEIGHTS
    if not path.exists():
        raise BundleError(f"{path} is missing: train again to make it")
    family = models.family(getattr(recipe.model, "family"))  # noqa: B009
    channels = len(bundle.manifest.signal.channels)
    model = family.build(recipe.model, recipe.windows.length, channels, recipe.seed)
    model.load_weights(path)
    return model


def decoder_of(model: keras.Model) -> keras.Model:
    """From the code to the window: float32 [batch, code] in, [batch, size] out."""
    import keras

    names = [layer.name for layer in model.layers]
    last = next(name for name in _HANDED_ON if name in names)
    code = keras.Input(tuple(model.get_layer(last).output.shape[1:]))
    x: Any = code
    for layer in model.layers[names.index(last) + 1 :]:
        x = layer(x)
    return keras.Model(code, x, name="decoder")


def generate(model: keras.Model, count: int, seed: int) -> NDArray[np.float32]:
    """Windows that nobody recorded: codes drawn from N(0, 1), decoded. float32 [count, size]."""
    decoder = decoder_of(model)
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((count, decoder.input_shape[1])).astype(np.float32)
    return np.asarray(decoder(drawn, training=False))


def reconstruction_probability(
    model: keras.Model, x: NDArray[np.float32], deviation: float, samples: int, seed: int
) -> NDArray[np.float64]:
    """-E log p(x|z) over q(z|x) of a variational model, float64 [n]; higher is less normal.

    p is Gaussian of that standard deviation; the constant is left out. An and Cho (2015).
    """
    import keras

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

"""Variational autoencoder (Kingma & Welling 2014; beta: Higgins et al. 2017).

The fit minimizes the negative evidence lower bound, beta * KL(q(z|x) || N(0, 1)) - E log p(x|z),
divided by the values per window, because the losses are means. With fit.loss =
"binary_crossentropy", p is Bernoulli. With "mse", p is Gaussian with the standard deviation
`deviation`, and the bound is multiplied by 2 deviation^2, so that the squared error keeps its
scale. The board runs the path of the mean: dense layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.models.dense import Stack, refuse_wide_code

if TYPE_CHECKING:
    import keras


class Settings(Stack):
    """Widths, and the weight of the divergence."""

    family: Literal["variational"]
    beta: Annotated[float, Field(ge=0, le=1000)] = 1.0
    warm_up: Annotated[int, Field(ge=0)] = 0  # steps over which beta rises from 0
    # Of the Gaussian p(x|z), in real values; the default, 2 * deviation^2 = 1, is for Bernoulli.
    deviation: Annotated[float, Field(gt=0, le=100)] = 0.5**0.5


def check(settings: Settings, window: int, channels: int) -> None:
    """Raise RecipeError if the code is as wide as the window."""
    refuse_wide_code(settings.code, window * channels, "variational")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """Build the Keras model, float32 [batch, window * channels] in and out.

    The layer "code" computes the mean, and "log_variance" the log variance (training only).
    "sample" computes the decoder's input: a draw in training, the mean otherwise.
    """
    # Here, not at the top: TensorFlow takes seconds to start, and a recipe is read without it.
    from training.models.layers import Sampling, code_layer, glorot, with_prior
    from training.tensorflow_setup import keras

    check(settings, window, channels)
    size = window * channels
    log_variance = keras.layers.Dense(
        settings.code, kernel_initializer=glorot(seed, 101), name="log_variance"
    )
    log_variance.training_only = True
    weight = 2 * settings.deviation**2 / size
    sampling = Sampling(settings.beta, weight, settings.warm_up, seed, name="sample")
    mean = code_layer(settings.code, seed)
    return with_prior(settings, size, seed, lambda x: sampling([mean(x), log_variance(x)]))

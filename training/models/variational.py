"""Variational autoencoder (Kingma & Welling 2014; beta: Higgins et al. 2017).

Training minimises the negative evidence lower bound, beta * KL(q(z|x) || N(0, 1)) - E log p(x|z),
divided by the window's size, as the losses here are means: with fit.loss = "binary_crossentropy"
p is Bernoulli, with "mse" Gaussian of standard deviation `deviation`, the bound being scaled by
2 deviation^2 to leave the squared error as it is. On a board runs the mean path: dense layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.models.dense import Stack, refuse_wide_code

if TYPE_CHECKING:
    import keras


class Settings(Stack):
    """Shape, and the weight of the divergence."""

    family: Literal["variational"]
    beta: Annotated[float, Field(ge=0, le=1000)] = 1.0
    warm_up: Annotated[int, Field(ge=0)] = 0  # steps in which beta rises from 0
    # Of p(x|z), in the model's real values. 2 * deviation^2 = 1 with "binary_crossentropy".
    deviation: Annotated[float, Field(gt=0, le=100)] = 0.5**0.5


def check(settings: Settings, window: int, channels: int) -> None:
    """RecipeError for a code as wide as the window."""
    refuse_wide_code(settings.code, window * channels, "variational")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out.

    Layer "code" gives the mean, "log_variance" its companion (training only), "sample" the code
    that the decoder sees: drawn in training, the mean otherwise.
    """
    import keras

    from training.models.layers import Sampling, code_layer, glorot, with_prior

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

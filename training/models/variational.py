"""Variational autoencoder (Kingma & Welling 2014; beta: Higgins et al. 2017).

Training minimises the negative evidence lower bound, beta * KL(q(z|x) || N(0, 1)) - E log p(x|z),
divided by the window's size, as the losses here are means: with fit.loss = "binary_crossentropy"
p is Bernoulli, with "mse" Gaussian of standard deviation `deviation`, the bound being scaled by
2 deviation^2 to leave the squared error as it is. On a board runs the mean path: dense layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.models.dense import Activation, Width
from training.schema import Strict

if TYPE_CHECKING:
    import keras


class Settings(Strict):
    """Shape, and the weight of the divergence."""

    family: Literal["variational"]
    hidden: list[Width]  # the encoder's layers before the code; the decoder mirrors them
    code: Width
    activation: Activation = "relu"
    output_activation: Activation = "linear"
    beta: Annotated[float, Field(ge=0, le=1000)] = 1.0
    warm_up: Annotated[int, Field(ge=0)] = 0  # steps in which beta rises from 0
    # Of p(x|z), in the model's real values. 2 * deviation^2 = 1 with "binary_crossentropy".
    deviation: Annotated[float, Field(gt=0, le=100)] = 0.5**0.5


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out.

    Layer "code" gives the mean, "log_variance" its companion (training only), "sample" the code
    that the decoder sees: drawn in training, the mean otherwise.
    """
    import keras

    from training.layers import Sampling, dense_stack, glorot, refuse_wide_code

    size = window * channels
    refuse_wide_code(settings.code, size, "variational")
    inputs = keras.Input((size,), name="window")
    x = dense_stack(inputs, settings.hidden, settings.activation, "encoder", seed, 0)
    mean = keras.layers.Dense(settings.code, kernel_initializer=glorot(seed, 100), name="code")(x)
    log_variance = keras.layers.Dense(
        settings.code, kernel_initializer=glorot(seed, 101), name="log_variance"
    )
    log_variance.training_only = True
    weight = 2 * settings.deviation**2 / size
    z = Sampling(settings.beta, weight, settings.warm_up, seed, name="sample")(
        [mean, log_variance(x)]
    )
    x = dense_stack(z, settings.hidden[::-1], settings.activation, "decoder", seed, 200)
    outputs = keras.layers.Dense(
        size,
        settings.output_activation,
        kernel_initializer=glorot(seed, 300),
        name="reconstruction",
    )(x)
    return keras.Model(inputs, outputs, name="variational")

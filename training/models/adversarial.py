"""Adversarial autoencoder (Makhzani et al. 2015): codes that look drawn from N(0, 1).

A discriminator tells codes from draws of the prior, the encoder learns to deceive it, and the
decoder thereby learns to make a window of any draw: the step from autoencoders to generative
adversarial networks. On a board it is a dense autoencoder; the discriminator stays behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.models.dense import Activation, Width
from training.schema import Strict

if TYPE_CHECKING:
    import keras


class Settings(Strict):
    """Shape of the autoencoder and of the discriminator."""

    family: Literal["adversarial"]
    hidden: list[Width]  # the encoder's layers before the code; the decoder mirrors them
    code: Width
    activation: Activation = "relu"
    output_activation: Activation = "linear"
    discriminator: list[Width] = Field([64, 64], min_length=1)  # its hidden layers
    weight: Annotated[float, Field(ge=0, le=100)] = 0.1  # of its loss, beside the window's


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out."""
    import keras

    from training.layers import Adversary, dense_stack, glorot, refuse_wide_code

    size = window * channels
    refuse_wide_code(settings.code, size, "adversarial")
    inputs = keras.Input((size,), name="window")
    x = dense_stack(inputs, settings.hidden, settings.activation, "encoder", seed, 0)
    x = keras.layers.Dense(settings.code, kernel_initializer=glorot(seed, 100), name="code")(x)
    x = Adversary(settings.discriminator, settings.weight, seed, name="discriminator")(x)
    x = dense_stack(x, settings.hidden[::-1], settings.activation, "decoder", seed, 200)
    outputs = keras.layers.Dense(
        size,
        settings.output_activation,
        kernel_initializer=glorot(seed, 300),
        name="reconstruction",
    )(x)
    return keras.Model(inputs, outputs, name="adversarial")

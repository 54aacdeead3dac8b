"""Convolutional autoencoder for a series: convolutions and pooling down, upsampling and
convolutions up.

A layer is (filters, kernel); pooling by 2 follows every encoder layer but the last, whose output
is the code, and upsampling by 2 goes before every decoder layer. With the settings' defaults:
32@5 - pool - 16@3 - pool - 16@3 - up - 32@5 - up - 1@3. On a board: CONV_2D, MAX_POOL_2D and
RESIZE_NEAREST_NEIGHBOR, the series lying along the height.

The code may hold more values than the window: with the defaults it has 4,000 for 1,000, so no width
is refused. What keeps such a network from copying are pooling, which drops where in four samples
a filter answered, and kernels that every place shares; how much they keep out depends on the
signal, and the test set tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.errors import RecipeError
from training.bundle.validation import Strict

if TYPE_CHECKING:
    import keras

Count = Annotated[int, Field(ge=1, le=4096)]
Layer = tuple[Count, Count]


class Settings(Strict):
    """A convolutional autoencoder's shape; each layer is [filters, kernel]."""

    family: Literal["conv1d"]
    encoder: tuple[Layer, ...] = Field(((32, 5), (16, 3)), min_length=1)
    code: Layer = (16, 3)
    decoder: tuple[Layer, ...] = ((32, 5),)  # the last layer, one filter a channel, comes after
    output_kernel: Count = 3
    activation: Literal["relu", "relu6", "tanh"] = "relu"
    output_activation: Literal["linear", "tanh", "sigmoid"] = "linear"

    @model_validator(mode="after")
    def _comes_back(self) -> Self:
        if len(self.decoder) + 1 != len(self.encoder):
            raise ValueError(
                f"encoder halves the window {len(self.encoder)} times and decoder doubles it "
                f"{len(self.decoder) + 1} times; list {len(self.encoder) - 1} decoder layers"
            )
        return self


def check(settings: Settings, window: int, channels: int) -> None:
    """RecipeError for a window that cannot be halved as often as there are pooling layers."""
    whole = 2 ** len(settings.encoder)
    if window % whole:
        odd = window
        while odd % 2 == 0:
            odd //= 2
        raise RecipeError(
            f"'model.encoder' pools {len(settings.encoder)} times, but windows.length {window} "
            f"comes to the odd length {odd}: set windows.length to a multiple of {whole}, such as "
            f"{-(-window // whole) * whole}, or list fewer layers"
        )


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out."""
    import keras

    from training.models.layers import Upsample, glorot

    check(settings, window, channels)
    number = 0

    def convolution(x: object, layer: Layer, name: str, activation: str) -> object:
        nonlocal number
        number += 1
        return keras.layers.Conv2D(
            layer[0],
            (layer[1], 1),
            padding="same",
            activation=activation,
            kernel_initializer=glorot(seed, number),
            name=name,
        )(x)

    inputs = keras.Input((window * channels,), name="window")
    x: object = keras.layers.Reshape((window, 1, channels))(inputs)
    for i, layer in enumerate(settings.encoder, 1):
        x = convolution(x, layer, f"encoder_{i}", settings.activation)
        x = keras.layers.MaxPooling2D((2, 1), name=f"pool_{i}")(x)
    x = convolution(x, settings.code, "code", settings.activation)
    for i, layer in enumerate(settings.decoder, 1):
        x = Upsample((2, 1), name=f"upsample_{i}")(x)
        x = convolution(x, layer, f"decoder_{i}", settings.activation)
    x = Upsample((2, 1), name=f"upsample_{len(settings.encoder)}")(x)
    last = (channels, settings.output_kernel)
    x = convolution(x, last, "reconstruction", settings.output_activation)
    return keras.Model(inputs, keras.layers.Reshape((window * channels,))(x), name="conv1d")

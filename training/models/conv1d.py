"""Convolutional autoencoder for time series, with pooling in the encoder and upsampling back.

A layer is (filters, kernel). Pooling by 2 follows each encoder layer, and the next convolution
computes the code. Upsampling by 2 precedes each decoder layer. The default is 32@5 - pool - 16@3 -
pool - 16@3 (code) - up - 32@5 - up - 1@3. The board runs CONV_2D, MAX_POOL_2D and
RESIZE_NEAREST_NEIGHBOR, with time along the height.

The code may hold more values than the window: the default has 4,000 for 1,000. Pooling, which
discards the position within four samples, and shared kernels keep the network from copying its
input. How well they do depends on the signal, so compare the figures of the test set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.errors import RecipeError
from training.models import FamilySettings

if TYPE_CHECKING:
    import keras

Count = Annotated[int, Field(ge=1, le=4096)]
Layer = tuple[Count, Count]


class Settings(FamilySettings):
    """Layers of the autoencoder; each is [filters, kernel]."""

    family: Literal["conv1d"]
    encoder: tuple[Layer, ...] = Field(((32, 5), (16, 3)), min_length=1)
    code: Layer = (16, 3)
    decoder: tuple[Layer, ...] = ((32, 5),)  # one more layer follows
    output_kernel: Count = 3
    activation: Literal["relu", "relu6", "tanh"] = "relu"
    output_activation: Literal["linear", "tanh", "sigmoid"] = "linear"

    @model_validator(mode="after")
    def _sizes_match(self) -> Self:
        if len(self.decoder) + 1 != len(self.encoder):
            raise ValueError(
                f"encoder halves the window {len(self.encoder)} times but decoder doubles it "
                f"{len(self.decoder) + 1} times: list {len(self.encoder) - 1} decoder layers"
            )
        return self


def check(settings: Settings, window: int, channels: int) -> None:
    """Raise RecipeError if the window cannot be halved by each pooling layer."""
    factor = 2 ** len(settings.encoder)
    if window % factor:
        odd = window
        while odd % 2 == 0:
            odd //= 2
        raise RecipeError(
            f"'model.encoder' pools {len(settings.encoder)} times, but windows.length {window} "
            f"is halved to the odd length {odd}: set windows.length to a multiple of {factor}, "
            f"such as {-(-window // factor) * factor}, or list fewer layers"
        )


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """Build the Keras model, float32 [batch, window * channels] in and out."""
    # Here, not at the top: TensorFlow takes seconds to start, and a recipe is read without it.
    from training.models.layers import Upsample, glorot
    from training.tensorflow_setup import keras

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

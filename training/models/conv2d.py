"""Convolutional autoencoder for images and spectrograms, with transposed convolutions.

Strided convolutions lead to a dense code; a dense layer and transposed convolutions lead back, and
the result is trimmed to the size of the image. The default on 28 x 28 is 32 - 64(s2) - 64(s2) - 64,
flatten 3136, code 2, dense 3136, transposed 64 - 64(s2) - 32(s2) - 1. A window is either an image
of height * width frames, row by row, or a spectrogram of height frames with width channels. The
board runs CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED and LEAKY_RELU.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.errors import RecipeError
from training.models import FamilySettings
from training.models.dense import refuse_wide_code

if TYPE_CHECKING:
    import keras

Count = Annotated[int, Field(ge=1, le=4096)]
Layer = tuple[Count, Annotated[int, Field(ge=1, le=4)]]


class Settings(FamilySettings):
    """Size of the image, and layers; each layer is [filters, stride]."""

    family: Literal["conv2d"]
    height: Count
    width: Count
    encoder: tuple[Layer, ...] = Field(((32, 1), (64, 2), (64, 2), (64, 1)), min_length=1)
    code: Count = 2
    decoder: tuple[Layer, ...] = (
        (64, 1),
        (64, 2),
        (32, 2),
    )  # one more layer follows
    kernel: Count = 3
    activation: Literal["leaky_relu", "relu"] = "leaky_relu"
    output_activation: Literal["linear", "sigmoid"] = "sigmoid"

    @model_validator(mode="after")
    def _sizes_match(self) -> Self:
        down, up = prod(s for _, s in self.encoder), prod(s for _, s in self.decoder)
        if down != up:
            raise ValueError(
                f"the encoder's strides shrink the image by {down} but the decoder's enlarge it "
                f"by {up}: make the products equal"
            )
        return self


def check(settings: Settings, window: int, channels: int) -> None:
    """Raise RecipeError if the window is neither an image nor a spectrogram of that size."""
    image = settings.height * settings.width == window
    if not image and window != settings.height:
        raise RecipeError(
            f"'model.height' times 'model.width' is {settings.height * settings.width}, but "
            f"windows.length is {window}: make them equal or, for a spectrogram whose bands are "
            "channels, make 'model.height' equal to windows.length"
        )
    if not image and settings.width != channels:
        raise RecipeError(
            f"'model.width' is {settings.width}, but the data have {channels} channels: a "
            "spectrogram has one channel per band, so make them equal"
        )
    refuse_wide_code(settings.code, window * channels, "conv2d")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """Build the Keras model, float32 [batch, window * channels] in and out."""
    # Here, not at the top: TensorFlow takes seconds to start, and a recipe is read without it.
    from training.models.layers import glorot
    from training.tensorflow_setup import keras

    check(settings, window, channels)
    # The channels of a spectrogram are its bands, along the width.
    depth = channels if settings.height * settings.width == window else 1
    height, width = settings.height, settings.width
    number = 0

    def activate(x: object, name: str) -> object:
        if settings.activation == "relu":
            return keras.layers.ReLU(name=name)(x)
        return keras.layers.LeakyReLU(0.3, name=name)(x)

    def layer(kind: type, x: object, filters: int, stride: int, name: str) -> object:
        nonlocal number
        number += 1
        return kind(
            filters,
            settings.kernel,
            stride,
            padding="same",
            kernel_initializer=glorot(seed, number),
            name=name,
        )(x)

    inputs = keras.Input((window * channels,), name="window")
    x: object = keras.layers.Reshape((height, width, depth))(inputs)
    for i, (filters, stride) in enumerate(settings.encoder, 1):
        x = layer(keras.layers.Conv2D, x, filters, stride, f"encoder_{i}")
        x = activate(x, f"encoder_{i}_activation")
        height, width = -(-height // stride), -(-width // stride)
    inner = (height, width, settings.encoder[-1][0])
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(settings.code, kernel_initializer=glorot(seed, 100), name="code")(x)
    x = keras.layers.Dense(prod(inner), kernel_initializer=glorot(seed, 101), name="expand")(x)
    x = keras.layers.Reshape(inner)(activate(x, "expand_activation"))
    for i, (filters, stride) in enumerate(settings.decoder, 1):
        x = layer(keras.layers.Conv2DTranspose, x, filters, stride, f"decoder_{i}")
        x = activate(x, f"decoder_{i}_activation")
        height, width = height * stride, width * stride
    x = layer(keras.layers.Conv2DTranspose, x, depth, 1, "reconstruction")
    if (height, width) != (settings.height, settings.width):
        trim = ((0, height - settings.height), (0, width - settings.width))
        x = keras.layers.Cropping2D(trim, name="trim")(x)
    if settings.output_activation != "linear":
        x = keras.layers.Activation(settings.output_activation, name="output_activation")(x)
    return keras.Model(inputs, keras.layers.Reshape((window * channels,))(x), name="conv2d")

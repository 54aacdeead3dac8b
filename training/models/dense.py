"""Dense autoencoder: fully connected layers down to a code and up again, mirrored.

On a board every layer is one FULLY_CONNECTED, with RELU fused into it where it has one; LOGISTIC
or TANH follow as operators of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.bundle.errors import RecipeError
from training.bundle.validation import Strict

if TYPE_CHECKING:
    import keras

Activation = Literal["linear", "relu", "relu6", "tanh", "sigmoid"]
Width = Annotated[int, Field(ge=1, le=65536)]


class Stack(Strict):
    """The shape of a mirrored stack of dense layers, for every family that is one."""

    hidden: list[Width]  # the encoder's layers before the code; the decoder mirrors them
    code: Width
    activation: Activation = "relu"
    # Inputs reach below and above zero, so a linear output fits them; a sigmoid does not.
    output_activation: Activation = "linear"


class Settings(Stack):
    """A dense autoencoder's shape."""

    family: Literal["dense"]
    code_activation: Activation = "relu"


def refuse_wide_code(code: int, size: int, family: str) -> None:
    """RecipeError for a code that could hold a window of `size` values as it is."""
    if code >= size:
        raise RecipeError(
            f"model.code is {code}, not below the window's {size} values, so a '{family}' "
            "autoencoder can copy them: set a smaller code, or the family 'sparse', whose penalty "
            "forbids that"
        )


def check(settings: Stack, window: int, channels: int) -> None:
    """RecipeError for a code as wide as the window."""
    refuse_wide_code(settings.code, window * channels, "dense")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out."""
    import keras

    from training.models.layers import dense_stack, glorot

    size, depth = window * channels, len(settings.hidden)
    check(settings, window, channels)
    inputs = keras.Input((size,), name="window")
    x = dense_stack(inputs, settings.hidden, settings.activation, "encoder", seed, 0)
    x = keras.layers.Dense(
        settings.code,
        settings.code_activation,
        kernel_initializer=glorot(seed, depth),
        name="code",
    )(x)
    x = dense_stack(x, settings.hidden[::-1], settings.activation, "decoder", seed, depth + 1)
    outputs = keras.layers.Dense(
        size,
        settings.output_activation,
        kernel_initializer=glorot(seed, 2 * depth + 1),
        name="reconstruction",
    )(x)
    return keras.Model(inputs, outputs, name="dense")

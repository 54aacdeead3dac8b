"""Dense autoencoder: fully connected layers down to a code and up again, mirrored.

On a board every layer is one FULLY_CONNECTED, with RELU fused into it where it has one; LOGISTIC
or TANH follow as operators of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.schema import Strict

if TYPE_CHECKING:
    import keras

Activation = Literal["linear", "relu", "relu6", "tanh", "sigmoid"]
Width = Annotated[int, Field(ge=1, le=65536)]


class Settings(Strict):
    """A dense autoencoder's shape."""

    family: Literal["dense"]
    hidden: list[Width]  # the encoder's layers before the code; the decoder mirrors them
    code: Width
    activation: Activation = "relu"
    code_activation: Activation = "relu"
    # Inputs reach below and above zero, so a linear output fits them; a sigmoid does not.
    output_activation: Activation = "linear"


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out."""
    import keras

    from training.layers import refuse_wide_code

    refuse_wide_code(settings.code, window * channels, "dense")
    widths = [*settings.hidden, settings.code, *reversed(settings.hidden)]
    names = [
        *(f"encoder_{i}" for i in range(1, len(settings.hidden) + 1)),
        "code",
        *(f"decoder_{i}" for i in range(1, len(settings.hidden) + 1)),
    ]
    inputs = keras.Input((window * channels,), name="window")
    x = inputs
    for i, (width, name) in enumerate(zip(widths, names, strict=True)):
        x = keras.layers.Dense(
            width,
            settings.code_activation if name == "code" else settings.activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed * 1000 + i),
            name=name,
        )(x)
    outputs = keras.layers.Dense(
        window * channels,
        settings.output_activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed * 1000 + len(widths)),
        name="reconstruction",
    )(x)
    return keras.Model(inputs, outputs, name="dense")

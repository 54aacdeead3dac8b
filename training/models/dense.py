"""Dense autoencoder: fully connected layers to a code, and their mirror image back.

On the board each layer is one FULLY_CONNECTED. RELU is fused into it; LOGISTIC and TANH are
separate operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.bundle.errors import RecipeError
from training.models import FamilySettings

if TYPE_CHECKING:
    import keras

Activation = Literal["linear", "relu", "relu6", "tanh", "sigmoid"]
Width = Annotated[int, Field(ge=1, le=65536)]


class Stack(FamilySettings):
    """Widths and activations of a mirrored stack of dense layers."""

    hidden: list[Width]  # widths of the encoder; the decoder mirrors them
    code: Width
    activation: Activation = "relu"
    # Linear, because inputs have both signs; a sigmoid needs scaler.real = "range".
    output_activation: Activation = "linear"


class Settings(Stack):
    """Widths and activations of a dense autoencoder."""

    family: Literal["dense"]
    code_activation: Activation = "relu"


def refuse_wide_code(code: int, size: int, family: str) -> None:
    """Raise RecipeError if the code could hold a copy of a window of `size` values."""
    if code >= size:
        raise RecipeError(
            f"model.code is {code}, not below the window's {size} values, so a '{family}' "
            "autoencoder can copy its input: set a smaller code, or choose the family 'sparse', "
            "whose penalty prevents copying"
        )


def check(settings: Stack, window: int, channels: int) -> None:
    """Raise RecipeError if the code is as wide as the window."""
    refuse_wide_code(settings.code, window * channels, "dense")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """Build the Keras model, float32 [batch, window * channels] in and out."""
    check(settings, window, channels)
    return build_stack(settings, window * channels, seed, "dense")


def build_stack(settings: Settings, size: int, seed: int, name: str) -> keras.Model:
    """Build a mirrored stack of any widths for windows of `size` values."""
    # Here, not at the top: TensorFlow takes seconds to start, and a recipe is read without it.
    from training.models.layers import dense_stack, glorot
    from training.tensorflow_setup import keras

    depth = len(settings.hidden)
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
    return keras.Model(inputs, outputs, name=name)

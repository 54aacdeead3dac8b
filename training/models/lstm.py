"""LSTM autoencoder (Srivastava et al. 2015): from a sequence to a code and back.

Each `step` frames are one time step. The code is the last hidden state of the encoder, and the
input of the decoder at each step. On the board each LSTM is one UNIDIRECTIONAL_SEQUENCE_LSTM, whose
state is reset before each window. For 140 samples, 14 steps and 16 units the interpreter needs
10,752 bytes of flash and 4,672 of arena; unrolled into plain operators it would need 82,328 and
57,248.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.bundle.errors import RecipeError
from training.models import FamilySettings
from training.models.dense import refuse_wide_code

if TYPE_CHECKING:
    import keras


class Settings(FamilySettings):
    """Length of the time steps, and number of units."""

    family: Literal["lstm"]
    step: Annotated[int, Field(ge=1, le=4096)]  # frames per time step
    code: Annotated[int, Field(ge=1, le=1024)]  # units of the encoder
    decoder: Annotated[int, Field(ge=1, le=1024)] | None = (
        None  # units; None is as many as the encoder
    )


def check(settings: Settings, window: int, channels: int) -> None:
    """Raise RecipeError if the steps do not divide the window, or the code is as wide as it."""
    if window % settings.step:
        raise RecipeError(
            f"'model.step' is {settings.step}, which does not divide windows.length {window}: "
            "change one of them"
        )
    refuse_wide_code(settings.code, window * channels, "lstm")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """Build the Keras model, float32 [batch, window * channels] in and out."""
    # Here, not at the top: TensorFlow takes seconds to start, and a recipe is read without it.
    from training.models.layers import glorot
    from training.models.recurrent import LSTM, Repeated
    from training.tensorflow_setup import keras

    check(settings, window, channels)
    steps, features = window // settings.step, settings.step * channels
    inputs = keras.Input((window * channels,), name="window")
    x = keras.layers.Reshape((steps, features))(inputs)
    x = Repeated(steps)(LSTM(settings.code, "last", seed, name="code")(x))
    x = LSTM(settings.decoder or settings.code, "sequence", seed + 500, name="decoder")(x)
    x = keras.layers.Dense(features, kernel_initializer=glorot(seed, 300), name="reconstruction")(x)
    return keras.Model(inputs, keras.layers.Reshape((window * channels,))(x), name="lstm")

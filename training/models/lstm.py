"""LSTM autoencoder (Srivastava et al. 2015): a sequence to a code and back to the sequence.

Every `step` frames are one time step. The encoder's last hidden state is the code; the decoder is
given the code at every step. On a board each LSTM is one UNIDIRECTIONAL_SEQUENCE_LSTM, whose state
is reset before every window. Unrolled into plain operators the same network (140 samples, 14
steps, 16 units) takes 82,328 bytes of flash and 57,248 of arena in the interpreter; so it takes
10,752 and 4,672.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.bundle.errors import RecipeError
from training.bundle.validation import Strict
from training.models.dense import refuse_wide_code

if TYPE_CHECKING:
    import keras


class Settings(Strict):
    """Time steps and width."""

    family: Literal["lstm"]
    step: Annotated[int, Field(ge=1, le=4096)]  # frames of one time step
    code: Annotated[int, Field(ge=1, le=1024)]  # units of the encoder
    decoder: Annotated[int, Field(ge=1, le=1024)] | None = None  # units; as many as the code


def check(settings: Settings, window: int, channels: int) -> None:
    """RecipeError for a window that is no whole number of steps, or a code as wide as it."""
    if window % settings.step:
        raise RecipeError(
            f"'model.step' is {settings.step}, which does not divide windows.length {window}: "
            "change one of them"
        )
    refuse_wide_code(settings.code, window * channels, "lstm")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out."""
    import keras

    from training.models.layers import glorot
    from training.models.recurrent import LSTM, Repeated

    check(settings, window, channels)
    steps, features = window // settings.step, settings.step * channels
    inputs = keras.Input((window * channels,), name="window")
    x = keras.layers.Reshape((steps, features))(inputs)
    x = Repeated(steps)(LSTM(settings.code, "last", seed, name="code")(x))
    x = LSTM(settings.decoder or settings.code, "sequence", seed + 500, name="decoder")(x)
    x = keras.layers.Dense(features, kernel_initializer=glorot(seed, 300), name="reconstruction")(x)
    return keras.Model(inputs, keras.layers.Reshape((window * channels,))(x), name="lstm")

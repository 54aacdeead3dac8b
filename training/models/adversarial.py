"""Adversarial autoencoder (Makhzani et al. 2015): codes distributed like draws from N(0, 1).

A discriminator learns to distinguish codes from draws of the prior, and the encoder learns to
deceive it. The decoder can then generate a window from any draw. The board runs a dense
autoencoder without the discriminator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.models.dense import Stack, Width, refuse_wide_code

if TYPE_CHECKING:
    import keras


class Settings(Stack):
    """Widths of the autoencoder and of the discriminator."""

    family: Literal["adversarial"]
    discriminator: list[Width] = Field([64, 64], min_length=1)  # widths of its hidden layers
    weight: Annotated[float, Field(ge=0, le=100)] = (
        0.1  # of the discriminator's loss, added to the reconstruction loss
    )


def check(settings: Settings, window: int, channels: int) -> None:
    """Raise RecipeError if the code is as wide as the window."""
    refuse_wide_code(settings.code, window * channels, "adversarial")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """Build the Keras model, float32 [batch, window * channels] in and out."""
    # Here, not at the top: TensorFlow takes seconds to start, and a recipe is read without it.
    from training.models.layers import Adversary, code_layer, with_prior

    check(settings, window, channels)
    adversary = Adversary(settings.discriminator, settings.weight, seed, name="discriminator")
    return with_prior(
        settings, window * channels, seed, lambda x: adversary(code_layer(settings.code, seed)(x))
    )

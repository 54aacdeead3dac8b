"""Adversarial autoencoder (Makhzani et al. 2015): codes that look drawn from N(0, 1).

A discriminator tells codes from draws of the prior, the encoder learns to deceive it, and the
decoder thereby learns to make a window of any draw: the step from autoencoders to generative
adversarial networks. On a board it is a dense autoencoder; the discriminator stays behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.models.dense import Stack, Width, refuse_wide_code

if TYPE_CHECKING:
    import keras


class Settings(Stack):
    """Shape of the autoencoder and of the discriminator."""

    family: Literal["adversarial"]
    discriminator: list[Width] = Field([64, 64], min_length=1)  # its hidden layers
    weight: Annotated[float, Field(ge=0, le=100)] = 0.1  # of its loss, beside the window's


def check(settings: Settings, window: int, channels: int) -> None:
    """RecipeError for a code as wide as the window."""
    refuse_wide_code(settings.code, window * channels, "adversarial")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out."""
    from training.models.layers import Adversary, code_layer, with_prior

    check(settings, window, channels)
    adversary = Adversary(settings.discriminator, settings.weight, seed, name="discriminator")
    return with_prior(
        settings, window * channels, seed, lambda x: adversary(code_layer(settings.code, seed)(x))
    )

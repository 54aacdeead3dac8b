"""Sparse autoencoder: a hidden layer that may be wider than the window, few units of it active.

What keeps it from copying is a penalty on the activations, not their number: L1, or the
Kullback-Leibler divergence between a target and each unit's mean activation over the batch. On
a board it is a dense autoencoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.bundle.validation import Strict

if TYPE_CHECKING:
    import keras


class Settings(Strict):
    """Width of the code and its penalty."""

    family: Literal["sparse"]
    code: Annotated[int, Field(ge=1, le=65536)]
    penalty: Literal["l1", "kl"] = "l1"
    weight: Annotated[float, Field(gt=0, le=1000)]  # of the penalty, beside the loss
    # "kl" only: the mean activation that every unit is drawn to.
    target: Annotated[float, Field(gt=0, lt=1)] = 0.05
    output_activation: Literal["linear", "sigmoid"] = "linear"


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """The Keras model, float32 [batch, window * channels] in and out.

    The code's activation is RELU for "l1", and a sigmoid for "kl", which takes values in 0 to 1.
    """
    import keras

    from training.models.layers import Sparsity, glorot

    inputs = keras.Input((window * channels,), name="window")
    x = keras.layers.Dense(
        settings.code,
        "relu" if settings.penalty == "l1" else "sigmoid",
        kernel_initializer=glorot(seed, 0),
        name="code",
    )(inputs)
    x = Sparsity(settings.penalty, settings.weight, settings.target, name="sparsity")(x)
    outputs = keras.layers.Dense(
        window * channels,
        settings.output_activation,
        kernel_initializer=glorot(seed, 1),
        name="reconstruction",
    )(x)
    return keras.Model(inputs, outputs, name="sparse")

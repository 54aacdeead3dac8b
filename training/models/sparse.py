"""Sparse autoencoder: one hidden layer of any width, few of whose units are active.

A penalty on the activations keeps it from copying its input: L1, or the Kullback-Leibler divergence
between a target and the mean activation of each unit over the batch. The board runs a dense
autoencoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from training.models import FamilySettings

if TYPE_CHECKING:
    import keras


class Settings(FamilySettings):
    """Width of the code, and its penalty."""

    family: Literal["sparse"]
    code: Annotated[int, Field(ge=1, le=65536)]
    penalty: Literal["l1", "kl"] = "l1"
    weight: Annotated[float, Field(gt=0, le=1000)]  # of the penalty, added to the loss
    # For "kl": the mean activation of each unit at which the penalty is zero.
    target: Annotated[float, Field(gt=0, lt=1)] = 0.05
    output_activation: Literal["linear", "sigmoid"] = "linear"


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """Build the Keras model, float32 [batch, window * channels] in and out.

    The activation of the code is RELU for "l1", and a sigmoid for "kl", which needs 0 to 1.
    """
    # Here, not at the top: TensorFlow takes seconds to start, and a recipe is read without it.
    from training.models.layers import Sparsity, glorot
    from training.tensorflow_setup import keras

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

"""Dense autoencoders side by side, fitted alone, whose outputs are averaged.

Each member has weights and batches of its own seed. The mean of their outputs is closer to the
window than one output, and varies less with the seed. The board runs one dense autoencoder, whose
layers hold the members' as blocks; weights between blocks are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from training.models import dense

if TYPE_CHECKING:
    import keras

SEED_STRIDE = 100_003  # between the seeds of members


class Settings(dense.Stack):
    """Widths and activations of one member, and how many there are."""

    family: Literal["ensemble"]
    members: Annotated[int, Field(ge=2, le=16)] = 4
    code_activation: dense.Activation = "relu"
    # No activation: it would apply to the mean of the members.
    output_activation: Literal["linear"] = "linear"

    def member(self) -> dense.Settings:
        """Return the settings of one member."""
        values = self.model_dump(exclude={"family", "members"})
        return dense.Settings(family="dense", **values)


def check(settings: Settings, window: int, channels: int) -> None:
    """Raise RecipeError if the code of a member is as wide as the window."""
    dense.refuse_wide_code(settings.code, window * channels, "ensemble")


def build(settings: Settings, window: int, channels: int, seed: int) -> keras.Model:
    """Build the Keras model that holds all members, float32 [batch, window * channels]."""
    check(settings, window, channels)
    members = settings.members
    wide = settings.member().model_copy(
        update={
            "hidden": [width * members for width in settings.hidden],
            "code": settings.code * members,
        }
    )
    return dense.build_stack(wide, window * channels, seed, "ensemble")


def member_seeds(seed: int, members: int) -> list[int]:
    """Return the seed of each member; the first is the recipe's."""
    return [(seed + k * SEED_STRIDE) % 2**31 for k in range(members)]


def fold(members: Sequence[keras.Model], ensemble: keras.Model) -> None:
    """Set the weights of `ensemble`, of the shape of `build`, to those of its fitted members."""
    layers = [
        [layer.get_weights() for layer in model.layers if layer.weights]
        for model in (*members, ensemble)
    ]
    last = len(layers[-1]) - 1
    for i, whole in enumerate(layer for layer in ensemble.layers if layer.weights):
        parts = [each[i] for each in layers[:-1]]
        kernel = np.zeros_like(layers[-1][i][0])
        row = column = 0
        for part, _ in parts:
            rows, columns = part.shape
            kernel[row : row + rows, column : column + columns] = part
            row += rows if i > 0 else 0  # all members see the window
            column += columns if i < last else 0  # all outputs are of the window
        bias = np.concatenate([each for _, each in parts])
        if i == last:
            kernel /= len(members)
            bias = np.mean([each for _, each in parts], axis=0)
        whole.set_weights([kernel, bias])

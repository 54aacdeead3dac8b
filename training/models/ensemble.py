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
    """Widths and activations of one member, and the number of members."""

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
    from scipy.linalg import block_diag  # takes time, and a recipe is read without it

    stacks = [[layer for layer in model.layers if layer.weights] for model in (ensemble, *members)]
    first, last = stacks[0][0], stacks[0][-1]
    for whole, *parts in zip(*stacks, strict=True):
        kernels, biases = zip(*(part.get_weights() for part in parts), strict=True)
        bias = np.concatenate(biases)
        if whole is first:  # all members see the window
            kernel = np.concatenate(kernels, axis=1)
        elif whole is last:  # all outputs are of the window
            kernel = np.concatenate(kernels, axis=0) / np.float32(len(members))
            bias = np.mean(biases, axis=0)
        else:
            kernel = block_diag(*kernels)
        whole.set_weights([kernel, bias])

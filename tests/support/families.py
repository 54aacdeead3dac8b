"""One row a family: the table that tests of all families go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training import models


@dataclass(frozen=True)
class Family:
    """A family's settings, the frames of a window, and what must come of them."""

    settings: dict[str, Any]
    window: int  # frames of one channel
    parameters: dict[str, int]  # by layer
    operators: set[str]  # what a board must know to run it

    def build(self, seed: int, window: int | None = None, **changes: Any) -> Any:
        """The Keras model, with settings changed."""
        module = models.family(self.settings["family"])
        settings = module.Settings(**{**self.settings, **changes})
        return module.build(settings, window or self.window, 1, seed)


FAMILIES = {
    "dense": Family(
        {"family": "dense", "hidden": [32, 16], "code": 8},
        140,
        {
            "encoder_1": 140 * 32 + 32,
            "encoder_2": 32 * 16 + 16,
            "code": 16 * 8 + 8,
            "decoder_1": 8 * 16 + 16,
            "decoder_2": 16 * 32 + 32,
            "reconstruction": 32 * 140 + 140,
        },
        {"FULLY_CONNECTED"},
    ),
    "ensemble": Family(
        {"family": "ensemble", "members": 3, "hidden": [16], "code": 4},
        140,
        {
            "encoder_1": 3 * (140 * 16 + 16),
            "code": 3 * 16 * 3 * 4 + 3 * 4,  # with the zeros between blocks
            "decoder_1": 3 * 4 * 3 * 16 + 3 * 16,
            "reconstruction": 3 * 16 * 140 + 140,
        },
        {"FULLY_CONNECTED"},
    ),
    # 1000x1 - 32@5 - pool - 16@3 - pool - 16@3 - up - 32@5 - up - 1@3: 5,217 in all.
    "conv1d": Family(
        {"family": "conv1d"},
        1000,
        {"encoder_1": 192, "encoder_2": 1552, "code": 784, "decoder_1": 2592, "reconstruction": 97},
        {"CONV_2D", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE"},
    ),
    "conv2d": Family(
        {"family": "conv2d", "height": 28, "width": 28},
        784,
        {
            "encoder_1": 320,
            "encoder_2": 18_496,
            "encoder_3": 36_928,
            "encoder_4": 36_928,
            "code": 6_274,
            "expand": 9_408,
            "decoder_1": 36_928,
            "decoder_2": 36_928,
            "decoder_3": 18_464,
            "reconstruction": 289,
        },
        {"CONV_2D", "FULLY_CONNECTED", "LEAKY_RELU", "LOGISTIC", "RESHAPE", "TRANSPOSE_CONV"},
    ),
    # A gate sees input, hidden state and a bias; there are four.
    "lstm": Family(
        {"family": "lstm", "step": 10, "code": 16},
        140,
        {
            "code": 4 * 16 * (10 + 16 + 1),
            "decoder": 4 * 16 * (16 + 16 + 1),
            "reconstruction": 16 * 10 + 10,
        },
        {"FULLY_CONNECTED", "PACK", "RESHAPE", "STRIDED_SLICE", "UNIDIRECTIONAL_SEQUENCE_LSTM"},
    ),
    "sparse": Family(
        {"family": "sparse", "code": 256, "weight": 1e-4},
        140,
        {"code": 140 * 256 + 256, "reconstruction": 256 * 140 + 140},
        {"FULLY_CONNECTED"},
    ),
    "variational": Family(
        {"family": "variational", "hidden": [32], "code": 4},
        140,
        {
            "encoder_1": 140 * 32 + 32,
            "code": 32 * 4 + 4,
            "log_variance": 32 * 4 + 4,
            "sample": 1,  # counts the steps
            "decoder_1": 4 * 32 + 32,
            "reconstruction": 32 * 140 + 140,
        },
        {"FULLY_CONNECTED"},
    ),
    "adversarial": Family(
        {"family": "adversarial", "hidden": [32], "code": 4, "discriminator": [16]},
        140,
        {
            "encoder_1": 140 * 32 + 32,
            "code": 32 * 4 + 4,
            "discriminator": 4 * 16 + 16 + 16 + 1 + 1,  # and one that counts the steps
            "decoder_1": 4 * 32 + 32,
            "reconstruction": 32 * 140 + 140,
        },
        {"FULLY_CONNECTED"},
    ),
}

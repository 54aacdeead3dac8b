"""What a recipe's model will take on a board, before it is trained.

An untrained model of the same shape is quantized and prepared by the interpreter: sizes do not
hang on the weights' values, so the figures are those of the trained model but for the few bytes
by which the numbers in a flatbuffer differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training import models, tensorflow_setup
from training.bundle.interpreter import Interpreter
from training.input_quantization import Grid
from training.quantize import read_facts, to_int8
from training.recipe import Recipe


@dataclass(frozen=True)
class ModelSize:
    """Bytes of the flatbuffer and of the interpreter's arena (64-bit pointers), the work, and what
    buffers hang on: frames a window, channels, and frames a second (None: not at equal times).
    """

    model: bytes
    model_bytes: int
    arena_bytes: int
    macs: int
    operators: tuple[str, ...]
    parameters: int
    window: int
    channels: int
    rate_hz: float | None


def model_size(recipe: Recipe, grid: Grid, rate_hz: float | None = None) -> ModelSize:
    """Build, quantize and prepare the recipe's model with random weights; takes seconds."""
    tensorflow_setup.prepare()
    import keras

    from training.models.layers import deployed_parameters

    keras.backend.clear_session()
    keras.utils.set_random_seed(recipe.seed)
    family = models.family(getattr(recipe.model, "family"))  # noqa: B009
    model = family.build(recipe.model, recipe.windows.length, grid.channels, recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    for weight in model.trainable_weights:
        # Biases begin at zero, and the converter leaves out what adds nothing.
        weight.assign(weight + rng.normal(0, 0.01, weight.shape).astype(np.float32))
    size = recipe.windows.length * grid.channels
    windows = rng.integers(-128, 128, (8, size)).astype(np.int8)
    flatbuffer = to_int8(model, windows, grid)
    facts = read_facts(flatbuffer)
    return ModelSize(
        model=flatbuffer,
        model_bytes=len(flatbuffer),
        arena_bytes=Interpreter(flatbuffer).arena_bytes,
        macs=facts.macs,
        operators=tuple(facts.operators),
        parameters=deployed_parameters(model),
        window=recipe.windows.length,
        channels=grid.channels,
        rate_hz=rate_hz,
    )

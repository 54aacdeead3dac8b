"""The size of a recipe's model on a board, before the fit.

An untrained model of the same shape is quantized and loaded into the interpreter. Sizes depend on
the shape, so they differ from those of the fitted model by a few bytes of the flatbuffer's numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.bundle.features import transform_points
from training.bundle.interpreter import Interpreter
from training.input_quantization import InputQuantizer
from training.models.layers import deployed_parameters
from training.quantize import read_model_info, to_int8
from training.recipe import Recipe
from training.tensorflow_setup import keras


@dataclass(frozen=True)
class ModelSize:
    """Memory and work of a model, and the figures on which the program's buffers depend."""

    model: bytes  # the flatbuffer of the untrained model
    model_bytes: int  # size of the flatbuffer
    arena_bytes: int  # arena of the interpreter on this machine (64-bit pointers)
    macs: int  # multiply-accumulates of one inference
    operators: tuple[str, ...]  # built-in operators in use
    parameters: int  # trainable numbers on the board
    inputs: int  # int8 inputs of the model
    outputs: int  # int8 outputs of the model
    window: int  # frames per window
    channels: int  # values per frame
    transform_points: int  # values of the Fourier transform of a channel; 0: no spectrum
    rate_hz: float | None  # frames per second, or None if they are not equally spaced


def model_size(
    recipe: Recipe, quantizer: InputQuantizer, rate_hz: float | None = None
) -> ModelSize:
    """Build, quantize and load the recipe's model with random weights; takes some seconds."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(recipe.seed)
    model = recipe.build_model(quantizer.channels)
    rng = np.random.default_rng(recipe.seed)
    for weight in model.trainable_weights:
        # Biases are initialized to zero, and the converter drops an addition of zero.
        weight.assign(weight + rng.normal(0, 0.01, weight.shape).astype(np.float32))
    size = quantizer.raw_size + quantizer.feature_count
    windows = rng.integers(-128, 128, (8, size)).astype(np.int8)
    flatbuffer = to_int8(model, windows, quantizer)
    info = read_model_info(flatbuffer)
    return ModelSize(
        model=flatbuffer,
        model_bytes=len(flatbuffer),
        arena_bytes=Interpreter(flatbuffer).arena_bytes,
        macs=info.macs,
        operators=tuple(info.operators),
        parameters=deployed_parameters(model),
        inputs=info.input.size,
        outputs=info.output.size,
        window=recipe.windows.length,
        channels=quantizer.channels,
        transform_points=transform_points(recipe.windows.length) if recipe.features.bands else 0,
        rate_hz=rate_hz,
    )

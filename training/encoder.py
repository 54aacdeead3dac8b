"""The encoder alone: an int8 feature extractor for a board.

`encoder.tflite` lies beside the bundle's files. It takes the bundle's int8 input, on the same
grid, and gives the code as int8. It is no part of the bundle's contract: the bundle detects, with
encoder and decoder; what is built on features is the user's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.input_quantization import Grid
from training.quantize import Facts, read_facts, to_int8

if TYPE_CHECKING:
    import keras

ENCODER = "encoder.tflite"


def encoder_of(model: keras.Model) -> keras.Model:
    """From the window to the layer that gives the code; float32 [batch, code] out, flattened."""
    import keras

    code = model.get_layer("code").output
    if len(code.shape) > 2:
        code = keras.layers.Flatten()(code)
    return keras.Model(model.input, code, name="encoder")


def encoder_to_int8(model: keras.Model, train: NDArray[np.int8], grid: Grid) -> tuple[bytes, Facts]:
    """The encoder as a flatbuffer, and what it says of itself; as training.quantize.to_int8."""
    flatbuffer = to_int8(encoder_of(model), train, grid)
    return flatbuffer, read_facts(flatbuffer)

"""The encoder of an autoencoder alone: an int8 feature extractor.

`encoder.tflite` lies beside the files of the bundle and is no part of the contract. It takes the
bundle's int8 input and computes the code, int8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.input_quantization import InputQuantizer
from training.quantize import ModelInfo, read_model_info, to_int8
from training.tensorflow_setup import keras


def encoder_of(model: keras.Model) -> keras.Model:
    """Build the model from the window to the code, float32 [batch, code] out, flattened."""
    code = model.get_layer("code").output
    if len(code.shape) > 2:
        code = keras.layers.Flatten()(code)
    return keras.Model(model.input, code, name="encoder")


def encoder_to_int8(
    model: keras.Model, train: NDArray[np.int8], quantizer: InputQuantizer
) -> tuple[bytes, ModelInfo]:
    """Convert the encoder to an int8 flatbuffer, and read its properties; see `to_int8`."""
    flatbuffer = to_int8(encoder_of(model), train, quantizer)
    return flatbuffer, read_model_info(flatbuffer)

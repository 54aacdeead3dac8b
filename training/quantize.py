"""Convert a Keras model to an int8 flatbuffer, and read the flatbuffer's properties."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.errors import VigilError
from training.input_quantization import InputQuantizer
from training.quiet import quiet
from training.tensorflow_setup import keras, schema, tf
from training.weight_scales import match_factors

# Windows that calibrate the ranges of the activations. TensorFlow's guide uses 100 to 500. Each
# window runs through unoptimized kernels: 48,000 images would take longer than the fit.
CALIBRATION_WINDOWS = 1000


class QuantizeError(VigilError):
    """The converter did not produce an int8 model with the quantization of the fit."""


@dataclass(frozen=True)
class ModelInfo:
    """Properties of a flatbuffer."""

    input: manifest.Tensor  # size and quantization of the input
    output: manifest.Tensor  # size and quantization of the output
    operators: list[str]  # built-in operators in use, each once, sorted
    macs: int  # multiply-accumulates of one inference


def to_int8(model: keras.Model, train: NDArray[np.int8], quantizer: InputQuantizer) -> bytes:
    """Convert `model` to int8 weights, activations, input and output, with batch 1.

    Args:
        model: float32 [batch, size] in and out.
        train: int8 [n, size], quantized by `quantizer`. At most CALIBRATION_WINDOWS of them,
            evenly spaced, calibrate the ranges of the activations.
        quantizer: the quantization with which the model was fitted.

    Raises:
        QuantizeError: the model's input has another quantization.
    """
    size = train.shape[1]
    # A fixed batch of one: without it the graph carries SHAPE, PACK and STRIDED_SLICE.
    window = keras.Input(batch_shape=(1, size), name="window")
    deployed = keras.Model(window, model(window, training=False), name="deployed")
    converter = tf.lite.TFLiteConverter.from_keras_model(deployed)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # One scale per dense layer: the TensorFlow Lite Micro library on the boards would apply the
    # first row's scale to all rows.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    rows = np.linspace(0, len(train) - 1, min(len(train), CALIBRATION_WINDOWS)).round()
    real = quantizer.dequantize(with_extremes(train[rows.astype(np.int64)]))
    converter.representative_dataset = lambda: ([row[None]] for row in real)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flatbuffer = match_factors(without_unused_buffers(converter.convert()))
    result = read_model_info(flatbuffer).input
    close = math.isclose(result.scale, float(quantizer.scale), rel_tol=1e-5)
    if not close or result.zero_point != quantizer.zero_point:
        raise QuantizeError(
            f"the converted model's input has scale {result.scale:g} and zero point "
            f"{result.zero_point}, but the windows were quantized with "
            f"{float(quantizer.scale):g} and {quantizer.zero_point}; this is a defect of Vigil or "
            "of this TensorFlow version"
        )
    return flatbuffer


def without_unused_buffers(flatbuffer: bytes) -> bytes:
    """Clear the buffers to which no tensor and no metadata refers.

    The converter leaves state of an LSTM in such buffers, and it differs between conversions.
    Without unused buffers, the flatbuffer is returned as it is.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    unused = [b for i, b in enumerate(model.buffers) if i not in used and b.data is not None]
    if not unused:
        return flatbuffer
    for buffer in unused:
        buffer.data = None
    builder = flatbuffers.Builder(len(flatbuffer))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def with_extremes(windows: NDArray[np.int8]) -> NDArray[np.int8]:
    """Set one lowest value of int8 `windows` to -128 and one highest to 127.

    Calibration then covers the whole input range. Two values change, so the ranges of the inner
    layers stay nearly the same.
    """
    changed = windows.copy()
    for end, at in ((-128, int(windows.argmin())), (127, int(windows.argmax()))):
        changed.flat[at] = end
    return changed


def read_model_info(flatbuffer: bytes) -> ModelInfo:
    """Read input, output, operators and multiply-accumulates of a TensorFlow Lite model."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))
    graph = model.subgraphs[0]
    codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
    names = [codes[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in model.operatorCodes]
    macs = 0
    for operator in graph.operators:
        name = names[operator.opcodeIndex]
        shape = [list(graph.tensors[i].shape) for i in operator.inputs if i >= 0]
        out = list(graph.tensors[operator.outputs[0]].shape)
        if name == "FULLY_CONNECTED":  # weights [out, in], for each row
            macs += math.prod(shape[0]) // shape[1][1] * math.prod(shape[1])
        elif name in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            # weights [out, height, width, in] or [1, height, width, out], per output position
            macs += math.prod(out[:-1]) * math.prod(shape[1])
        elif name == "TRANSPOSE_CONV":  # weights [out, height, width, in], per input position
            macs += math.prod(shape[2][:-1]) * math.prod(shape[1])
        elif name == "UNIDIRECTIONAL_SEQUENCE_LSTM":  # four gates, each from input and state
            steps, weights = math.prod(shape[0][:-1]), shape[1:9]
            macs += steps * sum(math.prod(each) for each in weights)
    return ModelInfo(
        input=_tensor(graph.tensors[graph.inputs[0]]),
        output=_tensor(graph.tensors[graph.outputs[0]]),
        operators=sorted({names[operator.opcodeIndex] for operator in graph.operators}),
        macs=int(macs),
    )


def _tensor(tensor: Any) -> manifest.Tensor:
    if tensor.type != schema.TensorType.INT8 or tensor.quantization is None:
        raise QuantizeError(f"tensor {tensor.name.decode()} is not int8")
    return manifest.Tensor(
        size=math.prod(tensor.shape),
        scale=manifest.float32_text(tensor.quantization.scale[0]),
        zero_point=int(tensor.quantization.zeroPoint[0]),
    )

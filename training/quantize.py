"""A Keras model to an int8 flatbuffer, and what the flatbuffer says of itself."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training import tensorflow_setup
from training.bundle import manifest
from training.bundle.errors import VigilError
from training.input_quantization import Grid
from training.weight_scales import agree_on_factors

if TYPE_CHECKING:
    import keras


# Windows that calibrate the activations' ranges. TensorFlow's guide takes 100 to 500; every one
# runs through unoptimized kernels, which for 48,000 images would take longer than the fit.
CALIBRATION_WINDOWS = 1000


class QuantizeError(VigilError):
    """A model that does not come out as int8 on the grid it was trained on."""


@dataclass(frozen=True)
class Facts:
    """What a flatbuffer holds."""

    input: manifest.Tensor
    output: manifest.Tensor
    operators: list[str]  # each builtin operator once, sorted
    macs: int  # multiply-accumulates of one inference


def to_int8(model: keras.Model, train: NDArray[np.int8], grid: Grid) -> bytes:
    """Convert `model` to int8 weights, activations, input and output, for a batch of one.

    `train`, int8 [n, size] on `grid`, calibrates the activations' ranges: all of it, or
    CALIBRATION_WINDOWS evenly spaced ones.
    Raises QuantizeError if the model's input does not come out as `grid`.
    """
    import keras
    import tensorflow as tf

    size = train.shape[1]
    # A fixed batch of one: without it the graph carries SHAPE, PACK and STRIDED_SLICE.
    window = keras.Input(batch_shape=(1, size), name="window")
    deployed = keras.Model(window, model(window, training=False), name="deployed")
    converter = tf.lite.TFLiteConverter.from_keras_model(deployed)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # One scale a layer: the TensorFlow Lite Micro library that boards run knows no more for dense
    # layers, and would take the first row's for all of them.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    taken = np.linspace(0, len(train) - 1, min(len(train), CALIBRATION_WINDOWS)).round()
    real = grid.real(with_extremes(train[taken.astype(np.int64)]))
    converter.representative_dataset = lambda: ([row[None]] for row in real)
    with tensorflow_setup.quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flatbuffer = agree_on_factors(without_leftovers(converter.convert()))
    found = read_facts(flatbuffer).input
    close = math.isclose(found.scale, float(grid.scale), rel_tol=1e-5)
    if not close or found.zero_point != grid.zero_point:
        raise QuantizeError(
            f"the model's input came out with scale {found.scale:g} and zero point "
            f"{found.zero_point}, but the windows were scaled with {float(grid.scale):g} and "
            f"{grid.zero_point}; this is a defect of Vigil or of the converter's version"
        )
    return flatbuffer


def without_leftovers(flatbuffer: bytes) -> bytes:
    """`flatbuffer` without the contents of buffers that nothing refers to.

    The converter leaves some of an LSTM's state behind, which is not the same from one conversion
    to the next. Where there is none, the bytes stay as they are.
    """
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    left = [b for i, b in enumerate(model.buffers) if i not in used and b.data is not None]
    if not left:
        return flatbuffer
    for buffer in left:
        buffer.data = None
    builder = flatbuffers.Builder(len(flatbuffer))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def with_extremes(windows: NDArray[np.int8]) -> NDArray[np.int8]:
    """`windows`, in which -128 and 127 occur, so that calibration finds the whole input grid.

    The lowest and highest value there is are moved out to the ends: the smallest change that does
    it, so that the ranges of the inner layers hardly notice.
    """
    changed = windows.copy()
    for end, at in ((-128, int(windows.argmin())), (127, int(windows.argmax()))):
        changed.flat[at] = end
    return changed


def read_facts(flatbuffer: bytes) -> Facts:
    """Input, output, operators and multiply-accumulates of a TensorFlow Lite model."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))
    graph = model.subgraphs[0]
    codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
    names = [codes[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in model.operatorCodes]
    macs = 0
    for operator in graph.operators:
        name = names[operator.opcodeIndex]
        shape = [list(graph.tensors[i].shape) for i in operator.inputs if i >= 0]
        out = list(graph.tensors[operator.outputs[0]].shape)
        if name == "FULLY_CONNECTED":  # weights [out, in], applied to every row
            macs += math.prod(shape[0]) // shape[1][1] * math.prod(shape[1])
        elif name in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            # weights [out, height, width, in] or [1, height, width, out], at every output position
            macs += math.prod(out[:-1]) * math.prod(shape[1])
        elif name == "TRANSPOSE_CONV":  # weights [out, height, width, in], at every input position
            macs += math.prod(shape[2][:-1]) * math.prod(shape[1])
        elif name == "UNIDIRECTIONAL_SEQUENCE_LSTM":  # four gates, from the input and the state
            steps, weights = math.prod(shape[0][:-1]), shape[1:9]
            macs += steps * sum(math.prod(each) for each in weights)
    return Facts(
        input=_tensor(graph.tensors[graph.inputs[0]], schema),
        output=_tensor(graph.tensors[graph.outputs[0]], schema),
        operators=sorted({names[operator.opcodeIndex] for operator in graph.operators}),
        macs=int(macs),
    )


def _tensor(tensor: Any, schema: Any) -> manifest.Tensor:
    if tensor.type != schema.TensorType.INT8 or tensor.quantization is None:
        raise QuantizeError(f"tensor {tensor.name.decode()} is not int8")
    return manifest.Tensor(
        size=math.prod(tensor.shape),
        scale=manifest.float32_text(tensor.quantization.scale[0]),
        zero_point=int(tensor.quantization.zeroPoint[0]),
    )

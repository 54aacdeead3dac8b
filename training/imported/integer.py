"""From a flatbuffer with float parts to one of int8: cut ends, or quantize the whole."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import ConvertError
from training.bundle.validation import brief
from training.imported.graph import names_of, packed, parsed
from training.quantize import with_extremes, without_unused_buffers
from training.quiet import quiet
from training.tensorflow_setup import schema, tf
from training.weight_scales import match_factors

_PLAIN = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
_INT8 = schema.TensorType.INT8


def without_float_ends(flatbuffer: bytes) -> bytes | None:
    """Cut QUANTIZE from the front and DEQUANTIZE or QUANTIZE from the end of a full-integer model.

    The board's scaler and score do their work. Returns None if input or output is not int8 then.
    """
    model = parsed(flatbuffer)
    graph = model.subgraphs[0]
    names = names_of(model)
    while True:
        source, target = graph.inputs[0], graph.outputs[0]
        readers = [op for op in graph.operators if source in list(op.inputs)]
        writers = [op for op in graph.operators if target in list(op.outputs)]
        whole = [graph.tensors[i].type == _INT8 for i in (source, target)]
        if all(whole):
            return without_unused_buffers(packed(model, flatbuffer))
        if not whole[0] and len(readers) == 1 and names[readers[0].opcodeIndex] == "QUANTIZE":
            graph.operators.remove(readers[0])
            graph.inputs = np.array(readers[0].outputs, np.int32)
        elif (
            not whole[1]
            and len(writers) == 1
            and names[writers[0].opcodeIndex] in ("DEQUANTIZE", "QUANTIZE")
        ):
            graph.operators.remove(writers[0])
            graph.outputs = np.array(writers[0].inputs, np.int32)
        else:
            return None


def to_int8(
    flatbuffer: bytes, windows: NDArray[np.int8], dequantize: Callable[..., Any], where: str
) -> bytes:
    """Quantize a float flatbuffer to int8 weights, activations, input and output.

    Args:
        windows: int8 [n, size], representative windows.
        dequantize: from int8 windows to the real values that the model takes.

    Raises:
        ConvertError: TensorFlow cannot quantize the model.
    """
    # Imported here: they are private parts of TensorFlow, which only a float model needs.
    from tensorflow.lite.python import convert
    from tensorflow.lite.python.optimize import calibrator

    graph = parsed(flatbuffer).subgraphs[0]
    shape = [int(side) for side in graph.tensors[int(graph.inputs[0])].shape]

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for row in dequantize(with_extremes(windows)):
            yield [row.reshape(shape)]

    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            prepared = calibrator.add_intermediate_tensors(flatbuffer)
            calibrated = calibrator.Calibrator(prepared).calibrate(representative)
            # One scale per dense layer, which the TensorFlow Lite Micro of the boards needs.
            quantized = convert.mlir_quantize(
                calibrated,
                input_data_type=tf.int8,
                output_data_type=tf.int8,
                disable_per_channel_for_dense_layers=True,
            )
        except Exception as problem:  # TensorFlow raises a dozen kinds
            lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
            reason = brief(lines[0] if lines else type(problem).__name__)
            raise ConvertError(
                f"{where}: TensorFlow cannot quantize it: {reason}; convert it with full-integer "
                "quantization"
            ) from None
        # Warnings are still off: factors may overflow, and the converter then refuses them.
        return match_factors(without_unused_buffers(bytes(quantized)))


def with_fixed_shapes(flatbuffer: bytes) -> bytes:
    """Replace the operators that only compute shapes by their constants, for a batch of one.

    A graph converted with an open batch computes its shapes at run time from the batch. Shapes
    that depend on it are 1 in the file; they get their true values.
    """
    model = parsed(flatbuffer)
    graph = model.subgraphs[0]
    names = names_of(model)
    known = {
        i
        for i, tensor in enumerate(graph.tensors)
        if model.buffers[tensor.buffer].data is not None and len(model.buffers[tensor.buffer].data)
    }
    folded = []
    for operator in graph.operators:
        inputs = {int(i) for i in operator.inputs if i >= 0}
        integers = all(
            graph.tensors[i].type in (schema.TensorType.INT32, schema.TensorType.INT64)
            for i in operator.outputs
        )
        if integers and (names[operator.opcodeIndex] == "SHAPE" or inputs <= known):
            folded.append(operator)
            known.update(int(i) for i in operator.outputs)
    is_open = any(-1 in _sides(tensor.shapeSignature) for tensor in graph.tensors)
    if not folded and not is_open:
        return flatbuffer
    interpreter = _interpreter(flatbuffer)
    interpreter.invoke()
    for operator in folded:
        graph.operators.remove(operator)
        for i in operator.outputs:
            value = np.ascontiguousarray(interpreter.get_tensor(int(i)))
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(value.tobytes(), np.uint8)
            model.buffers.append(buffer)
            graph.tensors[i].buffer = len(model.buffers) - 1
    for details in interpreter.get_tensor_details():
        if details["index"] < len(graph.tensors):
            tensor = graph.tensors[details["index"]]
            tensor.shapeSignature = None
            if _sides(tensor.shape) != _sides(details["shape"]):
                tensor.shape = np.array(details["shape"], np.int32)
    return packed(model, flatbuffer)


def _sides(shape: Any) -> list[int]:
    return [] if shape is None else [int(side) for side in shape]


def _interpreter(flatbuffer: bytes) -> Any:
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf.lite.Interpreter is deprecated
        interpreter = tf.lite.Interpreter(
            model_content=flatbuffer,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=_PLAIN,  # a delegate would hide tensors
        )
        interpreter.allocate_tensors()
    return interpreter


def refuse_other_tasks(flatbuffer: bytes, where: str) -> None:
    """Refuse a model that is no autoencoder, by what it is.

    Raises:
        ConvertError: on one line.
    """
    model = parsed(flatbuffer)
    graph = model.subgraphs[0]
    source, target = (graph.tensors[int(ends[0])] for ends in (graph.inputs, graph.outputs))
    sizes = [int(np.prod(tensor.shape)) for tensor in (source, target)]
    last = names_of(model)[graph.operators[-1].opcodeIndex] if graph.operators else ""
    before = {names_of(model)[op.opcodeIndex] for op in graph.operators[-3:]}
    if sizes[0] == sizes[1]:
        return
    if sizes[1] < sizes[0] and ("SOFTMAX" in before or last in ("ARG_MAX", "LOGISTIC")):
        what = f"a classifier of {max(sizes[1], 2)} classes"
    elif sizes[1] < sizes[0]:
        what = "a classifier, a regression or an encoder"
    else:
        what = "a generator or a decoder"
    raise ConvertError(
        f"{where}: takes {sizes[0]} values and returns {sizes[1]}: {what}, not an autoencoder, "
        "whose output is its window again"
    )

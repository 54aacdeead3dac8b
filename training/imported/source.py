"""Read a model file: .tflite, .keras, .h5 or a SavedModel, as a flatbuffer for one window."""

from __future__ import annotations

import math
import warnings
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import ConvertError
from training.bundle.files import MAX_FILE_BYTES
from training.bundle.flatbuffer import DamagedError, root
from training.bundle.regular_file import check_regular, read_regular
from training.bundle.validation import brief
from training.imported.structure import check_structure
from training.models.weight_limit import weight_limit
from training.quiet import quiet
from training.tensorflow_setup import keras, tf

MOST_STEPS = 64  # of a recurrent layer that is unrolled: each step is a copy of its operators

_ACCELERATORS = {  # by the name of the operator that holds their program
    "ethos-u": "an Arm Ethos-U",
    "edgetpu-custom-op": "a Coral Edge TPU",
}

SUFFIXES = (".tflite", ".lite", ".keras", ".h5", ".hdf5")

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """The model as it was given, run by TensorFlow Lite on this computer."""

    flatbuffer: bytes
    where: str  # its name in messages

    @cached_property
    def interpreter(self) -> Any:
        """The interpreter, which keeps all tensors."""
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tf.lite.Interpreter is deprecated
            try:
                interpreter = tf.lite.Interpreter(
                    model_content=self.flatbuffer, experimental_preserve_all_tensors=True
                )
                interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as problem:
                reason = brief(str(problem).splitlines()[0])
                raise ConvertError(
                    f"{self.where}: TensorFlow Lite cannot run it: {reason}"
                ) from None
        return interpreter

    @property
    def input(self) -> dict[str, Any]:
        """Index, shape, dtype and quantization of the only input."""
        return _only(self.interpreter.get_input_details(), "input", self.where)

    @property
    def output(self) -> dict[str, Any]:
        """Index, shape, dtype and quantization of the only output."""
        return _only(self.interpreter.get_output_details(), "output", self.where)

    def predict(self, real: Values, batch_size: int = 1, verbose: int = 0) -> Values:
        """Reconstruct float32 [n, size], window by window; the options of Keras have no effect."""
        return self.run(real, self.output)

    def run(self, real: Values, target: dict[str, Any]) -> Values:
        """Return a tensor's real values for each window, float32 [n, values]."""
        source, rows = self.input, []
        for window in real:
            self.interpreter.reset_all_variables()
            given = _quantized(window.reshape(source["shape"]), source)
            self.interpreter.set_tensor(source["index"], given)
            try:
                self.interpreter.invoke()
            except RuntimeError as problem:
                reason = brief(str(problem).splitlines()[0])
                raise ConvertError(
                    f"{self.where}: TensorFlow Lite cannot run it: {reason}"
                ) from None
            rows.append(_real(self.interpreter.get_tensor(target["index"]), target).ravel())
        return np.stack(rows) if rows else np.empty((0, math.prod(target["shape"])), np.float32)

    def code(self, real: Values) -> Values:
        """Return the smallest activation of several values, float32 [n, code].

        A reconstruction passes through it, so it is the code of an autoencoder.
        """
        known = {self.input["index"], self.output["index"]}
        before = self.run(real[:1], self.output)  # allocates every activation
        details = self.interpreter.get_tensor_details()
        computed = {int(i) for op in self.interpreter._get_ops_details() for i in op["outputs"]}
        sizes = {
            each["index"]: math.prod(each["shape"])
            for each in details
            if each["index"] in computed - known and each["dtype"] in (np.float32, np.int8)
        }
        wide = {i: size for i, size in sizes.items() if 1 < size < before.size}
        if not wide:
            return real[:, :2]
        smallest = min(wide, key=lambda i: (wide[i], i))
        return self.run(real, next(each for each in details if each["index"] == smallest))

    @property
    def parameters(self) -> int:
        """Count the values of constant tensors with two or more values."""
        graph = root(self.flatbuffer, b"TFL3")
        buffers = graph.tables(4)
        sizes = [
            math.prod(tensor.array(0, "<i4").tolist())
            for tensor in graph.tables(2)[0].tables(0)
            if len(buffers[tensor.uint32(2)].array(0, "u1"))
        ]
        return sum(size for size in sizes if size > 1)


def read_source(path: Path) -> Source:
    """Read a model of one window.

    Raises:
        ConvertError: on one line, that the file is no model, or none that a detector can use.
    """
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise ConvertError(f"{path}: is no SavedModel: it holds no saved_model.pb")
        for file in (path / "saved_model.pb", *path.glob("variables/*")):
            check_regular(file, MAX_FILE_BYTES, ConvertError)
        return _checked(_guarded(path, lambda: _of_saved_model(path)), path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConvertError(
            f"{path}: is no model that Vigil reads; name a .tflite, .keras or .h5 file, or the "
            "folder of a SavedModel"
        )
    if path.suffix.lower() in (".tflite", ".lite"):
        return _checked(read_regular(path, MAX_FILE_BYTES, ConvertError), path)
    check_regular(path, MAX_FILE_BYTES, ConvertError)
    if not path.exists():
        raise ConvertError(f"{path}: no such file")
    # Keras calls a damaged archive a file that is not there.
    if path.suffix.lower() == ".keras" and not zipfile.is_zipfile(path):
        raise ConvertError(f"{path}: is not a whole .keras file; copy or save it again")
    return _checked(_guarded(path, lambda: _of_keras(path)), path)


def _checked(data: bytes, path: Path) -> Source:
    """Check what TensorFlow Lite does not: that the file is whole, and one graph."""
    try:
        model = root(data, b"TFL3")
        graphs = model.tables(2)
        inputs = [len(graph.array(1, "<i4")) for graph in graphs[:1]]
        outputs = [len(graph.array(2, "<i4")) for graph in graphs[:1]]
    except DamagedError as problem:
        raise ConvertError(
            f"{path}: not a whole TensorFlow Lite model: {problem}; copy or convert it again"
        ) from None
    if not graphs:
        raise ConvertError(
            f"{path}: the model is damaged: it has no graph; copy or convert it again"
        )
    if len(graphs) > 1:
        raise ConvertError(
            f"{path}: has {len(graphs)} graphs: a loop, such as that of a recurrent layer; use a "
            f"Keras model with a window of at most {MOST_STEPS} steps, which is unrolled"
        )
    for role, count in (("input", inputs[0]), ("output", outputs[0])):
        _check_one(count, role, str(path))
    try:
        for code in model.tables(1):
            if code.text(1) in _ACCELERATORS:
                raise ConvertError(
                    f"{path}: is compiled for {_ACCELERATORS[code.text(1)]}; import the file from "
                    "which it was compiled"
                )
        check_structure(model, graphs[0])
    except DamagedError as problem:
        raise ConvertError(
            f"{path}: the model is damaged: {problem}; copy or convert it again"
        ) from None
    return Source(data, path.name)


def _check_one(count: int, role: str, where: str) -> None:
    if count != 1:
        raise ConvertError(
            f"{where}: has {count} {role}s, must have 1: a detector compares one window with its "
            "reconstruction"
        )


def _only(details: list[dict[str, Any]], role: str, where: str) -> dict[str, Any]:
    _check_one(len(details), role, where)
    return details[0]


def _guarded(path: Path, convert: Any) -> bytes:
    """Convert with messages of TensorFlow reduced to one line."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bytes(convert())
        except ConvertError:
            raise
        except Exception as problem:  # Keras and TensorFlow raise a dozen kinds
            lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
            reason = brief(lines[0] if lines else type(problem).__name__)
            raise ConvertError(
                f"{path}: cannot be read: {reason}; export it with model.export(FOLDER), or "
                "convert it to .tflite"
            ) from None


def _of_keras(path: Path) -> bytes:
    with weight_limit(str(path)):
        model = keras.models.load_model(path, compile=False)
    for role, tensors in (("input", model.inputs), ("output", model.outputs)):
        _check_one(len(tensors), role, str(path))
    shape = _fixed(tuple(model.inputs[0].shape[1:]), path)
    if shape[0] <= MOST_STEPS:
        for layer in model._flatten_layers():
            if hasattr(layer, "unroll"):  # a recurrent layer, whose loop no board can run
                layer.unroll = True
    # A fixed batch of one: without it the graph carries SHAPE, PACK and STRIDED_SLICE.
    window = keras.Input(batch_shape=(1, *shape), dtype=model.inputs[0].dtype)
    single = keras.Model(window, model(window, training=False))
    converted: bytes = tf.lite.TFLiteConverter.from_keras_model(single).convert()
    return converted


def _of_saved_model(path: Path) -> bytes:
    loaded = tf.saved_model.load(str(path))  # owns the variables of its functions
    if "serving_default" not in loaded.signatures:
        raise ConvertError(f"{path}: has no signature 'serving_default'; export it again")
    function = loaded.signatures["serving_default"]
    _check_one(len(function.structured_input_signature[1]), "input", str(path))
    _check_one(len(function.structured_outputs), "output", str(path))
    source = function.inputs[0]
    source.set_shape([1, *_fixed(tuple(source.shape[1:]), path)])
    converted: bytes = tf.lite.TFLiteConverter.from_concrete_functions([function], loaded).convert()
    return converted


def _fixed(shape: tuple[int | None, ...], path: Path) -> tuple[int, ...]:
    if None in shape:
        raise ConvertError(
            f"{path}: the length of its window is open ({list(shape)}); save it with an input of "
            "fixed shape"
        )
    return tuple(int(side or 0) for side in shape)


def _quantized(values: Values, tensor: dict[str, Any]) -> NDArray[Any]:
    if tensor["dtype"] == np.float32:
        return np.asarray(values, np.float32)
    scale, zero_point = tensor["quantization"]
    ends = np.iinfo(tensor["dtype"])
    steps = np.rint(values / np.float32(scale or 1)) + zero_point
    return np.asarray(np.clip(steps, ends.min, ends.max), tensor["dtype"])


def _real(values: NDArray[Any], tensor: dict[str, Any]) -> Values:
    if tensor["dtype"] == np.float32:
        return np.asarray(values, np.float32)
    scale, zero_point = tensor["quantization"]
    return np.asarray((values.astype(np.float32) - zero_point) * (scale or 1), np.float32)

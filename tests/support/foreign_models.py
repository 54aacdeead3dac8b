"""Models as somebody else would hand them over, in every file format, without a fit.

The autoencoder projects standard scores of two tones onto their principal components.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WINDOW = 32


def tones(frames: int = 4000, seed: int = 1) -> np.ndarray:
    """A signal around 3.0 in its own units, float64 [frames]."""
    t = np.arange(frames)
    noise = 0.05 * np.random.default_rng(seed).standard_normal(frames)
    return 3 + 2 * np.sin(2 * np.pi * t / 40) + 0.5 * np.sin(2 * np.pi * t / 9) + noise


def write_csv(path: Path, columns: int = 1) -> Path:
    """The tones as a recording of 100 frames per second with `columns` channels."""
    signals = np.stack([tones(seed=i) for i in range(columns)], axis=1)
    head = ",".join(["time", *(f"c{i}" for i in range(columns))])
    times = np.arange(len(signals)) / 100
    np.savetxt(path, np.column_stack([times, signals]), "%.4f", ",", header=head, comments="")
    return path


def windows() -> np.ndarray:
    """Standard scores, float32 [n, WINDOW]."""
    signal = tones()
    scores = (signal - signal.mean()) / signal.std()
    return np.lib.stride_tricks.sliding_window_view(scores, WINDOW)[::7].astype(np.float32)


def autoencoder(shape: tuple[int, ...] = (WINDOW,)) -> Any:
    """A Keras model of windows of `shape`; its code has four values."""
    from training.tensorflow_setup import keras

    _, _, axes = np.linalg.svd(windows(), full_matrices=False)
    weights = axes[:4].T.astype(np.float32)
    source = keras.Input(shape)
    code = keras.layers.Dense(4, use_bias=False)(keras.layers.Reshape((WINDOW,))(source))
    decoder = keras.layers.Dense(WINDOW, use_bias=False)
    target = keras.layers.Reshape(shape)(decoder(code))
    model = keras.Model(source, target)
    model.set_weights([weights, weights.T])
    return model


def converted(model: Any, integer: str | None = None, half: bool = False) -> bytes:
    """A .tflite file: float, or `integer` ends ("float32", "uint8", "int8") around int8.

    `half`: the weights of a float model are float16.
    """
    from training.quiet import quiet
    from training.tensorflow_setup import tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if integer is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        shape = (1, *model.inputs[0].shape[1:])
        converter.representative_dataset = lambda: ([w.reshape(shape)] for w in windows())
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = getattr(tf, integer)
        converter.inference_output_type = getattr(tf, integer)
    elif half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    with quiet():
        return bytes(converter.convert())


def exported(model: Any, folder: Path) -> Path:
    """A SavedModel."""
    from training.quiet import quiet

    with quiet():
        model.export(folder / "exported", verbose=False)
    return folder / "exported"


def saved(model: Any, path: Path) -> Path:
    """A file of Keras, whose suffix chooses the format."""
    model.save(path)
    return path


def written(data: bytes, path: Path) -> Path:
    """A file of these bytes."""
    path.write_bytes(data)
    return path


FORMS: dict[str, Callable[[Any, Path], Path]] = {
    "keras": lambda model, folder: saved(model, folder / "model.keras"),
    "h5": lambda model, folder: saved(model, folder / "model.h5"),
    "SavedModel": exported,
    "float": lambda model, folder: written(converted(model), folder / "float.tflite"),
    "float16": lambda m, folder: written(converted(m, half=True), folder / "half.tflite"),
    "float ends": lambda m, folder: written(converted(m, "float32"), folder / "ends.tflite"),
    "uint8 ends": lambda m, folder: written(converted(m, "uint8"), folder / "uint8.tflite"),
    "int8": lambda model, folder: written(converted(model, "int8"), folder / "int8.tflite"),
}

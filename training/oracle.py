"""The oracle for int8 inference: the TensorFlow Lite Micro interpreter.

Never `tf.lite` or LiteRT: they round once where TensorFlow Lite Micro rounds twice, and differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ARENA_BYTES = 1 << 22


class Oracle:
    """One model in the interpreter; batch 1, int8 in and out."""

    def __init__(self, model: bytes, arena_bytes: int = ARENA_BYTES) -> None:
        from tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        self._input_shape = tuple(self._interpreter.get_input_details(0)["shape"])

    def run(self, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """int8 [n, input size] to int8 [n, output size]."""
        outputs = []
        for row in inputs:
            self._interpreter.set_input(row.reshape(self._input_shape), 0)
            self._interpreter.invoke()
            outputs.append(np.array(self._interpreter.get_output(0), np.int8).ravel())
        return np.stack(outputs) if outputs else np.empty((0, 0), np.int8)

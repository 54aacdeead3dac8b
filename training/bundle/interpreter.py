"""The reference for int8 inference: the TensorFlow Lite Micro (TFLM) interpreter.

`tf.lite` and LiteRT are no reference: they round once where TFLM rounds twice, so that their
outputs differ.

The interpreter does not verify the flatbuffer, so a damaged model can crash the process.
`probe_arena` therefore runs a model first in a child process
(`python -m training.bundle.interpreter`).
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import ConvertError

ARENA_BYTES = 1 << 22
PROBE_SECONDS = 60.0
_REJECTED = 3  # exit code of the child; the reason is on standard error


class Interpreter:
    """One model in the interpreter, with batch 1 and int8 input and output.

    A damaged flatbuffer can crash the process: use `open_interpreter` for a model from a file.

    Raises:
        ConvertError: the interpreter rejects the model.
    """

    def __init__(
        self, model: bytes, arena_bytes: int = ARENA_BYTES, *, keep_tensors: bool = False
    ) -> None:
        """Load `model`; with `keep_tensors`, activations() can read its hidden tensors."""
        # Imported here: the conversion of most models, and the monitor, do not need it.
        from tflite_micro import runtime

        config = runtime.InterpreterConfig(int(keep_tensors))
        with _captured_stderr() as stderr_text:
            try:
                self._interpreter = runtime.Interpreter.from_bytes(
                    model, arena_size=arena_bytes, intrepreter_config=config
                )
            except (RuntimeError, ValueError) as problem:
                raise ConvertError(
                    "the TensorFlow Lite Micro interpreter rejects the model: "
                    f"{_last_line(stderr_text()) or problem}"
                ) from None
            except (struct.error, TypeError, IndexError, UnicodeDecodeError) as problem:
                # The interpreter's Python part parses parts of the file that nothing else reads.
                raise ConvertError(
                    "the model is damaged: the interpreter cannot read all of it "
                    f"({problem}); copy or convert it again"
                ) from None
        self._input_shape = tuple(self._interpreter.get_input_details(0)["shape"])

    @property
    def input_size(self) -> int:
        """Values in one input window."""
        return math.prod(self._input_shape)

    def run(self, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """Infer int8 [n, input size] to int8 [n, output size]; state is reset for each window."""
        outputs = []
        for row in inputs:
            self._interpreter.reset()
            self._interpreter.set_input(row.reshape(self._input_shape), 0)
            self._interpreter.invoke()
            outputs.append(np.array(self._interpreter.get_output(0), np.int8).ravel())
        return np.stack(outputs) if outputs else np.empty((0, 0), np.int8)

    def activations(
        self, inputs: NDArray[np.int8], tensors: Sequence[int]
    ) -> list[NDArray[np.int8]]:
        """Infer int8 [n, input size]; return int8 [n, size] of each of the `tensors`."""
        windows: list[list[NDArray[np.int8]]] = []
        for row in inputs:
            self._interpreter.reset()
            self._interpreter.set_input(row.reshape(self._input_shape), 0)
            self._interpreter.invoke()
            read = (self._interpreter.GetTensor(each, 0)["tensor_data"] for each in tensors)
            windows.append([np.array(values, np.int8).ravel() for values in read])
        return [np.stack(each) for each in zip(*windows, strict=True)]

    def constants(self, count: int) -> list[NDArray[Any]]:
        """Compute the first `count` outputs of a model whose outputs do not depend on its input."""
        self._interpreter.reset()
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_output(i)) for i in range(count)]

    @property
    def arena_bytes(self) -> int:
        """Bytes of arena in use on this machine, whose pointers have 64 bits."""
        with _captured_stderr() as stderr_text:
            self._interpreter.print_allocations()
            text = stderr_text()
        total = re.search(r"Arena allocation total (\d+) bytes", text)
        if not total:
            raise ConvertError("the interpreter did not report the size of its arena")
        return int(total.group(1))


def probe_arena(model: bytes) -> int:
    """Run `model` once in a child process, and return the bytes of arena that it uses.

    Raises:
        ConvertError: the interpreter rejects the model, crashes on it, or does not end in time.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    try:
        child = subprocess.run(
            [sys.executable, "-m", "training.bundle.interpreter"],
            input=model,
            capture_output=True,
            timeout=PROBE_SECONDS,
            env={**os.environ, "PYTHONPATH": paths},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConvertError(
            f"the TensorFlow Lite Micro interpreter needs more than {PROBE_SECONDS:.0f} s for one "
            "window: the model is damaged, or far too large for a board; take a smaller one"
        ) from None
    errors = child.stderr.decode(errors="replace").splitlines()
    if child.returncode == _REJECTED and errors:
        raise ConvertError(errors[-1])
    if child.returncode:
        reason = (
            signal.Signals(-child.returncode).name
            if child.returncode < 0
            else f"exit code {child.returncode}"
        )
        raise ConvertError(
            f"the TensorFlow Lite Micro interpreter crashes on the model ({reason}): it is "
            "damaged; copy or convert it again"
        )
    return int(child.stdout)


def open_interpreter(model: bytes, *, keep_tensors: bool = False) -> Interpreter:
    """Load `model` in this process, after `probe_arena` has shown that it does not crash.

    With `keep_tensors`, Interpreter.activations() can read its hidden tensors.

    Raises:
        ConvertError: as `probe_arena`.
    """
    probe_arena(model)
    return Interpreter(model, keep_tensors=keep_tensors)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


@contextlib.contextmanager
def _captured_stderr() -> Iterator[Callable[[], str]]:
    """Redirect what the C++ code writes to stderr; yields a function that returns the text."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:

        def read() -> str:
            file.seek(0)
            return file.read().decode("utf-8", "replace")

        os.dup2(file.fileno(), 2)
        try:
            yield read
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def main() -> None:
    """Read a model from standard input, run it once, and print the bytes of its arena."""
    try:
        interpreter = Interpreter(sys.stdin.buffer.read())
        interpreter.run(np.zeros((1, interpreter.input_size), np.int8))
        print(interpreter.arena_bytes)
    except ConvertError as problem:
        print(problem, file=sys.stderr)
        sys.exit(_REJECTED)


if __name__ == "__main__":
    main()

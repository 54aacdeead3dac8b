"""The reference for int8 inference: the TensorFlow Lite Micro interpreter.

Never `tf.lite` or LiteRT: they round once where TensorFlow Lite Micro rounds twice, and differ.

The interpreter does not verify what it reads, so a damaged model can end its process. A model
that has not run before is tried in a child process first (`python -m training.bundle.interpreter`).
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import ConvertError

ARENA_BYTES = 1 << 22
SECONDS = 60.0
_REFUSED = 3  # exit code; the reason is on standard error


class Interpreter:
    """One model in the interpreter; batch 1, int8 in and out.

    Raises ConvertError if the interpreter refuses the model. It does not verify flatbuffers: a
    damaged one can end the process, so read it with tools.convert.model first when in doubt.
    """

    def __init__(self, model: bytes, arena_bytes: int = ARENA_BYTES) -> None:
        from tflite_micro import runtime

        with _captured_stderr() as said:
            try:
                self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
            except (RuntimeError, ValueError) as problem:
                raise ConvertError(
                    f"the TensorFlow Lite Micro interpreter refuses the model: "
                    f"{_last_line(said()) or problem}"
                ) from None
        self._input_shape = tuple(self._interpreter.get_input_details(0)["shape"])

    @property
    def input_size(self) -> int:
        """Values of one window."""
        return math.prod(self._input_shape)

    def run(self, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """int8 [n, input size] to int8 [n, output size], from state 0 each."""
        outputs = []
        for row in inputs:
            self._interpreter.reset()
            self._interpreter.set_input(row.reshape(self._input_shape), 0)
            self._interpreter.invoke()
            outputs.append(np.array(self._interpreter.get_output(0), np.int8).ravel())
        return np.stack(outputs) if outputs else np.empty((0, 0), np.int8)

    @property
    def arena_bytes(self) -> int:
        """Bytes of arena that the interpreter takes here, where pointers have 64 bits."""
        with _captured_stderr() as said:
            self._interpreter.print_allocations()
            text = said()
        found = re.search(r"Arena allocation total (\d+) bytes", text)
        if not found:
            raise ConvertError("the interpreter did not say how much arena it takes")
        return int(found.group(1))


def interpreter_arena(model: bytes) -> int:
    """Bytes of arena that the interpreter takes for `model`, after one inference of it.

    Raises ConvertError, one line, if it refuses the model, breaks down on it, or does not end.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "training.bundle.interpreter"],
            input=model,
            capture_output=True,
            timeout=SECONDS,
            env={**os.environ, "PYTHONPATH": paths},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConvertError(
            f"the TensorFlow Lite Micro interpreter takes more than {SECONDS:.0f} s for one "
            "window: the model is damaged, or far too large for a board; train again"
        ) from None
    said = done.stderr.decode(errors="replace").splitlines()
    if done.returncode == _REFUSED and said:
        raise ConvertError(said[-1])
    if done.returncode:
        how = (
            signal.Signals(-done.returncode).name
            if done.returncode < 0
            else f"exit code {done.returncode}"
        )
        raise ConvertError(
            f"the TensorFlow Lite Micro interpreter breaks down on the model ({how}): it is "
            "damaged; train again"
        )
    return int(done.stdout)


def tried_interpreter(model: bytes) -> Interpreter:
    """The interpreter with `model` in this process, once a process of its own has come through it.

    Raises ConvertError as `interpreter_arena` does.
    """
    interpreter_arena(model)
    return Interpreter(model)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


@contextlib.contextmanager
def _captured_stderr() -> Iterator[Any]:
    """What the C++ side writes to stderr meanwhile, as a function that returns the text."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:

        def said() -> str:
            file.seek(0)
            return file.read().decode("utf-8", "replace")

        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def main() -> None:
    """Reads a model from standard input, and writes its arena's size to standard output."""
    try:
        interpreter = Interpreter(sys.stdin.buffer.read())
        interpreter.run(np.zeros((1, interpreter.input_size), np.int8))
        print(interpreter.arena_bytes)
    except ConvertError as problem:
        print(problem, file=sys.stderr)
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()

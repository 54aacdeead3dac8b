"""The interpreter in a process of its own, for models that nobody has run yet.

It does not verify what it reads, so a damaged model can end the process that it runs in. What ends
here is a child; `python -m tools.convert.interpreter` is that child.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np

from training.errors import ConvertError
from training.oracle import Oracle

SECONDS = 60.0
_REFUSED = 3  # exit code; the reason is on standard error


def interpreter_arena(model: bytes) -> int:
    """Bytes of arena that the interpreter takes for `model`, after one inference of it.

    Raises ConvertError, one line, if it refuses the model, breaks down on it, or does not end.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tools.convert.interpreter"],
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


def tried_oracle(model: bytes) -> Oracle:
    """The interpreter with `model` in this process, once a process of its own has come through it.

    Raises ConvertError as `interpreter_arena` does.
    """
    interpreter_arena(model)
    return Oracle(model)


def main() -> None:
    """Reads a model from standard input, and writes its arena's size to standard output."""
    try:
        oracle = Oracle(sys.stdin.buffer.read())
        oracle.run(np.zeros((1, oracle.input_size), np.int8))
        print(oracle.arena_bytes)
    except ConvertError as problem:
        print(problem, file=sys.stderr)
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()

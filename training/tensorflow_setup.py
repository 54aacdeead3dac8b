"""TensorFlow, imported once and quietly."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator


def prepare() -> None:
    """Import TensorFlow with its start-up chatter off. Idempotent; takes seconds the first time.

    oneDNN's kernels may sum in another order on another processor, so they are left out, unless
    the environment says otherwise.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

        tf.zeros(())  # finds its devices now, and tells of those that it did not find
    tf.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """TensorFlow writes to the C streams whatever the log level; not within this."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for stream, fd in enumerate(saved, start=1):
            os.dup2(fd, stream)
            os.close(fd)
        os.close(nowhere)

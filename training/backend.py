"""TensorFlow, imported once and quietly."""

from __future__ import annotations

import os
import warnings


def prepare() -> None:
    """Import TensorFlow with its start-up chatter off. Idempotent; takes seconds the first time.

    oneDNN's kernels may sum in another order on another processor, so they are left out, unless
    the environment says otherwise.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")

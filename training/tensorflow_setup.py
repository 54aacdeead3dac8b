"""TensorFlow and Keras, started quietly and with repeatable arithmetic.

The start takes seconds. Modules that only describe a run (recipe, windows, threshold, settings of
families) do without it, and programs import the other modules when they are about to train.
"""

from __future__ import annotations

import os
import warnings

from training.quiet import quiet

__all__ = ["keras", "schema", "tf"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# oneDNN may sum in another order on another processor.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
with quiet(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras
    import tensorflow as tf
    from tensorflow.lite.python import schema_py_generated as schema

    tf.zeros(())  # detects the devices now, while messages about missing ones are silenced
tf.get_logger().setLevel("ERROR")

"""What a fit minimises: reconstruction losses.

Each is a function on TensorFlow tensors that works inside a compiled loop: it takes target and
output, [batch, size], and gives one number a window, [batch].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

Loss = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]

EPSILON = 1e-7  # keeps logarithms finite


def mse(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Mean squared error."""
    import tensorflow as tf

    return tf.reduce_mean(tf.square(output - target), axis=-1)


def mae(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Mean absolute error."""
    import tensorflow as tf

    return tf.reduce_mean(tf.abs(output - target), axis=-1)


def binary_crossentropy(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Mean of -t log y - (1 - t) log(1 - y), for targets and outputs in 0 to 1."""
    import tensorflow as tf

    y = tf.clip_by_value(output, EPSILON, 1 - EPSILON)
    return -tf.reduce_mean(target * tf.math.log(y) + (1 - target) * tf.math.log(1 - y), axis=-1)


LOSSES: dict[str, Loss] = {"mse": mse, "mae": mae, "binary_crossentropy": binary_crossentropy}


def over_windows(losses: tf.Tensor, power: float) -> tf.Tensor:
    """The windows' losses [batch] to one number: the mean of their powers.

    No root is taken: it would bring every batch back to one size, and a batch that holds a badly
    reconstructed window must weigh more than one that does not.
    """
    import tensorflow as tf

    return tf.reduce_mean(losses if power == 1 else losses**power)

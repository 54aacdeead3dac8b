"""Objectives of the fit: reconstruction losses, and their mean over windows.

A loss takes target, output and, optionally, the weight of each value, float32 [batch, size], and
returns one value per window, float32 [batch]. All functions run inside a compiled graph.
"""

from __future__ import annotations

from collections.abc import Callable

from training.tensorflow_setup import tf

Loss = Callable[..., tf.Tensor]

EPSILON = 1e-7  # keeps the logarithms finite


def mse(target: tf.Tensor, output: tf.Tensor, weight: tf.Tensor | None = None) -> tf.Tensor:
    """Compute the mean squared error."""
    return _mean(tf.square(output - target), weight)


def mae(target: tf.Tensor, output: tf.Tensor, weight: tf.Tensor | None = None) -> tf.Tensor:
    """Compute the mean absolute error."""
    return _mean(tf.abs(output - target), weight)


def binary_crossentropy(
    target: tf.Tensor, output: tf.Tensor, weight: tf.Tensor | None = None
) -> tf.Tensor:
    """Compute the mean of -t log y - (1 - t) log(1 - y), for targets and outputs in 0 to 1."""
    y = tf.clip_by_value(output, EPSILON, 1 - EPSILON)
    return -_mean(target * tf.math.log(y) + (1 - target) * tf.math.log(1 - y), weight)


def _mean(values: tf.Tensor, weight: tf.Tensor | None) -> tf.Tensor:
    if weight is None:
        return tf.reduce_mean(values, axis=-1)
    return tf.reduce_sum(values * weight, axis=-1) / tf.reduce_sum(weight, axis=-1)


LOSSES: dict[str, Loss] = {"mse": mse, "mae": mae, "binary_crossentropy": binary_crossentropy}


def over_windows(losses: tf.Tensor, power: float) -> tf.Tensor:
    """Compute the mean of the powers of losses, float32 [batch].

    No root is taken: it would give all batches a similar size, but a batch with a badly
    reconstructed window must weigh more than others.
    """
    return tf.reduce_mean(losses if power == 1 else losses**power)


def over_faults(losses: tf.Tensor, margin: float, power: float) -> tf.Tensor:
    """Compute the mean of (margin / loss) ** power of abnormal windows, float32 [batch].

    It mirrors `over_windows`: a normal window of loss a weighs as much as an abnormal one of loss
    margin / a. An inverse as the term of labelled anomalies is from Ruff et al. 2020 (Deep SAD).
    The hundredth of the margin keeps it finite.
    """
    return tf.reduce_mean((margin / (losses + margin / 100)) ** power)

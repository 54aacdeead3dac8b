"""Kernels rounded to int8 during the fit (quantization-aware training of the weights)."""

from __future__ import annotations

from typing import Any

from training.tensorflow_setup import keras, tf

Kernel = tuple[Any, tuple[int, ...]]
"""A variable, and the axes over which it has one scale."""


def rounded_kernels(model: keras.Model) -> list[Kernel]:
    """List the kernels of dense and convolutional layers, with the converter's scales.

    The converter quantizes symmetrically, with one scale per dense layer and one per output
    channel of a convolution.
    """
    shared: dict[type, tuple[int, ...]] = {
        keras.layers.Dense: (0, 1),
        keras.layers.Conv2D: (0, 1, 2),
        keras.layers.Conv2DTranspose: (0, 1, 3),
    }
    return [(layer.kernel, shared[type(layer)]) for layer in model.layers if type(layer) in shared]


def round_all(kernels: list[Kernel]) -> list[tf.Tensor]:
    """Round each kernel to 127 steps on either side of 0, and return the exact values."""
    exact = []
    for kernel, axes in kernels:
        exact.append(tf.identity(kernel))
        step = tf.reduce_max(tf.abs(exact[-1]), axes, keepdims=True) / 127
        kernel.assign(tf.math.round(tf.math.divide_no_nan(exact[-1], step)) * step)
    return exact


def restore_all(kernels: list[Kernel], exact: list[tf.Tensor]) -> None:
    """Undo `round_all`."""
    for (kernel, _), value in zip(kernels, exact, strict=True):
        kernel.assign(value)

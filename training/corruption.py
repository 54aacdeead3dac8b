"""Random corruption of the model's input during the fit; the target stays clean.

The same mechanism serves denoising (Vincent et al. 2008) and inpainting. Amounts are in the
model's real values. Several kinds are applied in the order below. Every draw depends only on the
seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from training.sections import Corruption
from training.tensorflow_setup import tf


class Corrupted(NamedTuple):
    """Corrupted windows."""

    windows: tf.Tensor  # float32 [batch, size]
    hidden: tf.Tensor  # bool [batch, size], values that masking, span or square replaced


CorruptionFunction = Callable[[tf.Tensor, Any], Corrupted]
"""Takes windows, float32 [batch, size], and a seed of two integers."""


def make(settings: Corruption, channels: int) -> CorruptionFunction:
    """Build the function that corrupts windows, float32 [batch, window * channels]."""

    def corrupt(x: tf.Tensor, seed: Any) -> Corrupted:
        draws = iter(tf.unstack(_seeds(seed), num=12))
        shape = tf.shape(x)
        window = x.shape[1] // channels
        frame = tf.cast(tf.range(window), tf.float32)
        hidden = tf.zeros(shape, tf.bool)
        present = [1.0] * 3  # gaussian, wander, hum: 1 or 0 for each window, [batch, 1]
        if settings.share < 1:
            chance = tf.random.stateless_uniform((shape[0], 3), tf.random.fold_in(seed, 12))
            present = tf.split(tf.cast(chance < settings.share, tf.float32), 3, axis=1)
        if settings.gaussian:
            noise = tf.random.stateless_normal(shape, next(draws))
            x += present[0] * settings.gaussian * noise
        if settings.wander:
            cycles = tf.random.stateless_uniform((shape[0], 1), next(draws), 0.5, 2) / window
            x += present[1] * _wave(cycles, settings.wander, frame, shape[0], channels, draws)
        if settings.hum:
            cycles = tf.fill((shape[0], 1), settings.hum_cycles)
            x += present[2] * _wave(cycles, settings.hum, frame, shape[0], channels, draws)
        if settings.masking:
            hidden = tf.random.stateless_uniform(shape, next(draws)) < settings.masking
            x = tf.where(hidden, settings.fill, x)
        if settings.salt_pepper:
            hit = tf.random.stateless_uniform(shape, next(draws)) < settings.salt_pepper
            salt = tf.random.stateless_uniform(shape, next(draws)) < 0.5
            by_channel = tf.reshape(x, (-1, window, channels))
            largest, smallest = (
                tf.tile(end(by_channel, axis=1), (1, window))
                for end in (tf.reduce_max, tf.reduce_min)
            )
            x = tf.where(hit, tf.where(salt, largest, smallest), x)
        if settings.span:
            first = _first(window, settings.span, shape[0], next(draws))
            hit = (frame >= first) & (frame < first + settings.span)
            hit = tf.repeat(hit, channels, axis=1)
            hidden |= hit
            x = tf.where(hit, settings.fill, x)
        if settings.square:
            row, column = frame // settings.width, frame % settings.width
            height = window // settings.width
            top = _first(height, settings.square, shape[0], next(draws))
            left = _first(settings.width, settings.square, shape[0], next(draws))
            hit = (row >= top) & (row < top + settings.square)
            hit &= (column >= left) & (column < left + settings.square)
            hit = tf.repeat(hit, channels, axis=1)
            hidden |= hit
            x = tf.where(hit, settings.fill, x)
        return Corrupted(x, hidden)

    return corrupt


def _seeds(seed: Any) -> Any:
    """Derive twelve seeds of two integers from one, for independent draws."""
    return tf.random.stateless_uniform((12, 2), seed, 0, 2**31 - 1, tf.int32)


def _wave(cycles: Any, amplitude: float, frame: Any, batch: Any, channels: int, draws: Any) -> Any:
    """Draw sines of at most that amplitude, with `cycles` [batch, 1] per frame and any phase."""
    height = tf.random.stateless_uniform((batch, 1), next(draws), 0, amplitude)
    phase = tf.random.stateless_uniform((batch, 1), next(draws), 0, 2 * math.pi)
    wave = height * tf.sin(2 * math.pi * cycles * frame + phase)
    return tf.repeat(wave, channels, axis=1)


def _first(length: int, span: int, batch: Any, seed: Any) -> Any:
    """Draw the first of `span` consecutive positions within `length`, float32 [batch, 1]."""
    last = max(0, length - span)
    return tf.floor(tf.random.stateless_uniform((batch, 1), seed, 0, last + 1))

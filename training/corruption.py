"""Stochastic corruption of a fit's input; the target stays clean.

One mechanism for denoising (Vincent et al. 2008) and inpainting: a recipe's section [corruption]
names what is done to a window, each kind with its amount, all in the model's real values. Kinds
add up in the order below. Every draw depends on the seed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from training.bundle.validation import Strict

if TYPE_CHECKING:
    import tensorflow as tf

# Takes windows [batch, size] and a seed of two integers, so that a step's damage depends on nothing
# but its number.
Corruption = Callable[["tf.Tensor", Any], "tf.Tensor"]

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=100)]


class Settings(Strict):
    """Kinds and amounts; a kind whose amount is 0 is left out."""

    gaussian: Amount = 0.0  # standard deviation of white noise
    wander: Amount = 0.0  # largest amplitude of a baseline wander, half to two cycles a window
    hum: Amount = 0.0  # largest amplitude of mains hum
    hum_cycles: Annotated[float, Field(gt=0, le=0.5)] = 0.25  # of the hum, a frame
    masking: Share = 0.0  # share of the values that become `fill`
    salt_pepper: Share = 0.0  # share of the values that become their channel's largest or smallest
    span: Annotated[int, Field(ge=0)] = 0  # frames of one masked stretch
    square: Annotated[int, Field(ge=0)] = 0  # side of one masked square, in pixels
    width: Annotated[int, Field(ge=0)] = 0  # of the image that a window is, for `square`
    fill: Annotated[float, Field(ge=-100, le=100)] = 0.0  # what masked values become

    @model_validator(mode="after")
    def _square_needs_width(self) -> Self:
        if self.square and not self.width:
            raise ValueError("square needs the image's width: set corruption.width")
        return self


def make(settings: Settings, channels: int) -> Corruption:
    """The function that corrupts real windows, float32 [batch, window * channels]."""

    def corrupt(x: tf.Tensor, seed: Any) -> tf.Tensor:
        import tensorflow as tf

        draws = iter(tf.unstack(_seeds(seed), num=12))
        shape = tf.shape(x)
        window = x.shape[1] // channels
        frame = tf.cast(tf.range(window), tf.float32)
        if settings.gaussian:
            x += settings.gaussian * tf.random.stateless_normal(shape, next(draws))
        if settings.wander:
            cycles = tf.random.stateless_uniform((shape[0], 1), next(draws), 0.5, 2) / window
            x += _wave(cycles, settings.wander, frame, shape[0], channels, draws)
        if settings.hum:
            cycles = tf.fill((shape[0], 1), settings.hum_cycles)
            x += _wave(cycles, settings.hum, frame, shape[0], channels, draws)
        if settings.masking:
            hit = tf.random.stateless_uniform(shape, next(draws)) < settings.masking
            x = tf.where(hit, settings.fill, x)
        if settings.salt_pepper:
            hit = tf.random.stateless_uniform(shape, next(draws)) < settings.salt_pepper
            salt = tf.random.stateless_uniform(shape, next(draws)) < 0.5
            apart = tf.reshape(x, (-1, window, channels))  # each channel has ends of its own
            most, least = (
                tf.tile(end(apart, axis=1), (1, window)) for end in (tf.reduce_max, tf.reduce_min)
            )
            x = tf.where(hit, tf.where(salt, most, least), x)
        if settings.span:
            first = _first(window, settings.span, shape[0], next(draws))
            hit = (frame >= first) & (frame < first + settings.span)
            x = tf.where(tf.repeat(hit, channels, axis=1), settings.fill, x)
        if settings.square:
            row, column = frame // settings.width, frame % settings.width
            height = window // settings.width
            top = _first(height, settings.square, shape[0], next(draws))
            left = _first(settings.width, settings.square, shape[0], next(draws))
            hit = (row >= top) & (row < top + settings.square)
            hit &= (column >= left) & (column < left + settings.square)
            x = tf.where(tf.repeat(hit, channels, axis=1), settings.fill, x)
        return x

    return corrupt


def _seeds(seed: Any) -> Any:
    """Twelve seeds of two integers from one, so that no two draws are alike."""
    import tensorflow as tf

    return tf.random.stateless_uniform((12, 2), seed, 0, 2**31 - 1, tf.int32)


def _wave(cycles: Any, amplitude: float, frame: Any, batch: Any, channels: int, draws: Any) -> Any:
    """Sines of up to that amplitude, `cycles` [batch, 1] a frame, any phase."""
    import tensorflow as tf

    height = tf.random.stateless_uniform((batch, 1), next(draws), 0, amplitude)
    phase = tf.random.stateless_uniform((batch, 1), next(draws), 0, 2 * math.pi)
    wave = height * tf.sin(2 * math.pi * cycles * frame + phase)
    return tf.repeat(wave, channels, axis=1)


def _first(length: int, span: int, batch: Any, seed: Any) -> Any:
    """Where a span of that many begins, [batch, 1] float32, anywhere it fits."""
    import tensorflow as tf

    last = max(0, length - span)
    return tf.floor(tf.random.stateless_uniform((batch, 1), seed, 0, last + 1))

"""Random convolutions whose channels differ so much in scale that no shift suits all of them."""

from __future__ import annotations

import numpy as np

from tests.support.graphs import Graph
from tools.measure.bench.models import Activation


class UnevenChannels(Graph):
    """Its layers have weights per channel, with scales of a log-normal distribution."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng, (Activation.NONE, Activation.RELU))

    def _weighted(self, x, shape, outputs, fan_in, axis):
        rng = self.rng
        weights = np.clip(np.round(rng.normal(0, 40, shape)), -127, 127).astype(np.int8)
        scales = 0.004 * np.exp(rng.normal(0, 1, outputs))
        bias = rng.integers(-4000, 4000, outputs).astype(np.int32)
        w = self.builder.constant(weights, [float(np.float32(s)) for s in scales], axis=axis)
        b = self.builder.constant(bias, [float(np.float32(x.scale * s)) for s in scales])
        activation = int(rng.choice(self.activations))
        # The channel of the largest scale uses the range.
        scale = 70 * np.sqrt(fan_in) * x.scale * scales.max()
        return w, [b], scale, -128 if activation else None, activation

"""What every rung must give: the signal chain around the TensorFlow Lite Micro interpreter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle import Bundle
from training.bundle.interpreter import tried_interpreter
from training.bundle.manifest import Affine, Manifest
from training.native.core import AffineScaler, PerWindowScaler, ScoreConfig


@dataclass(frozen=True, eq=False)
class Computed:
    """Windows at every stage, as one rung computed them; None for a stage that it does not show.

    input int8 [n, input size], output int8 [n, output size], score float32 [n]
    """

    input: NDArray[np.int8] | None
    output: NDArray[np.int8] | None
    score: NDArray[np.float32] | None

    def rows(self, indices: NDArray[np.int64]) -> Computed:
        """Some of the windows."""
        return Computed(
            None if self.input is None else self.input[indices],
            None if self.output is None else self.output[indices],
            None if self.score is None else self.score[indices],
        )


def compute(bundle: Bundle, counts: NDArray[np.int16]) -> Computed:
    """Scale, infer and score windows of raw counts int16 [n, window, channels]."""
    scaled = scaler(bundle.manifest).scale(np.ascontiguousarray(counts))
    output = tried_interpreter(bundle.model).run(scaled)
    return Computed(scaled, output, score(bundle.manifest).score(scaled, output))


def scaler(m: Manifest) -> AffineScaler | PerWindowScaler:
    """The native scaler that the manifest describes."""
    s = m.scaler
    if isinstance(s, Affine):
        return AffineScaler(s.center, s.multiplier, s.shift, s.zero_point)
    channels = len(m.signal.channels)
    return PerWindowScaler(channels, s.min_deviation, s.steps_per_deviation, s.zero_point)


def score(m: Manifest) -> ScoreConfig:
    """The native score that the manifest describes."""
    return ScoreConfig(
        m.score.kind,
        m.score.input_weight,
        m.score.output_weight,
        m.model.input.zero_point,
        m.model.output.zero_point,
        m.score.factor,
    )

"""The scaler and the score that a manifest describes, as the firmware's own C++ objects."""

from __future__ import annotations

from training.bundle import manifest
from training.bundle.manifest import Manifest
from training.native.core import AffineScaler, PerWindowScaler, ScoreConfig

Scaler = AffineScaler | PerWindowScaler


def make_scaler(settings: manifest.Affine | manifest.PerWindow, channels: int) -> Scaler:
    """Build the C++ scaler; `scale` maps int16 [n, window, channels] to int8 [n, input size]."""
    if isinstance(settings, manifest.Affine):
        return AffineScaler(
            settings.center, settings.multiplier, settings.shift, settings.zero_point
        )
    return PerWindowScaler(
        channels, settings.min_deviation, settings.steps_per_deviation, settings.zero_point
    )


def make_score(
    settings: manifest.Score, input: manifest.Tensor, output: manifest.Tensor
) -> ScoreConfig:
    """Build the C++ score; `score` maps int8 input and output [n, size] to float32 [n]."""
    return ScoreConfig(
        settings.kind,
        settings.input_weight,
        settings.output_weight,
        input.zero_point,
        output.zero_point,
        settings.factor,
    )


def scaler_of(m: Manifest) -> Scaler:
    """Build the scaler of a bundle."""
    return make_scaler(m.scaler, len(m.signal.channels))


def score_of(m: Manifest) -> ScoreConfig:
    """Build the score of a bundle."""
    return make_score(m.score, m.model.input, m.model.output)

"""Gate, input and score that a manifest describes, as the firmware's own C++ objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.features import make_features
from training.bundle.manifest import Manifest
from training.native.core import (
    AffineScaler,
    Features,
    Join,
    Level,
    Mahalanobis,
    PerWindowScaler,
    QualityGate,
    ReconstructionError,
    Wearer,
)

Scaler = AffineScaler | PerWindowScaler
Score = ReconstructionError | Mahalanobis | Level | Join

REASONS = ("", "flat", "stuck", "railed", "mains", "learning", "clipped")
"""Why a window is not judged, by the code that the firmware gives it; 0: it is judged.

"learning" is not the gate's reason: the wearer is learned from this beat. A "clipped" window is
scored, and judged only if the score is above the threshold.
"""

LEARNING = REASONS.index("learning")
CLIPPED = REASONS.index("clipped")


def is_scored(reasons: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which windows get a score, by the gate's codes, uint8 [n]."""
    return np.asarray((reasons == 0) | (reasons == CLIPPED))


def is_judged(
    reasons: NDArray[np.uint8], scores: NDArray[np.float32], threshold: float
) -> NDArray[np.bool_]:
    """Say which windows are judged.

    Args:
        reasons: uint8 [n], codes of the gate.
        scores: float32 [n]; anything where a window gets no score.
    """
    flagged = scores > np.float32(threshold)
    return np.asarray((reasons == 0) | ((reasons == CLIPPED) & flagged))


def make_gate(
    settings: manifest.NoGate | manifest.GateLimits,
) -> Callable[[NDArray[np.int16]], NDArray[np.uint8]]:
    """Build the C++ gate: int16 [n, window, channels] to codes of REASONS, uint8 [n]."""
    if isinstance(settings, manifest.NoGate):
        return lambda windows: np.zeros(len(windows), np.uint8)
    gate = QualityGate(
        settings.min_range,
        settings.min_variation,
        settings.max_run,
        settings.max_extreme,
        settings.max_mains,
        settings.lowest,
        settings.highest,
        settings.mains,
    )
    return lambda windows: gate.check(np.ascontiguousarray(windows))


def make_scaler(settings: manifest.Affine | manifest.PerWindow, channels: int) -> Scaler:
    """Build the C++ scaler; `scale` maps int16 [n, window, channels] to int8 [n, input size]."""
    if isinstance(settings, manifest.Affine):
        return AffineScaler(
            settings.center, settings.multiplier, settings.shift, settings.zero_point
        )
    return PerWindowScaler(
        channels, settings.min_deviation, settings.steps_per_deviation, settings.zero_point
    )


@dataclass(frozen=True)
class ModelInput:
    """The C++ stages that compute the model's input; a stage that is not used is None."""

    scaler: Scaler | None  # of the raw window
    features: Features | None
    feature_scaler: AffineScaler | None

    def scale(self, windows: NDArray[np.int16]) -> NDArray[np.int8]:
        """Map int16 [n, window, channels] to int8 [n, input size]."""
        parts = [] if self.scaler is None else [self.scaler.scale(windows)]
        if self.features is not None and self.feature_scaler is not None:
            features = self.features.measure(windows)
            parts.append(self.feature_scaler.scale(features[:, np.newaxis, :]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def make_input(
    scaler: manifest.NoScaler | manifest.Affine | manifest.PerWindow,
    features: manifest.NoFeatures | manifest.Features,
    window: int,
    channels: int,
) -> ModelInput:
    """Build the C++ stages of the model's input for windows of `window` frames."""
    raw = None if isinstance(scaler, manifest.NoScaler) else make_scaler(scaler, channels)
    if isinstance(features, manifest.NoFeatures):
        return ModelInput(raw, None, None)
    measured = make_features(features.statistics, features.edges, window, channels)
    of_features = features.scaler
    return ModelInput(
        raw,
        measured,
        AffineScaler(
            of_features.center, of_features.multiplier, of_features.shift, of_features.zero_point
        ),
    )


def make_score(settings: manifest.Score, input: manifest.Tensor, output: manifest.Tensor) -> Score:
    """Build the C++ score; `score` maps int8 input and output [n, size] to float32 [n]."""
    if isinstance(settings, manifest.JoinScore):
        heads = [_make_head(head.score, input, output) for head in settings.heads]
        return Join(heads, [head.weight for head in settings.heads])
    return _make_head(settings, input, output)


def _make_head(
    settings: manifest.ReconstructionScore | manifest.MahalanobisScore | manifest.LevelScore,
    input: manifest.Tensor,
    output: manifest.Tensor,
) -> ReconstructionError | Mahalanobis | Level:
    if isinstance(settings, manifest.MahalanobisScore):
        weights = [weight for row in settings.weights for weight in row]
        return Mahalanobis(
            input.zero_point, settings.first, weights, settings.offset, settings.factor
        )
    if isinstance(settings, manifest.LevelScore):
        return Level(
            input.zero_point, settings.first, settings.stride, settings.channels, settings.factor
        )
    return ReconstructionError(
        settings.kind,
        settings.input_weight,
        settings.output_weight,
        input.zero_point,
        output.zero_point,
        settings.factor,
    )


def make_wearer(settings: manifest.Wearer, window: int, channels: int) -> Wearer:
    """Build the C++ wearer, for beats of int16 [n, window, channels]; nothing is learned yet."""
    return Wearer(
        settings.score,
        window,
        channels,
        settings.first,
        settings.length,
        settings.shift,
        settings.learn,
    )


def gate_of(m: Manifest) -> Callable[[NDArray[np.int16]], NDArray[np.uint8]]:
    """Build the gate of a bundle."""
    return make_gate(m.gate)


def input_of(m: Manifest) -> ModelInput:
    """Build the stages of a bundle that compute the model's input."""
    return make_input(m.scaler, m.features, m.segmenter.window, len(m.signal.channels))


def score_of(m: Manifest) -> Score:
    """Build the score of a bundle."""
    return make_score(m.score, m.model.input, m.model.output)


def wearer_of(m: Manifest) -> Wearer | None:
    """Build the wearer of a bundle, or None if it has none."""
    if not isinstance(m.wearer, manifest.Wearer):
        return None
    return make_wearer(m.wearer, m.segmenter.window, len(m.signal.channels))

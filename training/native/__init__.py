"""The firmware's C++ signal chain, bound to Python; there is no second implementation."""

from training.native.core import (
    AffineScaler,
    BeatSegmenter,
    BiquadFilter,
    Calibration,
    Decision,
    Features,
    PerWindowScaler,
    QrsConfig,
    QualityGate,
    ReconstructionError,
    Resampler,
    Segmenter,
    Wearer,
    integer_sqrt,
)

__all__ = [
    "AffineScaler",
    "BeatSegmenter",
    "BiquadFilter",
    "Calibration",
    "Decision",
    "Features",
    "PerWindowScaler",
    "QrsConfig",
    "QualityGate",
    "ReconstructionError",
    "Resampler",
    "Segmenter",
    "Wearer",
    "integer_sqrt",
]

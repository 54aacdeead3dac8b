"""The firmware's C++ signal chain, bound to Python; there is no second implementation."""

from training.native.core import (
    AffineScaler,
    Calibration,
    Decision,
    PerWindowScaler,
    QualityGate,
    ReconstructionError,
    Segmenter,
    Wearer,
    integer_sqrt,
)

__all__ = [
    "AffineScaler",
    "Calibration",
    "Decision",
    "PerWindowScaler",
    "QualityGate",
    "ReconstructionError",
    "Segmenter",
    "Wearer",
    "integer_sqrt",
]

"""The firmware's C++ signal chain, bound to Python; there is no second implementation."""

from training.native.core import (
    AffineScaler,
    PerWindowScaler,
    QualityGate,
    ScoreConfig,
    Segmenter,
    integer_sqrt,
)

__all__ = [
    "AffineScaler",
    "PerWindowScaler",
    "QualityGate",
    "ScoreConfig",
    "Segmenter",
    "integer_sqrt",
]

"""The firmware's C++ signal chain, bound to Python; there is no second implementation."""

from training.native.core import (
    AffineScaler,
    PerWindowScaler,
    QualityGate,
    ReconstructionError,
    Segmenter,
    integer_sqrt,
)

__all__ = [
    "AffineScaler",
    "PerWindowScaler",
    "QualityGate",
    "ReconstructionError",
    "Segmenter",
    "integer_sqrt",
]

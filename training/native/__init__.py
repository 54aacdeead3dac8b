"""The firmware's C++ signal chain, bound to Python; there is no second implementation."""

from training.native.core import (
    AffineScaler,
    PerWindowScaler,
    ScoreConfig,
    Segmenter,
    integer_sqrt,
)

__all__ = ["AffineScaler", "PerWindowScaler", "ScoreConfig", "Segmenter", "integer_sqrt"]

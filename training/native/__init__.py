"""The firmware's own C++ signal chain, bound into Python: there is no second implementation."""

from training.native.core import (
    AffineScaler,
    PerWindowScaler,
    ScoreConfig,
    Segmenter,
    integer_sqrt,
)

__all__ = ["AffineScaler", "PerWindowScaler", "ScoreConfig", "Segmenter", "integer_sqrt"]

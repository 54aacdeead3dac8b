"""Compares every target with the TensorFlow Lite Micro interpreter, byte for byte.

verify() is in tools.measure.verify.verify, so that reading a result imports no engine.
"""

from tools.measure.verify.result import (
    Count,
    FloatDifference,
    ScoredOnBoard,
    TargetResult,
    VerifyResult,
)
from tools.measure.verify.store import load, save
from tools.measure.verify.text import render, render_text

__all__ = [
    "Count",
    "FloatDifference",
    "ScoredOnBoard",
    "TargetResult",
    "VerifyResult",
    "load",
    "render",
    "render_text",
    "save",
]

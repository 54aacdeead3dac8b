"""The same windows on every rung, byte for byte against the TensorFlow Lite Micro interpreter.

verify() is in tools.measure.verify.verify, so that reading a result imports no engine.
"""

from tools.measure.verify.result import Count, FloatDifference, Rung, ScoredOnBoard, VerifyResult
from tools.measure.verify.store import load, save
from tools.measure.verify.text import render, render_text

__all__ = [
    "Count",
    "FloatDifference",
    "Rung",
    "ScoredOnBoard",
    "VerifyResult",
    "load",
    "render",
    "render_text",
    "save",
]

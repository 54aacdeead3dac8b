"""The same windows on every rung, byte for byte against the TensorFlow Lite Micro interpreter."""

from tools.verify.result import Count, FloatDifference, Rung, ScoredOnBoard, VerifyResult

__all__ = ["Count", "FloatDifference", "Rung", "ScoredOnBoard", "VerifyResult"]

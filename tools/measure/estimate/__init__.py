"""Estimates the time and energy of an inference on boards, from the emulated image."""

from tools.measure.estimate.cycles import CLASSES, Code, Counts
from tools.measure.estimate.estimate import (
    WINDOWS,
    Estimate,
    On,
    count_functions,
    count_inference,
    estimate,
    run_inferences,
)
from tools.measure.estimate.machine import Machine, Trace
from tools.measure.estimate.text import render

__all__ = [
    "CLASSES",
    "WINDOWS",
    "Code",
    "Counts",
    "Estimate",
    "Machine",
    "On",
    "Trace",
    "count_functions",
    "count_inference",
    "estimate",
    "render",
    "run_inferences",
]

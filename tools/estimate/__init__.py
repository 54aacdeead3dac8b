"""How long an inference will take on a board that is not at hand, and the energy it will need."""

from tools.estimate.cycles import CLASSES, Code, Counts
from tools.estimate.estimate import (
    WINDOWS,
    Estimate,
    On,
    count_functions,
    count_inference,
    estimate,
    run_inferences,
)
from tools.estimate.machine import Machine, Trace
from tools.estimate.text import render

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

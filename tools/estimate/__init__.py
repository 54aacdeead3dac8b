"""How long an inference will take on a board that is not at hand, and the energy it will need."""

from tools.estimate.cycles import CLASSES, Code, Counts
from tools.estimate.estimate import Estimate, On, count_inference, estimate
from tools.estimate.machine import Machine, Trace
from tools.estimate.text import render

__all__ = [
    "CLASSES",
    "Code",
    "Counts",
    "Estimate",
    "Machine",
    "On",
    "Trace",
    "count_inference",
    "estimate",
    "render",
]

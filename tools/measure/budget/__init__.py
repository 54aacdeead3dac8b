"""Flash and SRAM of a linked image by part, compared with the board's limits and a baseline."""

from tools.measure.budget.budget import (
    Budget,
    Limits,
    Measured,
    Memory,
    Part,
    check,
    measure,
    with_measured,
)
from tools.measure.budget.gate import Baseline, Growth, accept, compare, gate
from tools.measure.budget.store import load, save
from tools.measure.budget.text import render, render_text

__all__ = [
    "Baseline",
    "Budget",
    "Growth",
    "Limits",
    "Measured",
    "Memory",
    "Part",
    "accept",
    "check",
    "compare",
    "gate",
    "load",
    "measure",
    "render",
    "render_text",
    "save",
    "with_measured",
]

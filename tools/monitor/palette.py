"""Colours of the terminal view. Whatever a colour says is also said by a word or a mark."""

from __future__ import annotations

from rich.style import Style

GROUND = "#0d1117"
SIGNAL = Style(color="#5ab0f6")
RECONSTRUCTION = Style(color="#f5b942")
ANOMALY = Style(color="#ff5c77", bold=True)
NORMAL = Style(color="#5fd38d")
THRESHOLD = Style(color="#f5b942")
MARK = Style(color="#c792ea", bold=True)
DIM = Style(color="#8b96a5")
STRONG = Style(color="#e6edf3", bold=True)
EMULATED = Style(color=GROUND, bgcolor="#f5b942", bold=True)
SIMULATED = Style(color=GROUND, bgcolor="#c792ea", bold=True)

"""Colours of the terminal view: the dark theme of the reports.

A word or a mark repeats everything that a colour shows.
"""

from __future__ import annotations

from rich.style import Style

from tools.monitor.theme import DARK

SIGNAL = Style(color=DARK["normal"])
RECONSTRUCTION = Style(color=DARK["third"])
ANOMALY = Style(color=DARK["abnormal"], bold=True)
ALARM = Style(color=DARK["paper"], bgcolor=DARK["abnormal"], bold=True)
NORMAL = Style(color=DARK["normal"])
GOOD = Style(color=DARK["good"])
BAD = Style(color=DARK["abnormal"])
THRESHOLD = Style(color=DARK["ink"])
MARK = Style(color=DARK["third"], bold=True)
USUAL = Style(color=DARK["good"])
DIM = Style(color=DARK["soft"])
STRONG = Style(color=DARK["ink"], bold=True)
EMULATED = Style(color=DARK["paper"], bgcolor=DARK["third"], bold=True)
SIMULATED = Style(color=DARK["paper"], bgcolor=DARK["abnormal"], bold=True)

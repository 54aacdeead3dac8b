"""Colours of the terminal view: those of the report on dark paper.

Whatever a colour says is also said by a word or a mark.
"""

from __future__ import annotations

from rich.style import Style

from tools.monitor.theme import DARK

SIGNAL = Style(color=DARK["normal"])
RECONSTRUCTION = Style(color=DARK["third"])
ANOMALY = Style(color=DARK["abnormal"], bold=True)
NORMAL = Style(color=DARK["normal"])
GOOD = Style(color=DARK["good"])
BAD = Style(color=DARK["abnormal"])
THRESHOLD = Style(color=DARK["ink"])
MARK = Style(color=DARK["third"], bold=True)
DIM = Style(color=DARK["soft"])
STRONG = Style(color=DARK["ink"], bold=True)
EMULATED = Style(color=DARK["paper"], bgcolor=DARK["third"], bold=True)
SIMULATED = Style(color=DARK["paper"], bgcolor=DARK["abnormal"], bold=True)

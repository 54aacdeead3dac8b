"""The inspector: one window, with the model's reconstruction and the wearer's usual beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.style import Style
from rich.text import Text

from tools.monitor import text
from tools.monitor.events import WindowNotJudged, WindowScored
from tools.monitor.history import History
from tools.monitor.terminal.braille import Canvas
from tools.monitor.terminal.log_panel import time_of_day
from tools.monitor.terminal.palette import ANOMALY, BAD, DIM, NORMAL, RECONSTRUCTION, STRONG, USUAL
from tools.monitor.terminal.panels import fit
from tools.monitor.usual_beat import usual_beat

Window = WindowScored | WindowNotJudged


def windows_to_inspect(history: History) -> list[Window]:
    """Return the kept windows that were flagged; without any, all kept windows."""
    flagged: list[Window] = [w for w in history.windows if w.flag]
    return flagged or [*history.windows] or [*history.not_judged]


def inspector(history: History, width: int, height: int, index: int | None = None) -> list[Text]:
    """Return a line of facts, the curves of each channel, and a legend.

    Args:
        index: of the window; None, or no longer kept: the newest that was flagged.
    """
    choice = windows_to_inspect(history)
    if history.board is None or history.source is None or not choice or height < 3:
        return fit([Text(" no window yet", DIM)], width, height)
    window = next((w for w in choice if w.index == index), choice[-1])
    frames = history.board.window
    signal = history.samples(window.first_frame, window.first_frame + frames)
    usual = usual_beat(history, window)
    legend = [("━ signal", NORMAL if not _flag(window) else ANOMALY)]
    curves: list[tuple[NDArray[np.float64], Style]] = []
    if usual is not None:
        curves.append((usual[0], USUAL))
        legend.append((f"━ usual beat: median of {usual[1]} that were not flagged", USUAL))
    if isinstance(window, WindowScored) and window.reconstruction is not None:
        curves.append((window.reconstruction.astype(np.float64), RECONSTRUCTION))
        legend.append(("━ reconstruction", RECONSTRUCTION))
    curves.append((signal, legend[0][1]))
    lines = [_facts(history, window)]
    rows, channels = height - 2, signal.shape[1]
    drawn = min(channels, rows)
    for c in range(drawn):
        share = rows * (c + 1) // drawn - rows * c // drawn
        lines += _channel([(values[:, c], style) for values, style in curves], width, share)
    lines.append(Text("  ").join(Text(words, style) for words, style in legend))
    return fit(lines, width, height)


def _flag(window: Window) -> bool:
    return isinstance(window, WindowScored) and window.flag


def _facts(history: History, window: Window) -> Text:
    assert history.board is not None and history.source is not None
    noun, rate = history.source.noun, history.board.rate_hz
    line = Text.assemble((f" {noun} {window.index} ", STRONG))
    if isinstance(window, WindowScored):
        line.append("ANOMALY " if window.flag else "normal ", ANOMALY if window.flag else NORMAL)
        line.append(f"score {text.number(window.score)}")
        if window.threshold > 0:
            line.append(f" = {window.score / window.threshold:.2f} × threshold")
    else:
        line.append(f"not judged: {window.reason}")
    if window.interval and rate:
        line.append(f", RR {1000 * window.interval / rate:.0f} ms")
    if rate:
        line.append(f", at {window.first_frame / rate:.1f} s")
    line.append(f", {time_of_day(history.clock.at(window.first_frame))}")
    if isinstance(window, WindowScored) and window.outcome is not None:
        line.append(f", {text.VERDICT[window.outcome]}")
    if isinstance(window, WindowScored) and window.alarm:
        line.append(f", {_episode(history, window)}", BAD)
    return line


def _episode(history: History, window: WindowScored) -> str:
    """Return the windows of the alarm that holds `window`, as far as they are kept."""
    kept = list(history.windows)
    first = stop = kept.index(window)
    while first > 0 and kept[first - 1].alarm:
        first -= 1
    while stop + 1 < len(kept) and kept[stop + 1].alarm:
        stop += 1
    flagged = sum(each.flag for each in kept[first : stop + 1])
    older = " or before" if first == 0 and kept[0].index > 0 else ""
    begin, end = f"{kept[first].index}{older}", kept[stop].index
    return f"alarm {begin} to {end}, {flagged} of {stop + 1 - first} flagged"


def _channel(curves: list[tuple[NDArray[np.float64], Style]], width: int, rows: int) -> list[Text]:
    canvas = Canvas(width, rows)
    known = [values for values, _ in curves if not np.isnan(values).all()]
    if known:
        low = min(float(np.nanmin(values)) for values in known)
        reach = max(max(float(np.nanmax(values)) for values in known) - low, 1.0)
        for values, style in curves:
            at = np.linspace(0, len(values) - 1, canvas.columns)
            drawn = (np.interp(at, np.arange(len(values)), values) - low) / reach
            canvas.draw(drawn, drawn, style)
    return canvas.lines()

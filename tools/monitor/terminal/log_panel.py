"""The log of the stream: newest sentence first, each with its time, none cut."""

from __future__ import annotations

import textwrap
import time

from rich.text import Text

from tools.monitor.events import Severity
from tools.monitor.history import History
from tools.monitor.notices import Entry
from tools.monitor.terminal.palette import ALARM, BAD, DIM, STRONG
from tools.monitor.terminal.panels import fit

_MARKS = {
    Severity.INFO: ("  ", STRONG),
    Severity.WARNING: ("! ", BAD),
    Severity.ERROR: ("✗ ", BAD),
    Severity.ALARM: ("▲ ", ALARM),
}


def time_of_day(ts: int) -> str:
    """Return Unix milliseconds as local time, hours to seconds."""
    return time.strftime("%H:%M:%S", time.localtime(ts / 1000))


def _time_or_date(ts: int) -> str:
    """Return the time of day; of another day than today, the date too."""
    moment = time.localtime(ts / 1000)
    today = moment[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", moment)


def newest(history: History, width: int) -> str:
    """Return the newest sentence with its time; what does not fit is left out at the end."""
    if not history.log.entries:
        return ""
    last = history.log.entries[-1]
    line = f"{time_of_day(last.ts)} {last.text}"
    return line if len(line) <= width else f"{line[: max(width - 1, 0)]}…"


def log_panel(history: History, width: int, height: int, back: int = 0) -> list[Text]:
    """Return the log, newest first; `back` entries are scrolled past."""
    lines: list[Text] = []
    for entry in reversed(list(history.log.entries)[: len(history.log.entries) - back]):
        lines += _wrapped(entry, width)
        if len(lines) >= height:
            break
    return fit(lines or [Text(" nothing yet", DIM)], width, height)


def _wrapped(entry: Entry, width: int) -> list[Text]:
    mark, style = _MARKS[entry.severity]
    when = f" {_time_or_date(entry.ts)} "
    room = max(width - len(when) - len(mark), 12)
    first, *rest = textwrap.wrap(entry.text, room) or [""]
    lines = [Text.assemble((when, DIM), (mark, style), (first, style))]
    return lines + [Text(" " * (len(when) + len(mark)) + more, style) for more in rest]

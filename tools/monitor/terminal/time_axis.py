"""The axis of time below the trace: stream time, and the time of day at which it arrived."""

from __future__ import annotations

from rich.text import Text

from tools.monitor.history import History
from tools.monitor.terminal.log_panel import time_of_day
from tools.monitor.terminal.palette import DIM

STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
CELLS = 20  # at least, from one label to the next


def time_axis(history: History, first: int, frames_per_cell: int, width: int) -> Text:
    """Return a line with a label at every round number of seconds that is far enough apart.

    Args:
        first: the frame at the left edge.
    """
    line = Text(no_wrap=True)
    rate = history.board.rate_hz if history.board else None
    if rate is None:
        return line
    second = rate / frames_per_cell  # in cells
    step = next((s for s in STEPS_S if s * second >= CELLS), None)
    if step is None:
        return line
    count = max(int(first / rate // step) + 1, 0)
    while (cell := round((count * step * rate - first) / frames_per_cell)) < width:
        frame = round(count * step * rate)
        label = f"┴{_stream_time(count * step)}  {time_of_day(history.clock.at(frame))}"
        if cell >= line.cell_len and cell + len(label) <= width and frame < history.next_frame:
            line.append(" " * (cell - line.cell_len)).append(label, DIM)
        count += 1
    return line


def _stream_time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s" if seconds % 1 == 0 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

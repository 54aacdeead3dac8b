"""The live trace: the signal as it was sent, and what the model made of it, window by window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from tools.monitor.events import WindowScored
from tools.monitor.history import History
from tools.monitor.terminal.braille import Canvas
from tools.monitor.terminal.palette import ANOMALY, DIM, RECONSTRUCTION, SIGNAL
from tools.monitor.terminal.panels import fit

CELLS_A_WINDOW = 26  # about as wide as a heartbeat needs to be to look like one


@dataclass(frozen=True)
class Span:
    """Which frames the columns of dots stand for: column x holds bin_frames frames from
    first + x * bin_frames. Bins begin at multiples of bin_frames, so a trace that moves on keeps
    its shape.
    """

    first: int
    bin_frames: int
    columns: int

    @property
    def stop(self) -> int:
        """The frame after the last column's."""
        return self.first + self.bin_frames * self.columns

    def envelope(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest value of each column, NaN where there is none, float64 [columns].

        `values` float64 [frames of the span], NaN where a frame has no value.
        """
        bins = values.reshape(self.columns, self.bin_frames)
        return np.fmin.reduce(bins, axis=1), np.fmax.reduce(bins, axis=1)


def span_of(history: History, width: int) -> Span:
    """The newest frames that fit, but at most one hop ahead of the newest score."""
    assert history.board is not None
    board, end = history.board, history.next_frame
    if history.windows:
        newest = history.windows[-1]
        end = min(end, newest.first_frame + board.window + board.hop)
    columns = 2 * width
    side_by_side = max(1.0, width / CELLS_A_WINDOW)
    bin_frames = max(1, round(side_by_side * board.hop / columns))
    last = -(-end // bin_frames)
    return Span((last - columns) * bin_frames, bin_frames, columns)


def title(history: History) -> str:
    """Channels and units, in Textual's markup."""
    if history.source is None:
        return "signal"
    pairs = zip(history.source.channels, history.source.units, strict=True)
    return ", ".join(f"{name} ({unit})" if unit else name for name, unit in pairs)


def trace(history: History, width: int, height: int) -> list[Text]:
    """Channels below each other, and under them the windows' numbers, flagged ones with a mark."""
    if history.board is None or width < 4 or height < 1:
        return fit([], width, height)
    window, channels = history.board.window, history.board.channels
    axis_rows = 1 if height >= 3 else 0
    span = span_of(history, width)
    samples = history.samples(span.first, span.stop)
    visible = [
        w
        for w in history.windows
        if w.first_frame + window > span.first and w.first_frame < span.stop
    ]
    drawn = min(channels, max((height - axis_rows) // 2, 1))
    lines: list[Text] = []
    for c in range(drawn):
        rows = (height - axis_rows) * (c + 1) // drawn - (height - axis_rows) * c // drawn
        lines += _channel(history, span, samples[:, c], visible, c, width, rows)
    if axis_rows:
        lines.append(_axis(span, visible, window, width))
    return fit(lines, width, height)


def _channel(
    history: History,
    span: Span,
    signal: NDArray[np.float64],
    visible: list[WindowScored],
    channel: int,
    width: int,
    height: int,
) -> list[Text]:
    assert history.board is not None
    window = history.board.window
    made, flagged = np.full(len(signal), np.nan), np.zeros(len(signal), bool)
    for w in visible:
        begin = w.first_frame - span.first
        inside = slice(max(begin, 0), min(begin + window, len(signal)))
        if w.reconstruction is not None:
            made[inside] = w.reconstruction[inside.start - begin : inside.stop - begin, channel]
        flagged[inside] |= w.flag
    # The scale follows more than is seen, so that it does not jump with every beat.
    kept = history.samples(span.first - 7 * len(signal), span.stop)[:, channel]
    if np.isnan(kept).all():
        return [Text() for _ in range(height)]
    low, high = float(np.nanmin(kept)), float(np.nanmax(kept))
    if not np.isnan(made).all():
        low, high = min(low, float(np.nanmin(made))), max(high, float(np.nanmax(made)))
    reach = max(high - low, 1.0)
    canvas = Canvas(width, height)
    # The signal last: where the two agree the trace has its colour, where not both are seen.
    for values, style in (
        (made, RECONSTRUCTION),
        (np.where(flagged, np.nan, signal), SIGNAL),
        (np.where(flagged, signal, np.nan), ANOMALY),
    ):
        bottom, top = span.envelope((values - low) / reach)
        canvas.draw(bottom, top, style)
    return canvas.lines()


def _axis(span: Span, visible: list[WindowScored], window: int, width: int) -> Text:
    """Numbers where windows begin."""
    line, at = Text(no_wrap=True), 0
    for w in visible:
        cell = max(w.first_frame - span.first, 0) // (2 * span.bin_frames)
        label = f"╵{w.index}" + (" ▲ ANOMALY" if w.flag else "")
        if cell < at or (w.first_frame < span.first and len(label) > 8):
            continue
        room = (w.first_frame + window - span.first) // (2 * span.bin_frames) - cell
        if room < 3:
            continue
        label = label[:room]
        line.append(" " * (cell - at))
        line.append(label, ANOMALY if w.flag else DIM)
        at = cell + len(label)
    line.truncate(width)
    return line

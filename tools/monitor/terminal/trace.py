"""The live trace: the signal and the model's reconstruction of each window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from tools.monitor.events import WindowNotJudged, WindowScored
from tools.monitor.history import History
from tools.monitor.terminal.braille import Canvas
from tools.monitor.terminal.palette import ANOMALY, BAD, DIM, RECONSTRUCTION, SIGNAL
from tools.monitor.terminal.panels import fit
from tools.monitor.terminal.time_axis import time_axis

CELLS_PER_WINDOW = 26  # wide enough for the shape of a heartbeat
SCALE = 8  # cells of the scale at the right, if there is room for it; more for long names


@dataclass(frozen=True)
class Span:
    """The frames of the dot columns: column x shows bin_frames frames from first + x * bin_frames.

    Bins begin at multiples of bin_frames, so that a scrolling trace keeps its shape.
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
        """Return the lowest and highest value per column, float64 [columns]; NaN if it has none.

        `values`: float64 [frames of the span], NaN where a frame has no value.
        """
        bins = values.reshape(self.columns, self.bin_frames)
        return np.fmin.reduce(bins, axis=1), np.fmax.reduce(bins, axis=1)


def span_of(history: History, width: int) -> Span:
    """Return the newest frames that fit."""
    assert history.board is not None
    board, end = history.board, history.trace_end
    columns = 2 * width
    side_by_side = max(1.0, width / CELLS_PER_WINDOW)
    apart = board.window if board.cuts_beats else board.hop
    bin_frames = max(1, round(side_by_side * apart / columns))
    last = -(-end // bin_frames)
    return Span((last - columns) * bin_frames, bin_frames, columns)


def title(history: History) -> str:
    """Return the channels and their units, and why there is no reconstruction, if there is none."""
    if history.source is None:
        return "signal"
    pairs = zip(history.source.channels, history.source.units, strict=True)
    names = ", ".join(f"{name} ({unit})" if unit else name for name, unit in pairs)
    if history.board is not None and not history.board.reconstructs:
        names += " · no reconstruction: the model sees features"
    return names


def trace(history: History, width: int, height: int) -> list[Text]:
    """Return the channels one below another, and an axis with the windows' indices and flags.

    At the right are each channel's name, and the values at its upper and lower edge.
    """
    if history.board is None or width < 4 or height < 1:
        return fit([], width, height)
    window, channels = history.board.window, history.board.channels
    axis_rows = min(max(height - channels, 0), 1) if height >= 3 else 0
    if axis_rows and height >= channels + 10:
        axis_rows = 2
    rows_left = height - axis_rows
    drawn = min(channels, max(rows_left, 1))
    scale = _scale_width(history, width, rows_left < 2 * drawn)
    width -= scale
    span = span_of(history, width)
    samples = history.samples(span.first, span.stop)
    visible = [
        w
        for w in history.windows
        if w.first_frame + window > span.first and w.first_frame < span.stop
    ]
    lines: list[Text] = []
    for c in range(drawn):
        rows = rows_left * (c + 1) // drawn - rows_left * c // drawn
        curves, edges = _channel(history, span, samples[:, c], visible, c, width, rows)
        more = channels - drawn if c == drawn - 1 else 0
        if scale:
            beside = _scale(history, c, edges, rows, more, scale - 1)
            for line, words in zip(curves, beside, strict=True):
                line.append(f" {_shortened(words, scale - 1):<{scale - 1}}", DIM)
        lines += curves
    if axis_rows:
        windows: list[WindowScored | WindowNotJudged] = [*visible]
        windows += [
            w for w in history.not_judged if span.first - window < w.first_frame < span.stop
        ]
        windows.sort(key=lambda w: w.first_frame)
        axis = _axis(span, windows, window, width, history.board.rate_hz)
        lines.append(_with_losses(axis, history, span, width))
    if axis_rows == 2:
        lines.append(time_axis(history, span.first, 2 * span.bin_frames, width))
    return fit(lines, width + scale, height)


def _scale_width(history: History, width: int, single: bool) -> int:
    """Return the cells of the scale: enough for every name, and at most a sixth of the width.

    If channels have a `single` line, their values stand beside the name, within a third.
    """
    if width < 5 * SCALE or history.source is None:
        return 0
    longest = max(map(len, history.source.channels), default=0) + 1
    if single:
        return min(longest + SCALE, max(SCALE, width // 3))
    return min(max(SCALE, longest), max(SCALE, width // 6))


def _shortened(words: str, length: int) -> str:
    """Return words that are too long without their middle; long names differ at their ends."""
    if len(words) <= length:
        return words
    head = (length - 1) // 2
    return f"{words[:head]}…{words[len(words) - (length - 1 - head) :]}"


def _with_losses(axis: Text, history: History, span: Span, width: int) -> Text:
    """Return the axis with a bar over every stretch of lost windows, and its reason."""
    assert history.board is not None
    hop = history.board.hop
    for lost in history.lost:
        begin = max(lost.first * hop - span.first, 0) // (2 * span.bin_frames)
        end = min(
            -(-((lost.first + lost.count) * hop - span.first) // (2 * span.bin_frames)), width
        )
        if begin >= width or end <= begin:
            continue
        words = f"╳lost: {lost.reason} "[: end - begin].ljust(end - begin, "╳")
        axis.pad_right(max(width - axis.cell_len, 0))
        axis = Text.assemble(axis[:begin], (words, BAD), axis[end:], no_wrap=True)
    return axis


def _scale(
    history: History,
    channel: int,
    edges: tuple[float, float] | None,
    rows: int,
    more: int,
    length: int,
) -> list[str]:
    """Return the words beside a channel's rows: its values at the edges, and its name between.

    Args:
        more: channels that have no row.
        length: cells of a word.
    """
    assert history.source is not None
    source = history.source
    name = source.channels[channel] if not more else f"+{more} more"
    words = [""] * rows
    words[1 if rows > 2 else 0] = name
    if edges is not None:
        gain, offset, unit = source.gain[channel], source.offset[channel], source.units[channel]
        low, high = sorted((edge - offset) / gain for edge in edges)
        if rows == 1:
            digits = f"{high - low:.2g}" if not 100 <= high - low < 1e5 else f"{high - low:.0f}"
            reach = f" ↕{digits}{unit}"
            short = _shortened(name, max(length - len(reach), 0))
            words[0] = f"{short}{reach}" if len(short) > 4 or short == name else name
        elif rows == 2:
            words[1] = f"↕{high - low:.3g}{unit}"
        else:
            words[0], words[-1] = f"{high:.3g}", f"{low:.3g}"
        if rows >= 4:
            words[2] = unit
    return words


def _channel(
    history: History,
    span: Span,
    signal: NDArray[np.float64],
    visible: list[WindowScored],
    channel: int,
    width: int,
    height: int,
) -> tuple[list[Text], tuple[float, float] | None]:
    """Return the rows of a channel, and the counts at their lower and upper edge."""
    assert history.board is not None
    window = history.board.window
    reconstruction, flagged = np.full(len(signal), np.nan), np.zeros(len(signal), bool)
    for w in visible:
        begin = w.first_frame - span.first
        inside = slice(max(begin, 0), min(begin + window, len(signal)))
        if w.reconstruction is not None:
            reconstruction[inside] = w.reconstruction[
                inside.start - begin : inside.stop - begin, channel
            ]
        flagged[inside] |= w.flag
    # The scale covers more frames than are shown, so that it does not change with every beat.
    kept = history.samples(span.first - 7 * len(signal), span.stop)[:, channel]
    if np.isnan(kept).all():
        return Canvas(width, height).lines(), None
    low, high = float(np.nanmin(kept)), float(np.nanmax(kept))
    if not np.isnan(reconstruction).all():
        low, high = (
            min(low, float(np.nanmin(reconstruction))),
            max(high, float(np.nanmax(reconstruction))),
        )
    reach = max(high - low, 1.0)
    canvas = Canvas(width, height)
    # The signal is drawn last: it covers the reconstruction where the two agree.
    for values, style in (
        (reconstruction, RECONSTRUCTION),
        (np.where(flagged, np.nan, signal), SIGNAL),
        (np.where(flagged, signal, np.nan), ANOMALY),
    ):
        bottom, top = span.envelope((values - low) / reach)
        canvas.draw(bottom, top, style)
    return canvas.lines(), (low, low + reach)


def _axis(
    span: Span,
    visible: Sequence[WindowScored | WindowNotJudged],
    window: int,
    width: int,
    rate_hz: float | None,
) -> Text:
    """Return the index of each window at its first column; for a heartbeat, a mark at its R."""
    line, end = Text(no_wrap=True), 0
    for w in visible:
        peak = w.peak
        cell = max((w.first_frame if peak is None else peak) - span.first, 0)
        cell //= 2 * span.bin_frames
        flag = isinstance(w, WindowScored) and w.flag
        label = f"╵{w.index}" if peak is None else _peak(w, rate_hz)
        label += " ▲ ANOMALY" if flag else ""
        cells = (w.first_frame + window - span.first) // (2 * span.bin_frames) - cell
        if isinstance(w, WindowNotJudged):
            labels = (f"{label} not judged: {w.reason}", f"{label} {w.reason}", f"╵{w.reason}")
            label = next((each for each in labels if len(each) <= cells), label)
        if cell < end or (w.first_frame < span.first and len(label) > 8):
            continue
        if cells < (3 if peak is None else 1):
            continue
        label = label[:cells]
        line.append(" " * (cell - end))
        line.append(label, ANOMALY if flag else DIM)
        end = cell + len(label)
    line.truncate(width)
    return line


def _peak(window: WindowScored | WindowNotJudged, rate_hz: float | None) -> str:
    """Return the mark of R, with the RR interval in milliseconds."""
    return f"♥{1000 * window.interval / rate_hz:.0f}" if window.interval and rate_hz else "♥"

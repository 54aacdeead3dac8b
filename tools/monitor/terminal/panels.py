"""The panels of the terminal view. Each is a pure function from the history to lines of text.

Every panel returns exactly `height` lines of at most `width` cells, for any size from 0 up.
"""

from __future__ import annotations

import time

from rich.style import Style
from rich.text import Text

from tools.monitor import bars, text
from tools.monitor.events import Outcome, Severity, WindowNotJudged, WindowScored
from tools.monitor.history import History
from tools.monitor.terminal.braille import line_of
from tools.monitor.terminal.palette import (
    ALARM,
    ANOMALY,
    BAD,
    DIM,
    EMULATED,
    GOOD,
    MARK,
    NORMAL,
    SIMULATED,
    STRONG,
    THRESHOLD,
)

MORE = "  g: log"  # after a sentence that does not fit
NEWS_SECONDS = 10.0  # for which a new sentence of the log stands in the header

BRIEF = {
    Outcome.TRUE_POSITIVE: "✓",
    Outcome.TRUE_NEGATIVE: "✓",
    Outcome.FALSE_POSITIVE: "✗ false",
    Outcome.FALSE_NEGATIVE: "✗ missed",
}


def header(history: History, width: int, height: int) -> list[Text]:
    """Return the description of board and source, and the state of the stream."""
    board, source = history.board, history.source
    if board is None or source is None:
        return fit([Text(" Vigil  waiting for the board", STRONG)], width, height)
    state, style = _state(history)
    first = Text.assemble((" Vigil ", STRONG), (f" {board.model} ", "bold"))
    if board.emulated:
        first.append(" EMULATED ", EMULATED)
    if source.simulated:
        first.append(" SIMULATED ", SIMULATED)
    golden = f"golden {board.golden_passed}/{board.golden_total}"
    exact = board.golden_passed == board.golden_total
    model_hash = board.model_hash if width >= 100 else board.model_hash[:8]
    if board.name:
        first.append(f" {board.name} ", "bold")
    name = () if board.emulated else ("in-process" if board.in_process else board.board,)
    for part in (*name, board.engine, model_hash):
        first.append(f" {part} ", DIM)
    if board.golden_total:
        first.append(f" {golden}", GOOD if exact else BAD)
    right = Text(f" {state} ", style)
    alarm = _alarm(history)
    if alarm is not None and alarm[0] != state:  # a board that is away or paused
        right = Text.assemble((f" {alarm[0]} ", alarm[1]), right)
    if history.recording:
        right = Text.assemble((" ● REC ", BAD), right)
    if history.recalibrate:
        right = Text.assemble((" RECALIBRATE ", EMULATED), " ", right)
    second = _news(history, width)
    if second is None:
        description = Text(f" {source.description}", DIM)
        second = _apart(description, Text(f"{board.port} ", DIM), width)
    return fit([_apart(first, right, width), second], width, height)


def _news(history: History, width: int) -> Text | None:
    """Return the newest sentence of the log while it is new, or while the board is away."""
    newest = history.log.entries[-1] if history.log.entries else None
    if newest is None or history.ended is not None:
        return None
    if history.answers and not 0 <= time.time() - newest.ts / 1000 < NEWS_SECONDS:
        return None
    line = Text(f" {newest.text}", STRONG if newest.severity is Severity.INFO else BAD)
    if line.cell_len > width:
        line.truncate(max(width - len(MORE), 0), overflow="ellipsis")
        line.append(MORE, DIM)
    return line


def _state(history: History) -> tuple[str, Style]:
    if history.ended is not None:
        return ("■ complete" if history.ended.complete else "■ ended", DIM)
    if not history.answers:
        return "○ away", BAD
    if history.paused:
        return "‖ paused", MARK
    if (alarm := _alarm(history)) is not None:
        return alarm
    if history.unscored:
        return f"◌ {history.unscored}", BAD
    return "● live", GOOD


def _alarm(history: History) -> tuple[str, Style] | None:
    if history.alarm:
        return ("▲ ALARM", ALARM) if history.unacknowledged else ("▲ alarm, seen", BAD)
    return ("▲ alarm was on", BAD) if history.unacknowledged else None


def scores(history: History, width: int, height: int) -> list[Text]:
    """Return one column per window, newest at the right, on a logarithmic scale."""
    labels = width >= 24 and height >= 2
    columns = max(width - 9 if labels else width, 0)
    windows = _newest(history, columns)
    threshold = history.threshold
    # The threshold's line: in the middle of a row, or on the edge between two.
    line_row = height // 2 if height % 2 else height // 2 - 1
    line = "─" if height % 2 else "▁"
    rows = []
    for row in range(height):
        below = (height - 1 - row) * 8  # eighths under this row
        empty = (line, THRESHOLD) if row == line_row else (" ", DIM)
        cells = [empty] * (columns - len(windows))
        for window in windows:
            if isinstance(window, Style):
                cells.append(("░" if window is DIM else "╳", window))
                continue
            whole = max(round(bars.height(window.score, threshold) * height * 8), 1)
            eighths = min(max(whole - below, 0), 8)
            style = ANOMALY if window.flag else NORMAL
            cells.append((bars.LOWER_EIGHTHS[eighths], style) if eighths else empty)
        rows.append(line_of(cells))
        if labels:
            rows[-1].append_text(_scale(row, line_row, height, threshold))
    return fit(rows, width, height)


def _newest(history: History, columns: int) -> list[WindowScored | Style]:
    """Return the newest windows by index; of one without a score, the style of its column."""
    newest: dict[int, WindowScored | Style] = {w.index: w for w in [*history.windows][-columns:]}
    newest |= {w.index: DIM for w in [*history.not_judged][-columns:]}
    for lost in history.lost:
        stop = lost.first + lost.count
        newest |= dict.fromkeys(range(max(lost.first, stop - columns), stop), MARK)
    return [newest[index] for index in sorted(newest)][-columns:] if columns else []


def scores_title(history: History) -> str:
    """Return the title of the scores, with a legend of the columns without one."""
    noun = history.source.noun if history.source else "window"
    rejected = " · ░ not judged" if history.not_judged else ""
    lost = " · ╳ lost" if history.lost else ""
    return f"score of each {noun}, log scale{rejected}{lost}"


def _scale(row: int, line_row: int, height: int, threshold: float) -> Text:
    if row == line_row:
        return Text(f" {text.number(threshold)}", THRESHOLD)
    span = 10**bars.DECADES
    if row == 0:
        return Text(f" {text.number(threshold * span)}", DIM)
    if row == height - 1:
        return Text(f" {text.number(threshold / span)}", DIM)
    return Text("")


def windows(history: History, width: int, height: int) -> list[Text]:
    """Return the last windows, newest first: index, score, bar, flag, and ✓ or ✗ by label."""
    labelled = history.source is not None and history.source.labelled
    marked = {mark.window for mark in history.marks}
    # Index 9, score 9, flag 1 + 8, and the outcome; the bar takes the rest.
    cells = min(max(width - 28 - (9 if labelled else 0), 3), 40)
    lines: list[Text] = []
    newest: list[WindowScored | WindowNotJudged] = []
    if height:
        newest += [*history.windows][-height:]
        newest += [*history.not_judged][-height:]
    for window in sorted(newest, key=lambda w: -w.index)[:height]:
        is_marked = window.index in marked
        if isinstance(window, WindowScored):
            lines.append(_window(window, cells, labelled, is_marked))
        else:
            line = _index(window.index, DIM, is_marked)
            lines.append(line.append(f" {'-':>8} not judged: {window.reason}", DIM))
    return fit(lines, width, height)


def windows_title(history: History) -> str:
    """Return the title of the last windows: the threshold, and whether it is that of training."""
    noun = history.source.noun if history.source else "window"
    if history.board is None:
        return f"last {noun}s"
    mark = " (not as trained)" if history.adjusted else ""
    return f"last {noun}s, threshold {text.number(history.threshold)}{mark}"


def _index(index: int, style: Style, marked: bool) -> Text:
    line = Text(no_wrap=True)
    line.append("◆" if marked else " ", MARK)
    return line.append(f"{index:>7}", style)


def _window(window: WindowScored, cells: int, labelled: bool, marked: bool) -> Text:
    style = ANOMALY if window.flag else NORMAL
    line = _index(window.index, STRONG if window.flag else DIM, marked)
    line.append(f" {text.number(window.score):>8} ")
    line.append(bars.bar(window.score, window.threshold, cells), style)
    line.append(" ANOMALY " if window.flag else " normal  ", style)
    line.append("▲" if window.alarm else "", BAD)
    if labelled and window.outcome is not None:
        line.append(BRIEF[window.outcome], GOOD if window.outcome.right else BAD)
    return line


def facts(history: History, width: int, height: int) -> list[Text]:
    """Return counts, rates and the state of the link, the most important lines first."""
    summary, counters = history.summary, history.counters
    noun = history.source.noun if history.source else "window"
    rate = summary.windows / summary.seconds if summary.seconds > 0 else 0.0
    emulated = " emulated" if history.board and history.board.emulated else ""
    rows: list[tuple[str, str, Style | None]] = [
        (f"{noun}s", f"{summary.windows:,} at {rate:.1f}/s", None),
        (
            "flagged, lost",
            f"{summary.flagged:,}, {summary.lost:,}",
            BAD if summary.lost else None,
        ),
    ]
    rate_hz = history.board.rate_hz if history.board else None
    heart = text.heart_rate(list(history.intervals), rate_hz)
    if heart is not None:
        rows.append(("heart rate, RR", f"{heart[0]:.0f}/min, {heart[1]:.0f} ms", None))
    if history.wearer is not None:
        style = None if history.wearer.learned else MARK
        rows.append(("wearer", text.wearer_brief(history.wearer), style))
    if history.board and history.board.alarm:
        hours = history.next_frame / rate_hz / 3600 if rate_hz else 0.0
        per_hour = f", {summary.alarms / hours:.1f} per hour" if hours > 0.1 else ""
        alarms = f"{summary.alarms:,}{per_hour}"
        rows.append(("alarms", alarms, BAD if history.alarm else None))
    if summary.not_judged:
        rows.append(("not judged", f"{summary.not_judged:,}", BAD))
    if summary.labelled:
        rows += [
            ("precision", text.percent(summary.precision), None),
            ("recall", text.percent(summary.recall), None),
            ("false alarms", text.percent(summary.false_alarm_rate), None),
        ]
    if summary.mean_microseconds is not None:
        rows.append(("mean time", f"{summary.mean_microseconds:.0f} µs{emulated}", None))
    if history.calibration is not None:
        source = text.threshold_source_brief(history.calibration)
        marked = history.calibration.running or history.adjusted
        rows.append(("threshold", source, MARK if marked else None))
    corrupt = counters.corrupt + counters.board_corrupt
    missing = counters.missing + counters.board_missing
    resent = counters.resent + counters.board_resent
    repeated = counters.repeated + counters.board_repeated
    # Frames that are resent are no fault: on a busy machine, an answer is late now and then.
    link: tuple[str, str, Style | None] = ("link", "healthy", GOOD)
    if corrupt or missing:
        link = ("corrupt, missing", f"{corrupt:,}, {missing:,}", BAD)
    rows.insert(min(len(rows), 2) if height <= len(rows) else len(rows), link)  # never cut off
    if history.sample_rate.hz is not None:
        rows.append(("sample rate", f"{history.sample_rate.hz:.6g} Hz", None))
    rows += [
        ("resent, repeated", f"{resent:,}, {repeated:,}", DIM),
        ("frames sent", f"{counters.sent:,}", None),
        ("frames received", f"{counters.received:,}", None),
    ]
    lines: list[Text] = []
    for name, value, value_style in rows[:height]:
        lines.append(_apart(Text(f" {name}", DIM), Text(f"{value} ", value_style or STRONG), width))
    return fit(lines, width, height)


def _apart(left: Text, right: Text, width: int) -> Text:
    """Return `left` and `right` at the edges of a line; `left` is truncated if necessary."""
    available = width - right.cell_len
    if available < 2:
        return left
    left = left.copy()
    left.truncate(available - 1, overflow="ellipsis")
    left.append(" " * (available - left.cell_len))
    return left.append_text(right)


def fit(lines: list[Text], width: int, height: int) -> list[Text]:
    """Return exactly `height` lines, cropped to `width`."""
    lines = lines[:height] + [Text() for _ in range(height - len(lines))]
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="crop")
    return lines

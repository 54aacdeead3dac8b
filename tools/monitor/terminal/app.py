"""The terminal view: redraws the history at a fixed rate, whatever the stream's speed.

Textual sends only changed cells, which suits a slow connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Footer, Static

from tools.monitor.controls import (
    Accept,
    Acknowledge,
    Calibrate,
    Controls,
    Mark,
    Reconnect,
    RenewWearer,
    Reset,
    SetPaused,
    SetRecording,
    SetThreshold,
    StopCalibration,
)
from tools.monitor.events import BoardFacts
from tools.monitor.history import History
from tools.monitor.terminal import panels
from tools.monitor.terminal.inspector import inspector, windows_to_inspect
from tools.monitor.terminal.log_panel import log_panel, newest, time_of_day
from tools.monitor.terminal.trace import title, trace
from tools.monitor.theme import DARK

FRAMES_PER_SECOND = 12
STEP = 1.05  # factor of the threshold per key press
BELOW_LEAST = 3  # lines: a border, and the newest window between
WHOLE_S = 1.0  # between two redraws of all panels while only samples arrive
CONFIRM_S = 0.5  # within which key presses add up before the board confirms the first

LEGEND = f"[{DARK['normal']}]━ signal[/]  [{DARK['abnormal']}]━ flagged[/]"
RECONSTRUCTED = f"{LEGEND}  [{DARK['third']}]━ reconstruction[/]"

KEYS = (
    ("space", "pause or continue sending"),
    ("↑ ↓", "change the threshold by 5 %"),
    ("d", "restore the bundle's threshold"),
    ("c", "calibrate the threshold; stop"),
    ("a", "acknowledge the alarm"),
    ("n", "accept the last flag as normal"),
    ("l", "learn a new wearer"),
    ("i", "inspect flagged windows; stop"),
    ("← →", "previous or next flagged window"),
    ("g", "log of what happened; PgUp PgDn"),
    ("m", "mark this moment"),
    ("w", "write a recording; stop"),
    ("r", "restart, or reconnect if away"),
    ("q, Ctrl-C", "quit; again: without waiting"),
    ("?, h, Esc", "show or hide the keys"),
)
KEYS_SIZE = (46, len(KEYS) + 2)  # columns and lines, border included

Painter = Callable[[History, int, int], list[Text]]


@dataclass(frozen=True)
class Heights:
    """Lines per panel, borders included; 0 hides it. The sum is the height of the screen."""

    header: int
    trace: int
    scores: int
    below: int
    footer: int = 1


def heights(total: int, channels: int = 1) -> Heights:
    """Distribute `total` lines; a small screen hides the score history first.

    So does a trace whose channels would not all have a line. If that is not enough, the last
    windows are reduced to the newest, and the axis below the trace is left out.
    """
    parts = _heights(total)
    if parts.trace - 3 >= channels or not parts.trace:  # border and axis
        return parts
    spare = parts.trace + parts.scores + parts.below
    trace = max(parts.trace + parts.scores, min(channels + 3, spare - BELOW_LEAST))
    return replace(parts, trace=trace, scores=0, below=spare - trace)


def _heights(total: int) -> Heights:
    if total < 8:
        return Heights(header=min(max(total - 1, 0), 1), trace=0, scores=0, below=max(total - 2, 0))
    if total < 16:
        below = max(total // 3 + 1, 4)
        return Heights(header=1, trace=total - 2 - below, scores=0, below=below)
    free = total - 3
    if total < 20:
        return Heights(header=2, trace=free - 6, scores=0, below=6)
    scores = (
        5 + max((free - 21) // 8, 0) * 2
    )  # odd without the border: the threshold's line is in a row
    below = 8 + max((free - 21) // 3, 0) if free >= 19 else 6
    return Heights(header=2, trace=free - scores - below, scores=scores, below=below)


class Panel(Widget):
    """Shows the lines that a panel function returns."""

    def __init__(self, history: History, painter: Painter, id: str) -> None:
        super().__init__(id=id)
        self._history, self._painter = history, painter

    def render(self) -> Text:
        with self._history.frozen():
            lines = self._painter(self._history, self.size.width, self.size.height)
        return Text("\n", no_wrap=True, end="").join(lines)


class MonitorApp(App[None]):
    """The whole screen: header, trace, scores, last windows, statistics and keys."""

    ENABLE_COMMAND_PALETTE = False
    CSS = f"""
    Screen {{ background: {DARK["paper"]}; color: {DARK["ink"]}; overflow: hidden; }}
    #header, Footer {{ background: {DARK["room"]}; color: {DARK["soft"]}; }}
    #trace, #scores, #windows, #facts {{
        border: round {DARK["line"]};
        border-title-color: {DARK["soft"]};
        border-subtitle-color: {DARK["soft"]};
    }}
    #windows {{ width: 1fr; height: 100%; }}
    #facts {{ width: 31; height: 100%; }}
    Screen.narrow #facts {{ display: none; }}
    Screen {{ layers: base above; }}
    #keys {{
        layer: above;
        display: none;
        width: {KEYS_SIZE[0]};
        height: {KEYS_SIZE[1]};
        background: {DARK["room"]};
        border: round {DARK["soft"]};
        border-title-color: {DARK["soft"]};
    }}
    FooterKey .footer-key--key {{ background: {DARK["room"]}; color: {DARK["ink"]}; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "stop('by key')", "quit", key_display="q", priority=True),
        Binding("ctrl+c", "stop('SIGINT')", show=False, priority=True),
        Binding("question_mark,h", "help", "keys", key_display="?"),
        Binding("space", "pause", "pause", key_display="space"),
        Binding("up,plus", "threshold(1)", "threshold", key_display="↑↓"),
        Binding("down,minus", "threshold(-1)", show=False),
        Binding("d", "trained", show=False),
        Binding("c", "calibrate", "calibrate"),
        Binding("a", "acknowledge", "alarm seen"),
        Binding("n", "accept", show=False),
        Binding("l", "renew", show=False),
        Binding("i", "inspect", "inspect"),
        Binding("left", "inspect_next(-1)", show=False),
        Binding("right", "inspect_next(1)", show=False),
        Binding("g", "log", "log"),
        Binding("pageup", "scroll_log(10)", show=False),
        Binding("pagedown", "scroll_log(-10)", show=False),
        Binding("escape", "escape", show=False),
        Binding("m", "mark", "mark"),
        Binding("w", "record", "record"),
        Binding("r", "reset", show=False),
    ]

    def __init__(
        self,
        history: History,
        controls: Controls,
        begin: Callable[[], None],
        over: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._history, self._controls = history, controls
        self._begin, self._over = begin, over  # start the stream; return whether it has ended
        self._painted = -1
        self._reported = -1  # reports of the history when all panels were last redrawn
        self._whole_due = 0.0  # when they are redrawn again even without a report
        self._arranged_for: BoardFacts | None = None
        self._inspecting = False
        self._reading = False  # the log
        self._back = 0  # entries of the log that are scrolled past
        self._inspected: int | None = None  # index of the window; None: the newest
        self._wanted, self._wanted_until = 0.0, 0.0  # the requested threshold, not yet confirmed

    def compose(self) -> ComposeResult:
        yield Panel(self._history, panels.header, "header")
        yield Panel(self._history, self._draw_trace, "trace")
        yield Panel(self._history, panels.scores, "scores")
        with Horizontal(id="below"):
            yield Panel(self._history, panels.windows, "windows")
            yield Panel(self._history, panels.facts, "facts")
        keys = Text("\n").join(Text(f" {key:<11}{does}") for key, does in KEYS)
        yield Static(keys, id="keys")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#keys").border_title = "keys"
        self._arrange(self.size.width, self.size.height)
        self.set_interval(1 / FRAMES_PER_SECOND, self._paint)
        self._begin()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size.width, event.size.height)

    def action_stop(self, reason: str) -> None:
        if self._controls.quitting:
            self._controls.hurry()
            self.exit()
        self._controls.quit(reason)

    def action_pause(self) -> None:
        self._controls.ask(SetPaused())

    def action_threshold(self, direction: int) -> None:
        waiting = time.monotonic() < self._wanted_until
        value = self._wanted if waiting else self._history.threshold
        self._wanted, self._wanted_until = value * STEP**direction, time.monotonic() + CONFIRM_S
        self._controls.ask(SetThreshold(self._wanted))

    def action_trained(self) -> None:
        if self._history.board is not None:
            self._wanted_until = 0.0
            self._controls.ask(SetThreshold(self._history.board.trained_threshold))

    def action_calibrate(self) -> None:
        status = self._history.calibration
        running = status is not None and status.running
        self._controls.ask(StopCalibration() if running else Calibrate())

    def action_accept(self) -> None:
        self._controls.ask(Accept())

    def action_renew(self) -> None:
        self._controls.ask(RenewWearer())

    def _draw_trace(self, history: History, width: int, height: int) -> list[Text]:
        if self._reading:
            return log_panel(history, width, height, self._back)
        if self._inspecting:
            return inspector(history, width, height, self._inspected)
        return trace(history, width, height)

    def action_inspect(self) -> None:
        self._read(False)
        self._inspecting, self._inspected, self._painted = not self._inspecting, None, -1

    def action_log(self) -> None:
        self._read(not self._reading)

    def action_scroll_log(self, entries: int) -> None:
        if self._reading:
            self._back = max(min(self._back + entries, len(self._history.log.entries) - 1), 0)
            self._painted = -1

    def action_escape(self) -> None:
        """Close what is in front: the keys, the log, the inspector."""
        if self.query_one("#keys").display:
            self.action_help()
        elif self._reading:
            self._read(False)
        elif self._inspecting:
            self.action_inspect()

    def _read(self, on: bool) -> None:
        """Show the log on the whole screen, or the panels."""
        self._reading, self._back = on, 0
        self._arrange(self.size.width, self.size.height)

    def action_inspect_next(self, step: int) -> None:
        with self._history.frozen():
            indices = [window.index for window in windows_to_inspect(self._history)]
        if not indices:
            return
        at = indices.index(self._inspected) if self._inspected in indices else len(indices) - 1
        self._inspected = indices[max(0, min(at + step, len(indices) - 1))]
        self._inspecting, self._painted = True, -1

    def action_mark(self) -> None:
        self._controls.ask(Mark())

    def action_acknowledge(self) -> None:
        self._controls.ask(Acknowledge())

    def action_record(self) -> None:
        self._controls.ask(SetRecording(not self._history.recording))

    def action_reset(self) -> None:
        self._controls.ask(Reset() if self._history.answers else Reconnect())

    def action_help(self) -> None:
        keys = self.query_one("#keys")
        keys.display = not keys.display

    def _arrange(self, width: int, height: int) -> None:
        board = self._arranged_for = self._history.board
        shares = heights(height, board.channels if board else 1)
        if self._reading:
            rest = shares.trace + shares.scores + shares.below
            shares = replace(shares, trace=rest, scores=0, below=0)
        for part in ("header", "trace", "scores", "below"):
            widget, lines = self.query_one(f"#{part}"), getattr(shares, part)
            widget.display = lines > 0
            widget.styles.height = max(lines, 1)
        columns, lines = KEYS_SIZE
        offset = max((width - columns) // 2, 0), max((height - lines) // 2, 0)
        self.query_one("#keys").styles.offset = offset
        self.screen.set_class(width < 70, "narrow")
        self._painted = -1

    def _trace_titles(self) -> tuple[str, str]:
        """Return title and legend of the panel that shows the trace, the inspector or the log."""
        if self._reading:
            return "log, newest first: g returns to the trace", "PgUp PgDn"
        if self._inspecting:
            return "inspector: i returns to the trace", "← →"
        board = self._history.board
        reconstructs = board is not None and board.reconstructs
        until = time_of_day(self._history.clock.at(self._history.trace_end))
        names = f"until {until} · {title(self._history)}" if board is not None else "signal"
        return names, RECONSTRUCTED if reconstructs else LEGEND

    def _paint(self) -> None:
        if self._over():
            self.exit()
            return
        history = self._history
        if history.version == self._painted:
            return
        if self._arranged_for is not history.board:  # now the channels are known
            self._arrange(self.size.width, self.size.height)
        # While only samples arrive, the trace is redrawn, and the other panels once per second.
        whole = self._painted < 0 or history.reports != self._reported
        if whole or time.monotonic() > self._whole_due:
            whole = True
            self._reported, self._whole_due = history.reports, time.monotonic() + WHOLE_S
        self._painted = history.version
        name, legend = self._trace_titles()
        self.query_one("#trace").border_title = name.replace("[", "\\[")
        self.query_one("#trace").border_subtitle = legend
        if whole:
            self._titles_of_reports()
        for panel in self.query(Panel) if whole else self.query("#trace"):
            panel.refresh()

    def _titles_of_reports(self) -> None:
        history = self._history
        self.query_one("#scores").border_title = panels.scores_title(history)
        windows = self.query_one("#windows")
        windows.border_title = panels.windows_title(history)
        windows.border_subtitle = newest(history, windows.size.width - 4).replace("[", "\\[")
        self.query_one("#facts").border_title = "statistics"

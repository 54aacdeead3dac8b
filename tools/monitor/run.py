"""A run of the monitor: boards, input, view and outputs as the settings say, from start to end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import TextIO

from tools.monitor import text
from tools.monitor.board_run import BoardRun, load_source
from tools.monitor.controls import Controls
from tools.monitor.history import History
from tools.monitor.settings import Browser, MonitorSettings, ScreenView
from tools.monitor.sinks import attempt, print_lines
from tools.monitor.summary import Summary
from tools.monitor.views import JsonView, PlainView
from tools.recordings.registry import check_target
from tools.recordings.source import Source
from training.bundle import Bundle, read_bundle


def run(settings: MonitorSettings, out: TextIO | None = None) -> list[Summary]:
    """Stream until the source ends or the user stops it (key, SIGINT, SIGTERM, SIGHUP).

    However a run ends, sessions are closed, the terminal is restored and the recording completed.
    The browser view serves its page until it is stopped, unless every board fails at the start.

    Returns:
        One summary per board.

    Raises:
        VigilError: the bundle, the source or a board is not usable, or a link or an output failed.
    """
    out = sys.stdout if out is None else out
    if settings.recording is not None:
        recording = settings.recording
        check_target(recording.path, settings.source_file, recording.overwrite)
    controls = Controls()
    with polite_end(controls) as streaming:
        try:
            bundle = read_bundle(settings.bundle)
            source = load_source(settings, bundle)
        except KeyboardInterrupt:
            return [Summary(reason="interrupted before the board answered")]
        if isinstance(settings.view, Browser):
            # Starlette takes a third of a second to import.
            from tools.monitor.web.browser import run_in_browser

            streaming.set()
            runs = run_in_browser(settings, settings.view, bundle, source, controls, out)
            return _finish(runs, settings.view, out)
        view = _screen_view(settings.view, out)
        board_run = _on_screen(settings, view, bundle, source, controls, out)
        board_run.run(opened=streaming.set)
        if board_run.failures and not streaming.is_set():
            if isinstance(board_run.failures[0], KeyboardInterrupt):
                return [Summary(reason="interrupted before the board answered")]
            raise board_run.failures[0]
        return _finish({"": board_run}, view, out)


def _on_screen(
    settings: MonitorSettings,
    view: ScreenView,
    bundle: Bundle,
    source: Source | None,
    controls: Controls,
    out: TextIO,
) -> BoardRun:
    (target,) = settings.targets
    if view == "terminal":
        # Textual takes half a second to import.
        from tools.monitor.terminal.run import run_in_terminal

        history = History()
        return BoardRun(
            settings,
            bundle,
            target,
            source,
            controls,
            history,
            watch=True,
            present=lambda stream: run_in_terminal(stream, history, controls),
        )
    lines = JsonView(out) if view == "json" else PlainView(out, _width(out))
    return BoardRun(settings, bundle, target, source, controls, lines, watch=False)


def _finish(runs: dict[str, BoardRun], view: ScreenView | Browser, out: TextIO) -> list[Summary]:
    """Print the summary of every board, by its key, and raise the first error."""
    failures = [failure for each in runs.values() for failure in each.failures]
    for key, each in runs.items():
        summary = each.tally.summary()
        if summary.board is None:  # the stream never began
            continue
        if view == "json":
            failures += attempt(partial(JsonView(out).summary, summary), out)
            continue
        prefix = f"{key}: " if key else "# " if view == "plain" else ""
        lines = [*text.summary_lines(summary), *each.replay_lines()]
        failures += print_lines([prefix + line for line in lines], out)
    if failures:
        printed = isinstance(view, Browser)
        for other in () if printed else dict.fromkeys(map(str, failures)):
            if other != str(failures[0]):
                print(f"vigil: {other}", file=sys.stderr)
        raise failures[0]
    for each in runs.values():
        each.check_replay()
    return [each.tally.summary() for each in runs.values()]


@contextlib.contextmanager
def polite_end(controls: Controls) -> Iterator[threading.Event]:
    """Let SIGINT, SIGTERM and SIGHUP end the stream through `controls`.

    A signal raises KeyboardInterrupt instead until the event that this yields is set, and when the
    stream has already been asked to end.
    """
    streaming = threading.Event()

    def handle(number: int, frame: object) -> None:
        if not streaming.is_set() or controls.quitting:
            controls.hurry()
            raise KeyboardInterrupt
        controls.quit(signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():
        yield streaming
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP"):  # not on Windows
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield streaming
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _screen_view(name: ScreenView, out: TextIO) -> ScreenView:
    if name != "auto":
        return name
    # Windows sets no TERM.
    capable = os.name == "nt" or os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return "terminal" if capable and out.isatty() and sys.stdin.isatty() else "plain"


def _width(out: TextIO) -> int:
    try:
        return os.get_terminal_size(out.fileno()).columns
    except (OSError, ValueError):
        return 80

"""Runs a stream beside the terminal view."""

from __future__ import annotations

import signal
import threading

from tools.monitor.controls import Controls
from tools.monitor.history import History
from tools.monitor.stream import Stream
from tools.monitor.terminal.app import MonitorApp

CLOSE_SECONDS = 3.0  # that the view has to close after the stream has ended
HURRY_SECONDS = 1.0  # that the stream has to end after a second request to stop


def run_in_terminal(stream: Stream, history: History, controls: Controls) -> None:
    """Run `stream` in a thread while Textual, which needs the main thread, shows `history`."""
    failures: list[BaseException] = []
    streamed, closed = threading.Event(), threading.Event()
    main_thread = threading.get_ident()

    def work() -> None:
        try:
            stream.run()
        except BaseException as failure:
            failures.append(failure)
        streamed.set()
        # If the terminal no longer accepts output (a broken connection), Textual waits for it
        # without end; a signal interrupts that wait.
        while not closed.wait(CLOSE_SECONDS):
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(main_thread, signal.SIGINT)
            else:  # Windows
                signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=work, name="stream", daemon=True)
    app = MonitorApp(history, controls, thread.start, streamed.is_set)
    try:
        app.run()
    except KeyboardInterrupt:
        if not streamed.is_set():
            raise
    finally:
        closed.set()
        controls.quit("the terminal view ended")
        while thread.is_alive() and not controls.hurried:
            thread.join(0.1)
        if thread.ident is not None:
            thread.join(HURRY_SECONDS)
    if failures:
        raise failures[0]

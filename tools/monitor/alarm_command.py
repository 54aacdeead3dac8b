"""The sink that runs a program of the user's when the alarm is raised or cleared."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence

from tools.monitor.events import AlarmChanged, Event, Notice, Severity, Started, View

MOST_RUNNING = 8


class AlarmCommand(View):
    """Starts `words` at each change of the alarm, and does not wait for its end.

    The program's environment says what happened: VIGIL_ALARM (raised or cleared), VIGIL_WINDOW,
    VIGIL_MODEL and VIGIL_PORT.

    Args:
        words: the program and its arguments.
        say: is called with a notice if the program does not start or fails.
    """

    def __init__(self, words: Sequence[str], say: Callable[[Event], None]) -> None:
        self._words, self._say = list(words), say
        self._started: Started | None = None
        self._running: list[subprocess.Popen[bytes]] = []

    def handle(self, event: Event) -> None:
        self._reap()
        match event:
            case Started():
                self._started = event
            case AlarmChanged():
                self._run(event)

    def _reap(self) -> None:
        ended = [process for process in self._running if process.poll() is not None]
        for process in ended:
            self._running.remove(process)
            if process.returncode:
                self._warn(f"ended with code {process.returncode}")

    def _warn(self, what: str) -> None:
        self._say(Notice(f"{self._words[0]} {what}", severity=Severity.WARNING))

    def _run(self, event: AlarmChanged) -> None:
        if len(self._running) >= MOST_RUNNING:
            self._warn(f"not started: {MOST_RUNNING} of it still run")
            return
        assert self._started is not None
        board = self._started.board
        environment = {
            **os.environ,
            "VIGIL_ALARM": "raised" if event.on else "cleared",
            "VIGIL_WINDOW": str(event.index),
            "VIGIL_MODEL": board.model,
            "VIGIL_PORT": board.port,
        }
        try:
            process = subprocess.Popen(
                self._words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C ends the monitor, not an alarm on its way
            )
        except OSError as problem:
            self._warn(f"does not start: {problem.strerror}")
            return
        self._running.append(process)

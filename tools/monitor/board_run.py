"""One board's part of a run: opens the board and its sinks, streams, and closes them."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable, Sequence

from tools.monitor.board import Board
from tools.monitor.boards.opening import open_board, open_sensor_board
from tools.monitor.comparison import Comparison
from tools.monitor.controls import Controls, SetAlarm, SetThreshold
from tools.monitor.events import Event, View
from tools.monitor.settings import (
    BoardSensor,
    Browser,
    DataSet,
    Emulated,
    File,
    InProcess,
    MonitorSettings,
    Replay,
    Streamed,
    Target,
)
from tools.monitor.sinks import Broadcast, close_all, open_sinks
from tools.monitor.stream import Stream
from tools.monitor.summary import Tally
from tools.recordings.load import of_bundle, of_file
from tools.recordings.source import Source
from training.bundle import Bundle
from training.bundle.errors import DataError, VigilError


class ReplayError(VigilError):
    """A replay gave other scores than those recorded."""


class BoardRun:
    """Streams to one board; `run` may be called in a thread of its own.

    Args:
        source: what is streamed or played; None: a real sensor.
        watch: request each window's reconstruction.
        present: runs the stream; the terminal view runs it beside its screen.

    Attributes:
        failures: the errors of the run, the cause first.
        opened: whether the board answered and the sinks are open.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        bundle: Bundle,
        target: Target,
        source: Source | None,
        controls: Controls,
        view: View,
        watch: bool,
        present: Callable[[Stream], None] = Stream.run,
    ) -> None:
        self._settings, self._bundle, self._target = settings, bundle, target
        self._source, self._watch, self._present = source, watch, present
        self.controls, self.view, self.tally = controls, view, Tally()
        self.failures: list[BaseException] = []
        self.opened = False
        replay = settings.input if isinstance(settings.input, Replay) else None
        self.comparison = None if replay is None else Comparison(replay.scores)

    def run(self, opened: Callable[[], None] = lambda: None) -> None:
        """Stream to the end. Stores errors in `failures`; calls `opened` when the board answers."""
        try:
            self._run(opened)
        except BaseException as failure:
            self.failures.insert(0, failure)

    def _run(self, opened: Callable[[], None]) -> None:
        settings = self._settings
        with contextlib.ExitStack() as stack:
            board, source, frames_per_second = self._open(stack)
            opened()
            caused = deque[Event]()
            sinks = open_sinks(settings, source, board.facts, self.controls, caused.append)
            sinks += [] if self.comparison is None else [self.comparison]
            stack.callback(self._close, sinks)
            self.opened = True
            if settings.threshold is not None:
                self.controls.ask(SetThreshold(settings.threshold))
            if settings.alarm is not None:
                self.controls.ask(SetAlarm(settings.alarm))
            self._present(
                Stream(
                    board,
                    source,
                    self.controls,
                    Broadcast([self.tally, *sinks, self.view], self.controls, caused),
                    frames_per_second=frames_per_second,
                    resume=isinstance(settings.input, Streamed) and settings.input.resume,
                    windows=settings.windows,
                )
            )

    def _close(self, sinks: Sequence[View]) -> None:
        self.failures += close_all([*sinks, self.view])

    def check_replay(self) -> None:
        """Raise ReplayError if a score differs from the recorded one."""
        if self.comparison is not None and not self.comparison.same:
            raise ReplayError(f"{self._settings.source_file}: {self.replay_lines()[0]}")

    def replay_lines(self) -> list[str]:
        """Return the result of a replay; no line for any other run."""
        source = self.tally.summary().source
        if self.comparison is None or source is None:
            return []
        return self.comparison.lines(source.noun)

    def _open(self, stack: contextlib.ExitStack) -> tuple[Board, Source, float | None]:
        """Return the board, the source of its samples, and the frames per second."""
        given, abandon = self._settings.input, self.controls.out_of_time
        wait = self._settings.wait
        emulated = isinstance(self._target, Emulated)  # which does not return by itself
        if wait is None and isinstance(self._settings.view, Browser) and not emulated:
            wait = math.inf
        if isinstance(given, BoardSensor):
            assert not isinstance(self._target, InProcess)  # MonitorSettings refuses it
            played = self._source if isinstance(self._target, Emulated) else None
            if played is not None and played.facts.rate_hz is None:
                raise DataError(f"{played.facts.name} has no sample rate: a board cannot sample it")
            multiple = 1 if given.speed is None else round(given.speed)
            sensor = stack.enter_context(
                open_sensor_board(
                    self._bundle, played, self._target, self._watch, multiple, abandon, wait=wait
                )
            )
            rate = sensor.facts.rate_hz
            return sensor, sensor.source, None if rate is None else rate * multiple
        assert self._source is not None
        frames_per_second = paced(self._source, given.speed)
        if given.speed is None and isinstance(self._settings.view, Browser):
            frames_per_second = self._source.facts.rate_hz
        board = stack.enter_context(
            open_board(self._bundle, self._source, self._target, self._watch, abandon, wait)
        )
        return board, self._source, frames_per_second


def load_source(settings: MonitorSettings, bundle: Bundle) -> Source | None:
    """Return the recording that is streamed or played; None if every board has a real sensor."""
    match settings.input:
        case BoardSensor() if not any(isinstance(each, Emulated) for each in settings.targets):
            return None
        case Replay(scores=scores):
            return of_file(scores.samples, bundle)
        case Streamed(recording=recording) | BoardSensor(plays=recording):
            repeat = isinstance(settings.input, Streamed) and settings.input.repeat
            match recording:
                case File(path=path, leads=leads):
                    return of_file(path, bundle, repeat, leads)
                case DataSet():
                    return of_bundle(bundle, repeat)


def paced(source: Source, speed: float | None) -> float | None:
    """Return the frames to send per second at a multiple of real time; None: no limit.

    Raises:
        DataError: the source has no sample rate, so it has no real time.
    """
    if speed is None:
        return None
    if source.facts.rate_hz is None:
        raise DataError(
            f"{source.facts.name} has no sample rate, so there is no real time to keep; leave the "
            "speed out, or give the rate in the file ('# rate_hz: 250')"
        )
    return source.facts.rate_hz * speed

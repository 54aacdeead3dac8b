"""The destinations of a stream's events, and the handling of output that cannot be written."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import TextIO

from tools.monitor.alarm_command import AlarmCommand
from tools.monitor.controls import Controls
from tools.monitor.events import BoardFacts, Event, View
from tools.monitor.recorder import Recorder
from tools.monitor.settings import MonitorSettings
from tools.recordings.source import Source
from training.bundle.errors import DataError


def open_sinks(
    settings: MonitorSettings,
    source: Source,
    board: BoardFacts,
    controls: Controls,
    say: Callable[[Event], None],
) -> list[View]:
    """Return the sinks that are not looked at: a broker and a recorder.

    Args:
        say: is called with events that a sink causes.

    Raises:
        DataError, MqttError: the recording cannot be written, or the broker does not answer.
    """
    sinks: list[View] = []
    if settings.mqtt is not None:
        # paho-mqtt takes 0.1 s to import.
        from tools.monitor.mqtt.board_topics import board_id
        from tools.monitor.mqtt.broker import broker_of
        from tools.monitor.mqtt.view import MqttView

        broker = broker_of(settings.mqtt.url)
        if broker.warning:
            print(f"vigil: {broker.warning}", file=sys.stderr)
        board_controls = controls if settings.mqtt.commands else None
        sinks.append(
            MqttView(broker, board_id(board), settings.mqtt.discovery, board_controls, say)
        )
    if settings.on_alarm:
        sinks.append(AlarmCommand(settings.on_alarm, say))
    path = None if settings.recording is None else settings.recording.path
    try:
        sinks.append(Recorder(path, source.frame_labels, say))
    except DataError:
        close_all(sinks)
        raise
    return sinks


class Broadcast:
    """Passes every event to every sink, and ends the stream when an output has no reader.

    Args:
        caused: events that sinks cause while they handle one; they are passed on after it.
    """

    def __init__(
        self, sinks: Sequence[View], controls: Controls, caused: deque[Event] | None = None
    ) -> None:
        self._sinks, self._controls = list(sinks), controls
        self._caused = deque[Event]() if caused is None else caused

    def __call__(self, event: Event) -> None:
        """Pass `event` on. Raises DataError, after all sinks have it, if one cannot write it."""
        self._pass_on(event)
        while self._caused:
            self._pass_on(self._caused.popleft())

    def _pass_on(self, event: Event) -> None:
        failure: DataError | None = None
        for sink in tuple(self._sinks):
            try:
                sink.handle(event)
            except BrokenPipeError:
                self._sinks.remove(sink)
                self._controls.quit("the output has no reader any more")
            except (OSError, UnicodeEncodeError) as problem:
                self._sinks.remove(sink)
                failure = failure or _unwritable(sink, problem)
        if failure is not None:
            raise failure


def close_all(sinks: Sequence[View]) -> list[Exception]:
    """Close every sink and return the errors."""
    failures: list[Exception] = []
    for sink in sinks:
        try:
            sink.close()
        except OSError as problem:
            failures.append(_unwritable(sink, problem))
        except Exception as failure:
            failures.append(failure)
    return failures


def _unwritable(sink: View | None, problem: OSError | UnicodeEncodeError) -> DataError:
    name = getattr(sink, "path", "standard output")
    if isinstance(problem, UnicodeEncodeError):
        return DataError(
            f"{name}: its encoding, {problem.encoding}, has no "
            f"{problem.object[problem.start]!r}; set PYTHONIOENCODING=utf-8"
        )
    return DataError(f"{name}: cannot be written: {problem.strerror}")


def print_lines(lines: Sequence[str], out: TextIO) -> list[Exception]:
    """Print lines to `out` and return the errors."""
    return attempt(lambda: print(*lines, sep="\n", file=out), out)


def attempt(write: Callable[[], None], out: TextIO) -> list[Exception]:
    """Call `write`, flush `out`, and return the errors; a reader that has gone away is none."""
    try:
        write()
        out.flush()
    except BrokenPipeError:
        _discard(out)
    except (OSError, UnicodeEncodeError) as problem:
        _discard(out)
        return [_unwritable(None, problem)]
    return []


def _discard(out: TextIO) -> None:
    """Redirect `out` to the null device, so that Python's flush at exit raises no error."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, out.fileno())
        os.close(null)

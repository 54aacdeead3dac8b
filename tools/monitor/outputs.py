"""Where the stream's events go, and what becomes of output that cannot be written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from tools.monitor import text
from tools.monitor.controls import Controls
from tools.monitor.events import BoardFacts, Event
from tools.monitor.record import check_record, open_record
from tools.monitor.source import Source
from tools.monitor.summary import Summary
from tools.monitor.views import JsonView, View
from training.bundle.errors import DataError

if TYPE_CHECKING:
    from tools.monitor.run import MonitorSettings, ViewName


def check_record_of(settings: MonitorSettings) -> None:
    """Raises DataError where the recording would take the place of another, or of the source."""
    if settings.record is not None:
        check_record(settings.record, settings.source, settings.overwrite)


def writers(settings: MonitorSettings, source: Source, board: BoardFacts) -> list[View]:
    """The views beside the one that is looked at: a recording, a broker."""
    views: list[View] = []
    if settings.mqtt is not None:
        from tools.monitor.mqtt import MqttView, board_name, broker_of

        name = board_name(board.port, board.emulated)
        views.append(MqttView(broker_of(settings.mqtt), name))
    if settings.record is not None:
        try:
            views.append(open_record(settings.record, source.frame_labels))
        except DataError:
            close_all(views)
            raise
    return views


class Broadcast:
    """Hands every event to every view. Output that nobody reads any more ends the stream."""

    def __init__(self, views: list[View], controls: Controls) -> None:
        self._views, self._controls = list(views), controls

    def __call__(self, event: Event) -> None:
        """Pass it on. Raises DataError, once all have it, where one cannot write it."""
        failure: DataError | None = None
        for view in tuple(self._views):
            try:
                view.handle(event)
            except BrokenPipeError:
                self._views.remove(view)
                self._controls.quit("nobody reads the output any more")
            except (OSError, UnicodeEncodeError) as problem:
                self._views.remove(view)
                failure = failure or _unwritable(view, problem)
        if failure is not None:
            raise failure


def close_all(views: Sequence[View]) -> list[Exception]:
    """Close each, whatever becomes of the others; what went wrong."""
    failures: list[Exception] = []
    for view in views:
        try:
            view.close()
        except OSError as problem:
            failures.append(_unwritable(view, problem))
        except Exception as failure:
            failures.append(failure)
    return failures


def _unwritable(view: View | None, problem: OSError | UnicodeEncodeError) -> DataError:
    where = getattr(view, "path", "standard output")
    if isinstance(problem, UnicodeEncodeError):
        return DataError(
            f"{where}: its encoding, {problem.encoding}, has no "
            f"{problem.object[problem.start]!r}; set PYTHONIOENCODING=utf-8"
        )
    return DataError(f"{where}: cannot be written: {problem.strerror}")


def sum_up(summary: Summary, lines: Sequence[str], view: ViewName, out: TextIO) -> list[Exception]:
    """Say what was seen; what went wrong with that."""
    if view == "json":
        return _attempt(lambda: JsonView(out).summary(summary), out)
    prefix = "# " if view == "plain" else ""
    return tell([prefix + line for line in (*text.summary_lines(summary), *lines)], out)


def tell(lines: Sequence[str], out: TextIO) -> list[Exception]:
    """Say that; what went wrong with it."""
    return _attempt(lambda: print(*lines, sep="\n", file=out), out)


def _attempt(write: Callable[[], None], out: TextIO) -> list[Exception]:
    """Write to `out`; what went wrong, but for a reader that has gone away."""
    try:
        write()
        out.flush()
    except BrokenPipeError:
        _let_go(out)
    except (OSError, UnicodeEncodeError) as problem:
        _let_go(out)
        return [_unwritable(None, problem)]
    return []


def _let_go(out: TextIO) -> None:
    """Send what Python still holds for a reader that is gone nowhere, so that it ends quietly."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)

"""Opens the board that the settings choose, and closes it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

from tools.boards.adc import AdcRecording
from tools.boards.emulated import EmulatedBoard
from tools.boards.ports import path_of, serial_number
from tools.link.session import Session
from tools.link.timeouts import Timeouts
from tools.monitor.board import Board
from tools.monitor.boards.fault_injection import faulty_port
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.boards.link_board import LinkBoard
from tools.monitor.boards.sensor_board import SensorBoard
from tools.monitor.settings import Emulated, InProcess, Port, Target
from tools.recordings.source import Source
from training.bundle import Bundle
from training.bundle.errors import LinkError


@contextlib.contextmanager
def open_board(
    bundle: Bundle,
    source: Source,
    target: Target,
    watch: bool = False,
    abandon: Callable[[], bool] = lambda: False,
    wait: float | None = None,
) -> Iterator[Board]:
    """Open a board that is sent the samples of `source`.

    Args:
        bundle: must be the one that the board runs.
        source: identifies the board's unfinished stream.
        watch: request each window's reconstruction, which costs link time.
        abandon: called while waiting for the board; returns whether to stop waiting.
        wait: seconds to wait for a board that answered before; None: as long as `Timeouts` says.

    Raises:
        BoardError, LinkError: no board, no answer, or another model on the board.
    """
    if isinstance(target, InProcess):
        yield InProcessBoard(bundle, watch)
        return
    with _session(target, wait) as session:
        yield LinkBoard(session, bundle, source, watch, abandon)


@contextlib.contextmanager
def open_sensor_board(
    bundle: Bundle,
    source: Source | None,
    target: Port | Emulated,
    watch: bool = False,
    speed: int = 1,
    abandon: Callable[[], bool] = lambda: False,
    keep: Callable[[], None] | None = None,
    wait: float | None = None,
) -> Iterator[SensorBoard]:
    """Open a board that samples its own sensor.

    Args:
        bundle: must be the one that the board runs.
        source: what the sensor of an emulated board measures; None: a real sensor.
        watch: request each window's reconstruction, which costs link time.
        speed: of an emulated board, as a multiple of real time.
        abandon: called while waiting for the board; returns whether to stop waiting.
        keep: as for `SensorBoard`.
        wait: as for `open_board`.

    Raises:
        BoardError, LinkError: as `open_board`, or the board has no sensor.
    """
    plays = None if source is None else AdcRecording(source.counts, source.missing, speed)
    # A gateway takes up another bundle for a board that returns with another model.
    with _session(target, wait, plays, await_model=keep is None) as session:
        yield SensorBoard(session, bundle, source, watch, abandon, keep)


@contextlib.contextmanager
def _session(
    target: Port | Emulated,
    wait: float | None,
    plays: AdcRecording | None = None,
    await_model: bool = True,
) -> Iterator[Session]:
    with contextlib.ExitStack() as stack:
        emulated = None
        if isinstance(target, Emulated):
            emulated = stack.enter_context(_booted(target, plays))
            name = emulated.port
        else:
            name = target.name
        if target.faults is not None:
            name = stack.enter_context(faulty_port(name, target.faults, emulated))
        timeouts = Timeouts() if wait is None else Timeouts().waiting(wait)
        if await_model:
            timeouts = replace(timeouts, other_model=timeouts.port)
        find = _finder(name) if isinstance(target, Port) and target.faults is None else None
        yield stack.enter_context(Session.open(name, timeouts=timeouts, find=find))


def _finder(port: str) -> Callable[[], str] | None:
    """Return what finds the board of `port` again under another name; None if it has no number."""
    number = serial_number(port)

    def find() -> str:
        path = path_of(number)
        if path is None and serial_number(port):
            raise LinkError(f"{port}: another device is plugged in here")
        return path or port

    return find if number else None


@contextlib.contextmanager
def _booted(target: Emulated, plays: AdcRecording | None) -> Iterator[EmulatedBoard]:
    with EmulatedBoard(target.image, adc=plays, flash=target.flash) as board:
        try:
            yield board
        finally:
            # A stopped process would not end politely. After a link error, leave it to
            # EmulatedBoard to report why the emulator ended.
            if not isinstance(sys.exception(), LinkError):
                board.kill()

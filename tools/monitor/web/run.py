"""The browser view as a program: a stream a board, each in a thread, and one server for all."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from tools.monitor import text
from tools.monitor.controls import Controls, SetThreshold
from tools.monitor.outputs import Broadcast, check_record_of, close_all, tell, writers
from tools.monitor.port import open_board
from tools.monitor.run import (
    MonitorSettings,
    open_sampling,
    pace_of,
    polite_end,
    source_of,
)
from tools.monitor.stream import Board, Stream
from tools.monitor.summary import Summary, Tally
from tools.monitor.views import View
from tools.monitor.web.hub import BoardView, Hub
from tools.monitor.web.server import serve
from training.bundle import read_bundle
from training.bundle.errors import DataError, VigilError

if TYPE_CHECKING:
    from tools.monitor.source import Source
    from training.bundle import Bundle

JOIN_SECONDS = 5.0  # for a stream to part from its board


@dataclass(frozen=True)
class WebSettings:
    """What each board streams, which boards, and where the page is served."""

    monitor: MonitorSettings  # its port and view are not used
    ports: Sequence[str | None] = (None,)  # a board each; None takes the one that is found
    web_port: int = 0  # 0: any that is free


def run_web(settings: WebSettings, out: TextIO | None = None) -> list[Summary]:
    """Serve until someone asks to stop (SIGINT, SIGTERM, SIGHUP); one summary a board.

    The page stays when a stream has ended, to be looked at. A board that fails is shown as such,
    said on standard error at once, and leaves the others alone; at the end, or when all have failed
    before there was anything to see, the first one's error is raised. Raises VigilError: no such
    bundle or source, or the web port is taken.
    """
    out = sys.stdout if out is None else out
    monitor, ports = settings.monitor, list(settings.ports)
    if monitor.record is not None and len(ports) > 1:
        raise DataError("a recording holds one board's stream: choose one with --port")
    check_record_of(monitor)
    hub, stop = Hub(), Controls()
    with polite_end(stop) as streaming:
        try:
            bundle = read_bundle(monitor.bundle)
            source = None if monitor.sample else source_of(monitor, bundle)
            seats = [
                _Seat(monitor, bundle, source, port, hub, _key(n, port, ports))
                for n, port in enumerate(ports)
            ]
        except KeyboardInterrupt:
            return []
        streaming.set()
        with serve(hub, settings.web_port) as address:
            for failure in tell([address, "open it in a browser; Ctrl-C ends"], out):
                raise failure  # nobody could open it
            for seat in seats:
                seat.start()
            while not stop.quitting and not all(seat.failed_early for seat in seats):
                _say_failures(seats)
                time.sleep(0.1)
            for seat in seats:
                seat.controls.quit(stop.quit_reason or "the other boards failed")
            for seat in seats:
                seat.join(JOIN_SECONDS)
    unsaid: list[Exception] = []
    for seat in seats:
        prefix = f"{seat.view.key}: " if len(seats) > 1 else ""
        if not seat.failed_early:
            unsaid += tell(
                [prefix + line for line in text.summary_lines(seat.tally.summary())], out
            )
    failed = [seat for seat in seats if seat.failure is not None]
    _say_failures(failed[1:])
    if failed and failed[0].failure is not None:
        raise failed[0].failure
    if unsaid:
        raise unsaid[0]
    return [seat.tally.summary() for seat in seats]


def _say_failures(seats: Sequence[_Seat]) -> None:
    """A line on standard error for each that has failed since the last time."""
    for seat in seats:
        if seat.failure is not None and not seat.said:
            seat.said = True
            print(f"vigil: {seat.view.key}: {seat.failure}", file=sys.stderr, flush=True)


def _key(n: int, port: str | None, ports: Sequence[str | None]) -> str:
    """A name that no other board has."""
    name = port or "board"
    return name if ports.count(port) == 1 else f"{name} {n + 1}"


class _Seat:
    """One board's thread."""

    def __init__(
        self,
        settings: MonitorSettings,
        bundle: Bundle,
        source: Source | None,
        port: str | None,
        hub: Hub,
        key: str,
    ) -> None:
        self._settings, self._bundle, self._source, self._port = settings, bundle, source, port
        self.controls, self.tally = Controls(), Tally()
        self.view: BoardView = hub.view(key, self.controls)
        self.failure: VigilError | None = None
        self.said = False  # the failure, on standard error
        self._answered = False
        self._thread = threading.Thread(target=self._run, name=f"stream {key}", daemon=True)

    def start(self) -> None:
        """Open the board and stream."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the end of the stream."""
        self._thread.join(seconds)

    @property
    def failed_early(self) -> bool:
        """Whether there never was anything to see."""
        return self.failure is not None and not self._answered

    def _run(self) -> None:
        try:
            self._stream()
        except VigilError as failure:
            self.failure = failure
        except Exception as defect:  # of ours; the other boards' streams go on
            self.failure = VigilError(f"{type(defect).__name__}: {defect}")
        if self.failure is not None:
            self.view.fail(str(self.failure))

    def _stream(self) -> None:
        settings = self._settings
        with contextlib.ExitStack() as stack:
            board, source, pace = self._open(stack)
            writing = writers(settings, source, board.facts)
            stack.callback(self._close, writing)
            views: list[View] = [self.tally, self.view, *writing]
            self._answered = True
            if settings.threshold is not None:
                self.controls.ask(SetThreshold(settings.threshold))
            Stream(
                board,
                source,
                self.controls,
                Broadcast(views, self.controls),
                frames_per_second=pace,
                resume=settings.resume,
                windows=settings.windows,
            ).run()

    def _close(self, writing: Sequence[View]) -> None:
        for failure in close_all(writing):
            raise failure

    def _open(self, stack: contextlib.ExitStack) -> tuple[Board, Source, float | None]:
        """The board, what is streamed to it or sampled by it, and the pace."""
        settings = self._settings
        if self._source is None:
            board = stack.enter_context(
                open_sampling(settings, self._bundle, self._port, True, self.controls.out_of_time)
            )
            return board, board.source, None
        streamed = stack.enter_context(
            open_board(
                self._bundle,
                self._source,
                self._port,
                settings.image,
                watch=True,
                faults=settings.faults,
                abandon=self.controls.out_of_time,
            )
        )
        return streamed, self._source, pace_of(settings, self._source, real_time=True)

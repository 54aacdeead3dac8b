"""The monitor: a bundle's board, a source, one stream of events, and the views that show it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from tools.monitor.controls import Controls, SetThreshold
from tools.monitor.history import History
from tools.monitor.outputs import Broadcast, check_record_of, close_all, sum_up, writers
from tools.monitor.port import boots, open_board, open_sampling_board
from tools.monitor.replay import Comparison, Recorded
from tools.monitor.source import Source, of_bundle, of_file
from tools.monitor.stream import Board, Stream
from tools.monitor.summary import Summary, Tally
from tools.monitor.views import JsonView, PlainView, View
from training.bundle import read_bundle
from training.bundle.errors import DataError, VigilError

if TYPE_CHECKING:
    from tools.link.faults import FaultConfig
    from tools.monitor.sensor_board import SensorBoard
    from training.bundle import Bundle

FASTEST = 1e6  # times real time; no link is
CLOSE_SECONDS = 3.0  # for the terminal view to end once the stream has
HURRY_SECONDS = 1.0  # for the stream to end when someone asks a second time


class ReplayError(VigilError):
    """A recording did not give the same scores again."""


ViewName = Literal["auto", "terminal", "plain", "json"]


@dataclass(frozen=True)
class MonitorSettings:
    """What to stream, to which board, and how to show it."""

    bundle: Path
    source: Path | None = None  # a .csv, or a .npz recording; else the data set's test recording
    port: str | None = None  # a serial port; else the one that is found, else the emulated board
    image: Path | None = None  # the emulated board's ELF; else where `build` puts it
    view: ViewName = "auto"  # auto: terminal on a terminal, plain in a pipe
    speed: float | None = None  # 1 is real time; None as fast as the link goes
    repeat: bool = False  # begin again at the source's end, for ever
    resume: bool = True  # go on with a stream that a monitor left unfinished
    windows: int | None = None  # stop after this many
    threshold: float | None = None  # set on the board at the start; else what the board has
    record: Path | None = None  # .csv, .npz or .hea
    overwrite: bool = False  # record over what is there
    faults: FaultConfig | None = None  # what goes wrong on the line, on purpose
    mqtt: str | None = None  # a broker's address: publish there, too
    sample: bool = False  # the board samples itself; an emulated one plays the source
    on_host: bool = False  # no board: the same chain on this machine
    compare: Recorded | None = None  # hold the scores against these


def run(settings: MonitorSettings, out: TextIO | None = None) -> Summary:
    """Stream until the source ends or someone asks to stop (key, SIGINT, SIGTERM, SIGHUP).

    Whatever happens, the board is told goodbye, the terminal is given back and the recording is
    closed. Raises VigilError: no such bundle, source or port, another model on the board, or a
    link that failed.
    """
    out = sys.stdout if out is None else out
    controls = Controls()
    with polite_end(controls) as streaming, contextlib.ExitStack() as stack:
        try:
            check_record_of(settings)
            bundle = read_bundle(settings.bundle)
            view = _view_name(settings.view, out)
            board: Board
            watch = view == "terminal"
            pace = None
            if settings.sample:
                sensor = stack.enter_context(
                    open_sampling(settings, bundle, settings.port, watch, controls.out_of_time)
                )
                board, source = sensor, sensor.source
            else:
                source = source_of(settings, bundle)
                pace = pace_of(settings, source)
                if settings.on_host:
                    from tools.monitor.host import HostBoard

                    board = HostBoard(bundle, watch=watch)
                else:
                    board = stack.enter_context(
                        open_board(
                            bundle,
                            source,
                            settings.port,
                            settings.image,
                            watch=watch,
                            faults=settings.faults,
                            abandon=controls.out_of_time,
                        )
                    )
        except KeyboardInterrupt:
            return Summary(reason="interrupted before the board answered")
        streaming.set()
        if settings.threshold is not None:
            controls.ask(SetThreshold(settings.threshold))
        return _watch(settings, source, board, controls, view, pace, out)


@contextlib.contextmanager
def open_sampling(
    settings: MonitorSettings,
    bundle: Bundle,
    port: str | None,
    watch: bool,
    abandon: Callable[[], bool],
) -> Iterator[SensorBoard]:
    """A board that samples itself; an emulated one that is booted for it plays the source.

    Raises VigilError as `open_sampling_board`, or DataError for a speed that cannot be.
    """
    source, speed = None, 1.0
    if boots(port):
        source = source_of(settings, bundle)
        speed = settings.speed if settings.speed is not None else 1
        if not (1 <= speed <= 1000 and speed == round(speed)):
            raise DataError(
                f"speed is {speed:g}; an emulated board plays a recording at whole "
                "multiples of real time, 1 to 1000"
            )
        if source.facts.rate_hz is None:
            raise DataError(f"{source.facts.name} has no sample rate: a board cannot sample it")
    elif settings.speed is not None:
        raise DataError("a sensor is sampled in real time: leave the speed out")
    with open_sampling_board(
        bundle, source, port, settings.image, watch, settings.faults, round(speed), abandon
    ) as board:
        yield board


def _watch(
    settings: MonitorSettings,
    source: Source,
    board: Board,
    controls: Controls,
    view: ViewName,
    frames_per_second: float | None,
    out: TextIO,
) -> Summary:
    tally, history = Tally(), History()
    comparison = Comparison(settings.compare) if settings.compare is not None else None
    views: list[View] = [tally, *writers(settings, source, board.facts)]
    views += [comparison] if comparison is not None else []
    if view == "terminal":
        views.append(history)
    elif view == "json":
        views.append(JsonView(out))
    else:
        views.append(PlainView(out, _width(out)))
    stream = Stream(
        board,
        source,
        controls,
        Broadcast(views, controls),
        frames_per_second=frames_per_second,
        resume=settings.resume,
        windows=settings.windows,
    )
    failures: list[BaseException] = []
    try:
        if view == "terminal":
            _in_terminal(stream, history, controls)
        else:
            stream.run()
    except BaseException as failure:
        failures.append(failure)
    failures += close_all(views)
    summary = tally.summary()
    if summary.board is not None:  # else the stream never began, and why is said below
        lines = comparison.lines(source.facts.noun) if comparison is not None else []
        failures += sum_up(summary, lines, view, out)
    if failures:
        for other in dict.fromkeys(map(str, failures)):
            if other != str(failures[0]):
                print(f"vigil: {other}", file=sys.stderr)
        raise failures[0]
    if comparison is not None and not comparison.same:
        raise ReplayError(f"{settings.source}: {comparison.lines(source.facts.noun)[0]}")
    return summary


def _in_terminal(stream: Stream, history: History, controls: Controls) -> None:
    """Stream in a thread of its own while Textual has the main one."""
    from tools.monitor.terminal import MonitorApp  # half a second that the other views need not pay

    failures: list[BaseException] = []
    streamed, closed = threading.Event(), threading.Event()
    main = threading.get_ident()

    def work() -> None:
        try:
            stream.run()
        except BaseException as failure:
            failures.append(failure)
        streamed.set()
        # A terminal that is gone (a connection that broke) takes no more output, and Textual waits
        # for it for ever. A signal gets it out of that.
        while not closed.wait(CLOSE_SECONDS):
            signal.pthread_kill(main, signal.SIGINT)

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


@contextlib.contextmanager
def polite_end(controls: Controls) -> Iterator[threading.Event]:
    """Turn the signals that ask a program to end into a polite end.

    Until the event that this yields is set there is no stream to end: they interrupt then, and so
    does a second one later.
    """
    streaming = threading.Event()

    def ask(number: int, frame: object) -> None:
        if not streaming.is_set() or controls.quitting:
            controls.hurry()
            raise KeyboardInterrupt
        controls.quit(signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():
        yield streaming
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield streaming
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def source_of(settings: MonitorSettings, bundle: Bundle) -> Source:
    """What is to be streamed."""
    if settings.source is None:
        return of_bundle(bundle, settings.repeat)
    return of_file(settings.source, bundle, settings.repeat)


def pace_of(settings: MonitorSettings, source: Source, real_time: bool = False) -> float | None:
    """Frames per second, None for as fast as the link goes.

    `real_time`: what to take where no speed was asked for, if the source has a rate.
    """
    if settings.speed is None:
        return source.facts.rate_hz if real_time else None
    if not 0 < settings.speed <= FASTEST:
        raise DataError(
            f"speed is {settings.speed:g}; it must be positive (1: real time), {FASTEST:g} at most"
        )
    if source.facts.rate_hz is None:
        raise DataError(
            f"{source.facts.name} has no sample rate, so there is no real time to keep; leave the "
            "speed out, or give the rate in the file ('# rate_hz: 250')"
        )
    return source.facts.rate_hz * settings.speed


def _view_name(name: ViewName, out: TextIO) -> ViewName:
    if name != "auto":
        return name
    capable = os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return "terminal" if capable and out.isatty() and sys.stdin.isatty() else "plain"


def _width(out: TextIO) -> int:
    try:
        return os.get_terminal_size(out.fileno()).columns
    except (OSError, ValueError):
        return 80

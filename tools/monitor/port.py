"""The board at the other end: finds it, checks that it runs this bundle, speaks to it.

It is sent what a source holds, or samples itself (`open_sampling_board`).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.link import events as link
from tools.link.messages import Statistics
from tools.link.session import Session, stream_id
from tools.monitor.bad_line import bad_line
from tools.monitor.events import (
    BoardFacts,
    Counts,
    LinkCounters,
    Notice,
    WindowScored,
    WindowsLost,
)
from tools.monitor.reconstruct import to_counts
from tools.monitor.source import Source
from training.bundle.errors import BoardError, LinkError

if TYPE_CHECKING:
    from tools.boards.adc import AdcRecording
    from tools.boards.emulated import EmulatedBoard
    from tools.link.faults import FaultConfig
    from tools.monitor.sensor_board import SensorBoard
    from tools.monitor.stream import BoardEvent
    from training.bundle import Bundle

EMULATED = "emulated"  # in a port's place: boot a board instead
AHEAD_SAMPLES = 4096  # that may be on their way beyond the windows not yet reported
# Of one source: a new stream must have another number than the board's last, and than ours, of
# which the board may not have heard.
STREAM_NAMES = 3


@contextlib.contextmanager
def open_board(
    bundle: Bundle,
    source: Source,
    port: str | None = None,
    image: Path | None = None,
    watch: bool = False,
    faults: FaultConfig | None = None,
    abandon: Callable[[], bool] = lambda: False,
) -> Iterator[LinkBoard]:
    """The board on `port`; else the one that is plugged in; else the emulated one running `image`.

    `port` may be "emulated": an emulated board of its own, whatever is plugged in.
    `watch`: ask for every window's reconstruction, which costs link.
    `faults`: what goes wrong on the line, and when (`tools.monitor.bad_line`).
    `abandon`: asked while the board is waited for: whether to wait no longer.
    Raises BoardError or LinkError, one line: no board, no answer, another model.
    """
    with _session(port, image, faults) as (session, _):
        yield LinkBoard(session, bundle, source, watch, abandon)


@contextlib.contextmanager
def open_sampling_board(
    bundle: Bundle,
    source: Source | None,
    port: str | None = None,
    image: Path | None = None,
    watch: bool = False,
    faults: FaultConfig | None = None,
    speed: int = 1,
    abandon: Callable[[], bool] = lambda: False,
) -> Iterator[SensorBoard]:
    """The same, but the board samples itself; an emulated one that is booted here plays `source`.

    `speed`: how many times faster than in real time it plays. Raises as `open_board`, and
    LinkError for a board that reads no sensor.
    """
    from tools.boards.adc import AdcRecording
    from tools.monitor.sensor_board import SensorBoard

    plays = AdcRecording(source.counts, source.missing, speed) if source is not None else None
    with _session(port, image, faults, plays) as (session, booted):
        known = source if booted else None
        yield SensorBoard(session, bundle, known, watch, abandon)


@contextlib.contextmanager
def _session(
    port: str | None,
    image: Path | None,
    faults: FaultConfig | None,
    plays: AdcRecording | None = None,
) -> Iterator[tuple[Session, bool]]:
    """A session, and whether its board was booted for it."""
    with contextlib.ExitStack() as stack:
        name = None if port == EMULATED else port or _plugged_in()
        booted = None
        if name is None:
            booted = stack.enter_context(_emulated(image, plays))
            name = booted.port
        if faults is not None:
            name = stack.enter_context(bad_line(name, faults, booted))
        yield stack.enter_context(Session.open(name)), booted is not None


def boots(port: str | None) -> bool:
    """Whether an emulated board would be booted: asked for, or nothing is plugged in."""
    return port == EMULATED or (port is None and _plugged_in() is None)


def _plugged_in() -> str | None:
    from tools.boards.ports import find_ports

    ports = find_ports()
    if len(ports) > 1:
        names = ", ".join(each.path for each in ports)
        raise BoardError(f"several boards are plugged in ({names}): choose one with --port")
    return ports[0].path if ports else None


@contextlib.contextmanager
def _emulated(image: Path | None, plays: AdcRecording | None = None) -> Iterator[EmulatedBoard]:
    if image is None:
        raise BoardError(
            "no board is plugged in, and there is no image for the emulated one: run `vigil build`"
        )
    from tools.boards.emulated import EmulatedBoard

    with EmulatedBoard(image, adc=plays) as board:
        try:
            yield board
        finally:
            # Nobody needs it any more, and one that was stopped would not end politely. After a
            # link that failed, leaving says why, if the board ended by itself.
            if not isinstance(sys.exception(), LinkError):
                board.kill()


class LinkBoard:
    """A session as the stream wants it (`tools.monitor.stream.Board`)."""

    def __init__(
        self,
        session: Session,
        bundle: Bundle,
        source: Source,
        watch: bool,
        abandon: Callable[[], bool] = lambda: False,
    ) -> None:
        hello, boot = session.board, session.boot
        if hello.model_hash != bundle.hash8:
            raise LinkError(
                f"{session.port}: the board runs {hello.model} ({hello.model_hash.hex()}), not "
                f"{bundle.manifest.name} ({bundle.hash8.hex()}): build and flash this bundle"
            )
        self._session, self._source, self._manifest = session, source, bundle.manifest
        self._names = [stream_id(f"{source.identity}#{n}") for n in range(STREAM_NAMES)]
        self._thresholds = [(0, hello.threshold)]  # from which window on, ascending
        self._statistics = self._before = session.statistics()
        self._abandon = session.abandon = abandon
        self._answers, self._stream = True, 0  # whether it answers, as was told last
        self._held: list[link.Event] = []
        self._listening = False  # what it says for people before the first score is its greeting
        session.watch(output=watch)
        self.facts = BoardFacts(
            port=session.port,
            board=hello.board,
            emulated=hello.board == "emulated",
            engine=hello.engine,
            model=hello.model,
            model_hash=hello.model_hash.hex(),
            window=hello.window,
            hop=hello.hop,
            channels=hello.channels,
            rate_hz=hello.rate if hello.rate > 0 else None,
            threshold=hello.threshold,
            trained_threshold=float(np.float32(bundle.manifest.threshold.value)),
            golden_passed=boot.golden_passed,
            golden_total=boot.golden_total,
        )

    @property
    def answers(self) -> bool:
        """Whether it is there, as far as is known."""
        return self._session.answers

    @property
    def resume_frame(self) -> int:
        """Where this source's stream stands on the board; 0 if it holds none of it."""
        hello = self._session.board
        if hello.stream not in self._names:
            return 0
        return min(hello.next_sample, hello.next_window * hello.hop)

    def take_up(self) -> int:
        """Go on with the stream that the board holds; the frame to send first."""
        first = self._session.start(self._session.board.stream)
        # That it answers again is no news: it was asked to.
        events = self._session.poll()
        self._held = [event for event in events if not isinstance(event, link.Resumed)]
        return first

    def restart(self) -> None:
        """Begin a new stream at frame 0, whatever the board holds."""
        self._new_stream()
        self._session.start(self._stream)

    def _new_stream(self) -> None:
        held = self._session.board.stream, self._stream
        self._stream = next(name for name in self._names if name not in held)
        self._thresholds = [(0, self._thresholds[-1][1])]
        self._held = []
        self._session.poll()  # what has come of the old one, and nobody wants any more

    def room(self) -> int:
        """Frames: the session's room, but not far ahead of the scores."""
        session = self._session
        ahead = session.next_sample - session.next_window * self.facts.hop
        most = AHEAD_SAMPLES // self.facts.channels + self.facts.window
        return min(session.room, max(most - ahead, 0)) if self.answers else 0

    def send(self, first_frame: int, counts: Counts) -> None:
        """Into the session's buffer, which sends and resends."""
        session = self._session
        if first_frame != session.next_sample or session.offer(counts) != len(counts):
            raise LinkError(f"{session.port}: frame {first_frame} is not the one to send now")

    def skip(self, first_frame: int, count: int) -> None:
        """The windows that these frames touch are lost."""
        if first_frame != self._session.next_sample:
            raise LinkError(f"{self._session.port}: frame {first_frame} is not the one to skip now")
        self._session.skip(count)

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        """What came, in the monitor's words."""
        events = self._held or self._session.poll(timeout)
        self._held = []
        return [*(told for event in events if (told := self._told(event))), *self._back()]

    def _back(self) -> list[Notice]:
        """That it answers again, where no event says so: a new stream is not resumed."""
        if self._answers or not self.answers:
            return []
        self._answers = True
        return [Notice("the board answers again", answers=True)]

    @contextlib.contextmanager
    def _while_it_answers(self) -> Iterator[Session]:
        """Requests that are given up when the board falls silent: it may be long away."""
        session = self._session
        session.abandon = lambda: self._abandon() or not session.answers
        try:
            yield session
        finally:
            session.abandon = self._abandon

    def set_threshold(self, value: float) -> float:
        """Set it on the board; what the board then has."""
        with self._while_it_answers() as session:
            answer = session.set_threshold(value)
        self._thresholds.append((answer.window, answer.value))
        return answer.value

    def counters(self) -> LinkCounters:
        """Of both ends since this session began, the board's own as last heard."""
        if self.answers:
            # The next receive() says what is wrong.
            with contextlib.suppress(LinkError), self._while_it_answers() as session:
                self._statistics = session.statistics()
                if self._statistics.received < self._before.received:
                    self._before = Statistics()  # the board was reset and counts from 0
        host, board, before = self._session.counters, self._statistics, self._before
        return LinkCounters(
            sent=host.sent,
            received=host.received,
            corrupt=host.corrupt,
            missing=host.missing,
            repeated=host.repeated,
            resent=host.resent,
            board_received=board.received - before.received,
            board_corrupt=board.corrupt - before.corrupt,
            board_missing=board.missing - before.missing,
            board_repeated=board.repeated - before.repeated,
            board_resent=board.resent - before.resent,
        )

    def close(self, finished: bool) -> None:
        """Say goodbye; a stream that is `finished` is not there to be taken up again."""
        try:
            if finished and self.answers:
                with contextlib.suppress(LinkError):
                    self._session.start(stream_id("finished"))
        finally:
            self._session.close()

    def _told(self, event: link.Event) -> BoardEvent | None:
        match event:
            case link.Scored():
                return self._scored(event)
            case link.Lost():
                return WindowsLost(event.first, event.count, event.reason.name.lower())
            case link.PortLost():
                self._answers = False
                return Notice(f"{event.reason}; waiting for it to come back", answers=False)
            case link.Silent():
                self._answers = False
                return Notice("the board does not answer; waiting for it", answers=False)
            case link.Resumed():
                self._answers = True
                why = "was reset" if event.rebooted else "answers again"
                text = f"the board {why}: going on at frame {event.sample}"
                return Notice(text, answers=True)
            case link.Refused():
                return Notice(f"the board refused a message of type {event.type:#04x}")
            case link.BoardText() if self._listening:
                return Notice(f"the board says: {event.text.strip()}")
        return None

    def _window(self, first: int) -> Counts:
        """The counts of a window that was scored, int16 [window, channels]."""
        return self._source.take(first, self.facts.window)

    def _scored(self, event: link.Scored) -> WindowScored:
        self._listening = True
        while len(self._thresholds) > 1 and self._thresholds[1][0] <= event.window:
            del self._thresholds[0]
        first = event.window * self.facts.hop
        made = None
        if event.output is not None:
            output = np.frombuffer(event.output, np.int8)
            made = to_counts(self._manifest, output, self._window(first))
        return WindowScored(
            index=event.window,
            first_frame=first,
            score=event.score,
            threshold=self._thresholds[0][1],
            flag=event.anomaly,
            microseconds=event.microseconds,
            reconstruction=made,
        )

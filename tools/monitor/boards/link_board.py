"""A board on a link: the link's session behind the interface that the stream uses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from tools.boards.catalogue import is_emulated
from tools.boards.names import key_of, name_of
from tools.link import events as link
from tools.link.messages import (
    CalibrationReport,
    Statistics,
    WearerReport,
    WearerRequest,
)
from tools.link.protocol import OtherModelError
from tools.link.session import Session, Settle, stream_id
from tools.monitor.board import BoardEvent
from tools.monitor.boards.alarm import ResumedAlarm, alarm_of, alarm_set
from tools.monitor.boards.calibrating import Calibrating, request_of, status_of
from tools.monitor.boards.dequantize import of_model, to_counts
from tools.monitor.boards.other_model import other_model
from tools.monitor.boards.strangers import Strangers
from tools.monitor.boards.wearing import ASK, accepting, renewing, status_of_report
from tools.monitor.controls import Calibration
from tools.monitor.events import (
    BoardFacts,
    CalibrationStatus,
    LinkCounters,
    Notice,
    Severity,
    ThresholdChanged,
    WearerStatus,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.recordings.source import Counts, Source
from training.bundle import Bundle
from training.bundle.chain import REASONS
from training.bundle.decision import alarm_text
from training.bundle.errors import LinkError
from training.bundle.manifest import AlarmLevels, Beats, Decision, Wearer

AHEAD_SAMPLES = 4096  # that may be in flight beyond the windows that have been scored
# Stream numbers per source: a new stream needs one that neither the board's last stream nor our
# last one has, and the board may not know ours.
STREAM_NAMES = 3


class LinkBoard:
    """Implements `tools.monitor.stream.Board` on a session of the link.

    Args:
        bundle: must be the one that the board runs.
        source: identifies the board's unfinished stream.
        watch: request each window's reconstruction.
        abandon: called while waiting for the board; returns whether to stop waiting.
        sensor: name of the sensor that the board samples; empty: none.

    Raises:
        LinkError: the board runs another model.
    """

    def __init__(
        self,
        session: Session,
        bundle: Bundle,
        source: Source,
        watch: bool,
        abandon: Callable[[], bool] = lambda: False,
        sensor: str = "",
    ) -> None:
        hello, boot = session.board, session.boot
        if hello.model_hash != bundle.hash8:
            raise LinkError(f"{session.port}: {other_model(session, bundle, hello, sensor)}")
        self._session, self._source, self._manifest = session, source, bundle.manifest
        self._other_model = partial(other_model, session, bundle, sensor=sensor)
        self._names = [stream_id(f"{source.identity}#{n}") for n in range(STREAM_NAMES)]
        self._thresholds = [(0, hello.threshold)]  # from which window on, ascending
        self._statistics = self._before = session.statistics()
        self._abandon = session.abandon = abandon
        self._answers, self._stream = True, 0  # `_answers`: as in the last notice
        self._held: list[link.Event] = []
        self._levels: AlarmLevels | None = None  # set by this monitor
        self._alarm_due = False  # the board was reset and has forgotten them
        self._resumed_alarm = ResumedAlarm()
        self._status: list[BoardEvent] = []  # events about threshold and calibration
        self._calibrating: Calibrating | None = None
        self.calibration: CalibrationStatus | None = None
        with contextlib.suppress(LinkError):  # older firmware
            self._calibrating = Calibrating(session.calibrate)
            self.calibration = status_of(self._calibrating.report)
        self.wearer: WearerStatus | None = None
        if isinstance(self._manifest.wearer, Wearer):
            with contextlib.suppress(LinkError):  # older firmware
                self._ask_wearer()
        self._strangers = Strangers(session)
        self._scoring = False  # the board's text before its first score is a greeting
        session.watch(output=watch, sizes=bundle.manifest.sizes)
        self.facts = BoardFacts(
            port=session.port,
            name="" if is_emulated(hello.board) else name_of(key_of(session.port)),
            board=hello.board,
            emulated=is_emulated(hello.board),
            engine=hello.engine,
            model=hello.model,
            model_hash=hello.model_hash.hex(),
            window=bundle.manifest.grid.window,
            hop=hello.hop,
            channels=hello.channels,
            rate_hz=hello.rate if hello.rate > 0 else None,
            threshold=hello.threshold,
            trained_threshold=float(np.float32(bundle.manifest.threshold.value)),
            golden_passed=boot.golden_passed,
            golden_total=boot.golden_total,
            span=hello.window,
            cuts_beats=isinstance(bundle.manifest.segmenter, Beats),
            personal=isinstance(bundle.manifest.wearer, Wearer),
            alarm=alarm_of(session) if isinstance(self._manifest.decision, Decision) else "",
            reconstructs=bundle.manifest.raw_size > 0,
        )

    @property
    def answers(self) -> bool:
        return self._session.answers

    @property
    def resume_frame(self) -> int | None:
        """The next frame of this source's unfinished stream; None: begin at frame 0."""
        hello = self._session.board
        if hello.stream not in self._names:
            return None
        return min(hello.next_sample, hello.next_window * hello.hop) or None

    def take_up(self) -> int:
        """Resume the board's unfinished stream and return the first frame to send."""
        first = self._session.start(self._session.board.stream)
        self._ask_wearer_again()
        self._resumed_alarm.ask(self._session, self.facts)
        # The resumption was requested, so no event needs to report it.
        events = self._session.poll()
        self._held = [event for event in events if not isinstance(event, link.Resumed)]
        return first

    def restart(self) -> None:
        self._new_stream()
        self._session.start(self._stream)
        self._ask_wearer_again()

    def _new_stream(self) -> None:
        used = self._session.board.stream, self._stream
        self._stream = self._next_number(used)
        self._thresholds = [(0, self._thresholds[-1][1])]
        self._held = []
        self._resumed_alarm.clear()
        self._session.poll()  # discard the events of the old stream

    def _next_number(self, used: tuple[int, int]) -> int:
        return next(name for name in self._names if name not in used)

    def room(self) -> int:
        """Return the frames that the session takes now, limited to a distance from the scores."""
        session = self._session
        ahead = session.next_sample - session.next_window * self.facts.hop
        most = AHEAD_SAMPLES // self.facts.channels + self.facts.report_after
        return min(session.room, max(most - ahead, 0)) if self.answers else 0

    def send(self, first_frame: int, counts: Counts) -> None:
        session = self._session
        if first_frame != session.next_sample or session.offer(counts) != len(counts):
            raise LinkError(f"{session.port}: frame {first_frame} is not the one to send now")

    def skip(self, first_frame: int, count: int) -> None:
        if first_frame != self._session.next_sample:
            raise LinkError(f"{self._session.port}: frame {first_frame} is not the one to skip now")
        self._session.skip(count)

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        received = self._poll(timeout)
        events = [self._translated(event) for event in received]
        scored = [event for event in events if event is not None]
        return [*scored, *self._take_own()]

    def _poll(self, timeout: float, settle: Settle = None) -> Sequence[link.Event]:
        """Return the session's events; those that were held come first."""
        held, self._held = self._held, []
        try:
            return held or self._session.poll(timeout, settle)
        except OtherModelError as error:
            raise LinkError(f"{self._session.port}: {self._other_model(error.board)}") from None

    def _take_own(self) -> list[BoardEvent]:
        """Return the events that no message of the board brings."""
        status, self._status = self._status, []
        strangers = self._strangers.notices(away=not self.answers)
        alarm = self._resumed_alarm.events(self._session, self.facts.hop)
        return [*status, *alarm, *self._answers_again(), *strangers]

    def retry(self) -> None:
        self._strangers.clear()
        self._session.retry()

    def _answers_again(self) -> list[Notice]:
        """Return a notice if the board answers again; for a new stream, no event reports it."""
        if self._answers or not self.answers:
            return []
        self._answers = True
        return [Notice("the board answers again", answers=True)]

    @contextlib.contextmanager
    def _while_it_answers(self) -> Iterator[Session]:
        session = self._session
        session.abandon = lambda: self._abandon() or not session.answers
        try:
            yield session
        finally:
            session.abandon = self._abandon

    def set_threshold(self, value: float) -> float:
        with self._while_it_answers() as session:
            answer = session.set_threshold(value)
        self._thresholds.append((answer.window, answer.value))
        self._ask_status()
        return answer.value

    def calibrate(self, command: Calibration) -> None:
        if self._calibrating is None:
            raise LinkError(f"{self._session.port}: the board's firmware cannot calibrate")
        request = request_of(command, self._manifest.threshold.false_alarm_rate)
        with self._while_it_answers():
            self._note(self._calibrating.request(request))

    def _ask_status(self) -> None:
        # The next receive() reports an error.
        if self._calibrating is not None:
            with contextlib.suppress(LinkError), self._while_it_answers():
                self._note(self._calibrating.request())

    def _note(self, report: CalibrationReport) -> None:
        """Take a new threshold over, and queue the events about it."""
        if report.threshold != self._thresholds[-1][1]:
            self._thresholds.append((report.window, report.threshold))
            self._status.append(ThresholdChanged(report.threshold))
        status = status_of(report)
        if status != self.calibration:
            self.calibration = status
            self._status.append(status)

    def accept(self, window: int) -> None:
        self._ask_wearer(accepting(window))

    def renew_wearer(self) -> None:
        self._ask_wearer(renewing())

    def _ask_wearer(self, request: WearerRequest = ASK) -> None:
        with self._while_it_answers() as session:
            self._note_wearer(session.wearer(request))

    def _ask_wearer_again(self) -> None:
        # The next receive() reports an error.
        if self.wearer is not None:
            with contextlib.suppress(LinkError):
                self._ask_wearer()

    def _note_wearer(self, report: WearerReport) -> None:
        status = status_of_report(report, self._manifest.signal.rate_hz)
        if status != self.wearer:
            self.wearer = status
            self._status.append(status)

    def set_alarm(self, levels: AlarmLevels) -> str:
        with self._while_it_answers() as session:
            session.set_alarm(alarm_set(levels))
        self._levels, self._alarm_due = levels, False
        return alarm_text(levels)

    def counters(self) -> LinkCounters:
        if self.answers:
            if self.calibration is not None and self.calibration.running:
                self._ask_status()
            if self.wearer is not None and not (
                self.wearer.learned and self.wearer.memory != "saving"
            ):
                self._ask_wearer_again()
            # The next receive() reports the error.
            with contextlib.suppress(LinkError), self._while_it_answers() as session:
                self._statistics = session.statistics()
                if self._statistics.received < self._before.received:
                    self._before = Statistics()  # the board was reset
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
        try:
            if finished and self.answers:
                with contextlib.suppress(LinkError):
                    self._session.start(stream_id("finished"))
        finally:
            self._session.close()

    def _translated(self, event: link.Event) -> BoardEvent | None:
        match event:
            case link.Scored():
                return self._scored(event)
            case link.Lost() if event.reason.name.lower() in REASONS:
                # The board reports each rejected window by itself.
                first, peak = self._placed(event.first, event.peak)
                reason = event.reason.name.lower()
                return WindowNotJudged(event.first, first, reason, peak, event.interval)
            case link.Lost():
                return WindowsLost(event.first, event.count, event.reason.name.lower())
            case link.PortLost():
                self._answers = False
                text = f"waiting for the port to return: {event.reason}"
                return Notice(text, answers=False, severity=Severity.WARNING)
            case link.OtherModel():
                self._answers = False
                text = f"{self._other_model(event.board)}; waiting"
                return Notice(text, answers=False, severity=Severity.WARNING)
            case link.Silent():
                self._answers = False
                text = "the board does not answer; waiting"
                return Notice(text, answers=False, severity=Severity.WARNING)
            case link.Resumed():
                self._answers = True
                self._alarm_due |= event.rebooted
                if self._levels is not None and self._alarm_due:
                    with contextlib.suppress(LinkError):  # the board is away again
                        self.set_alarm(self._levels)
                self._ask_status()  # the answer to a request may have been lost with the link
                self._ask_wearer_again()
                why = "was reset" if event.rebooted else "answers again"
                text = f"the board {why}: continuing at frame {event.sample}"
                severity = Severity.WARNING if event.rebooted else Severity.INFO
                return Notice(text, answers=True, severity=severity)
            case link.Calibrated():  # its report may be older than the last answer
                self._ask_status()
            case link.WearerChanged():  # likewise
                self._ask_wearer_again()
            case link.Refused():
                text = f"the board refused a message of type {event.type:#04x}"
                return Notice(text, severity=Severity.WARNING)
            case link.BoardText() if self._scoring:
                return Notice(f"the board says: {event.text.strip()}")
        return None

    def _window(self, first: int) -> Counts:
        """Return the counts of a scored window, int16 [window, channels]."""
        return self._source.take(first, self.facts.window)

    def _placed(self, window: int, after: int | None) -> tuple[int, int | None]:
        """Return a window's first frame, and its R, which lies `after` the first of its hop."""
        first = window * self.facts.hop
        if after is None or not isinstance(self._manifest.segmenter, Beats):
            return first, None
        return first + after - self._manifest.grid.before, first + after

    def _scored(self, event: link.Scored) -> WindowScored:
        self._scoring = True
        if self._calibrating is not None and self._calibrating.may_be_over():
            self._ask_status()
        while len(self._thresholds) > 1 and self._thresholds[1][0] <= event.window:
            del self._thresholds[0]
        first, peak = self._placed(event.window, event.peak)
        reconstruction = None
        if event.output is not None:
            output = np.frombuffer(event.output, np.int8)
            window = of_model(self._manifest, self._window(first))
            reconstruction = to_counts(self._manifest, output, window)
        return WindowScored(
            index=event.window,
            first_frame=first,
            score=event.score,
            threshold=self._thresholds[0][1],
            flag=event.anomaly,
            microseconds=event.microseconds,
            reconstruction=reconstruction,
            peak=peak,
            interval=event.interval,
            p=event.p or None,
            alarm=event.alarm,
            drifted=event.drifted,
        )

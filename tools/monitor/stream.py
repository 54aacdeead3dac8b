"""The loop of the monitor: streams a source to a board and turns the answers into events.

Each turn obeys commands, sends the frames that are due and fit, and receives. A board that samples
its own sensor is sent nothing; its samples are received.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from tools.monitor import controls, text
from tools.monitor.beat_watch import NO_BEAT, BeatWatch
from tools.monitor.board import Board, BoardEvent, SamplingBoard
from tools.monitor.controls import (
    Accept,
    Acknowledge,
    Calibrate,
    Controls,
    ForgetCalibration,
    Mark,
    Reconnect,
    RenewWearer,
    Reset,
    SetAlarm,
    SetPaused,
    SetRecording,
    SetThreshold,
    StopCalibration,
)
from tools.monitor.corrections import Corrections
from tools.monitor.events import (
    AlarmAcknowledged,
    AlarmChanged,
    AlarmSet,
    BoardFacts,
    DriftChanged,
    Ended,
    Event,
    LinkCounters,
    Marked,
    Notice,
    Paused,
    RecordingAsked,
    Restarted,
    SamplesLost,
    SamplesSent,
    Severity,
    Started,
    ThresholdChanged,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.pace import Pace
from tools.recordings.source import Source
from training.bundle.errors import LinkError, VigilError

SLOW_SECONDS = 10.0  # until the first window, from which on the user is told
IDLE_SECONDS = 0.02
_NOT_DONE: dict[type, str] = {
    Reset: "not reset",
    SetThreshold: "threshold not set",
    SetAlarm: "alarm not set",
    Calibrate: "not calibrated",
    StopCalibration: "calibration not ended",
    ForgetCalibration: "calibration not forgotten",
    Accept: "not accepted",
    RenewWearer: "no new wearer",
}
COUNTERS_SECONDS = 0.5


class Stream:
    """Streams one source to one board.

    Args:
        board: is sent the samples, or takes them itself (SamplingBoard).
        frames_per_second: limits what is sent, or is what a board samples; None: no limit.
        resume: continue an unfinished stream of this source.
        windows: stop after this many.
        idle_seconds: to wait for events when there is nothing to send or obey.
        counters_seconds: between two requests of the link's counters.
    """

    def __init__(
        self,
        board: Board | SamplingBoard,
        source: Source,
        controls: Controls,
        emit: Callable[[Event], None],
        *,
        frames_per_second: float | None = None,
        resume: bool = True,
        windows: int | None = None,
        idle_seconds: float = IDLE_SECONDS,
        counters_seconds: float = COUNTERS_SECONDS,
    ) -> None:
        self._board, self._source, self._controls, self._emit = board, source, controls, emit
        self._idle_seconds, self._counters_seconds = idle_seconds, counters_seconds
        self._pace = Pace(frames_per_second)
        self._rate = frames_per_second
        self._resume = resume
        self._stop = _last_frame(source, board.facts, windows)
        self._beats_left = windows if board.facts.cuts_beats else None
        self._beat_watch = BeatWatch(board.facts)
        self._corrections = Corrections(board, source.facts.noun, emit)
        self._sampling = board if isinstance(board, SamplingBoard) else None
        self._next_frame = 0
        self._next_window = 0  # all windows before it were scored or reported lost
        self._paused = False
        self._alarm = self._drifted = False  # after the last window
        self._counters = LinkCounters()
        self._counters_due = 0.0

    def run(self) -> None:
        """Stream to the end or until `controls` quits; then close the session.

        The last event is always Ended.

        Raises:
            LinkError: the board is lost.
        """
        reason = "interrupted"
        try:
            self._begin()
            while not self._controls.quitting and not self._is_complete():
                self._obey()
                sent = self._send()
                self._listen(0.0 if sent else self._idle_seconds)
            reason = self._controls.quit_reason
            self._drain()
        except VigilError as failure:
            reason = self._controls.quit_reason or str(failure)
            if not (self._controls.quitting and isinstance(failure, LinkError)):
                raise
        finally:
            complete = self._is_complete()
            try:
                self._emit_counters(force=True)
                # Keep the stream resumable only if the session was interrupted.
                self._board.close(finished=complete or self._controls.quitting)
            finally:
                self._emit(Ended(complete=complete, reason="" if complete else reason))

    def _begin(self) -> None:
        frame = self._board.resume_frame if self._resume else None
        if frame is not None and (self._stop is None or frame < self._stop):
            frame = self._board.take_up()
        else:
            frame = 0
            self._board.restart()
        self._continue_at(frame)
        facts = self._board.facts
        sampled = self._sampling is not None
        self._emit(Started(facts, self._source.facts, frame, self._began(), sampled, self._rate))
        if facts.threshold != facts.trained_threshold:
            own, trained = text.number(facts.threshold), text.number(facts.trained_threshold)
            self._emit(Notice(f"the board's threshold is {own}, the bundle's is {trained}"))
        self._announce_first_window(facts)
        for status in (self._board.calibration, self._board.wearer):
            if status is not None:
                self._emit(status)

    def _announce_first_window(self, facts: BoardFacts) -> None:
        """Say when the first window comes, if a user would wonder."""
        seconds = facts.report_after / self._rate if self._rate else 0.0
        if seconds < SLOW_SECONDS:
            return
        when = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"
        faster = "" if self._sampling and not facts.emulated else "; --speed 10 is ten times faster"
        noun = self._source.facts.noun
        self._emit(Notice(f"the first {noun} is complete after {when}{faster}"))

    def _continue_at(self, frame: int) -> None:
        """Continue at `frame`; a window that begins before it is never completed."""
        self._next_frame = frame
        self._next_window = -(-frame // self._board.facts.hop)
        self._beat_watch.beat(self._next_window - 1)

    def _began(self) -> int | None:
        return None if self._sampling is None else self._sampling.began

    def _is_complete(self) -> bool:
        if (self._sampling is not None and self._sampling.over) or self._beats_left == 0:
            return True
        if self._stop is None or self._next_frame < self._stop:
            return False
        facts = self._board.facts
        return self._next_window > (self._stop - facts.report_after) // facts.hop

    def _obey(self) -> None:
        for command in self._controls.take():
            match command:
                case Acknowledge() | Mark() | Reconnect() | SetPaused() | SetRecording():
                    self._obey_here(command)
                case _ if not self._board.answers:
                    self._refuse(command, "the board does not answer")
                case Reset():
                    self._board.restart()
                    self._continue_at(0)
                    self._emit(Restarted(0, "reset", self._began()))
                    self._alarm_is(False, 0, 0)
                case _:
                    self._ask(command)

    def _obey_here(self, command: controls.HostCommand) -> None:
        """Obey a command that the board has no part in."""
        match command:
            case Acknowledge():
                self._emit(AlarmAcknowledged())
            case Reconnect():
                self._board.retry()
                self._emit(Notice("trying to reach the board"))
            case SetRecording():
                self._emit(RecordingAsked(command.on))
            case SetPaused():
                self._pause(not self._paused if command.paused is None else command.paused)
            case Mark():
                window = self._next_frame // self._board.facts.hop
                self._emit(Marked(self._next_frame, window, command.text))

    def _ask(self, command: controls.BoardCommand) -> None:
        try:
            match command:
                case SetThreshold():
                    self._emit(ThresholdChanged(self._board.set_threshold(command.value)))
                case SetAlarm():
                    self._emit(AlarmSet(self._board.set_alarm(command.levels)))
                case Accept():
                    self._corrections.accept(command.window)
                case RenewWearer():
                    self._corrections.renew()
                case _:
                    self._board.calibrate(command)
        except LinkError as refusal:
            self._refuse(command, str(refusal))

    def _refuse(self, command: controls.Command, why: str) -> None:
        text = f"{_NOT_DONE[type(command)]}: {why}"
        self._emit(Notice(text, severity=Severity.WARNING))

    def _alarm_is(self, on: bool, index: int, frame: int) -> None:
        if on != self._alarm:
            self._alarm = on
            self._emit(AlarmChanged(index, frame, on))

    def _drift_is(self, recalibrate: bool, index: int, frame: int) -> None:
        if recalibrate != self._drifted:
            self._drifted = recalibrate
            self._emit(DriftChanged(index, frame, recalibrate))

    def _pause(self, paused: bool) -> None:
        if self._sampling is not None:
            text = "cannot pause: the board samples its own sensor"
            self._emit(Notice(text, severity=Severity.WARNING))
            return
        self._paused = paused
        if paused:
            self._pace.stop()
        else:
            self._pace.resume()
        self._emit(Paused(paused))

    def _send(self) -> bool:
        if self._paused or self._sampling is not None:
            return False
        most = self._board.room()
        if self._stop is not None:
            most = min(most, self._stop - self._next_frame)
        frames = self._pace.due(most)
        if frames <= 0:
            return False
        gap = self._source.gap(self._next_frame)
        if gap > 0:
            gap = gap if self._stop is None else min(gap, self._stop - self._next_frame)
            self._board.skip(self._next_frame, gap)
            self._emit(SamplesLost(self._next_frame, gap, "missing"))
            self._next_frame += gap
            self._pace.sent(gap)
            return True
        first, counts = self._next_frame, self._source.take(self._next_frame, frames)
        self._board.send(first, counts)
        self._next_frame += len(counts)
        self._pace.sent(len(counts))
        self._emit(SamplesSent(first, counts))
        return True

    def _listen(self, timeout: float) -> None:
        for event in self._board.receive(timeout):
            if self._beats_left == 0:
                break
            match event:
                case WindowScored() | WindowNotJudged():
                    event = self._labelled(event)
                case WindowsLost():
                    self._next_window = max(self._next_window, event.first + event.count)
                case SamplesSent():
                    self._next_frame = event.first_frame + len(event.counts)
                case SamplesLost():
                    self._next_frame = event.first_frame + event.count
            self._emit_window(event)
        self._emit_counters()

    def _labelled(self, event: WindowScored | WindowNotJudged) -> WindowScored | WindowNotJudged:
        self._next_window = max(self._next_window, event.index + 1)
        if self._beats_left:
            self._beats_left -= 1
        facts = self._board.facts
        first, count = event.first_frame, facts.hop if facts.cuts_beats else facts.window
        if event.peak is not None:
            first, count = event.peak, 1
        return replace(event, label=self._source.label(first, count))

    def _emit_window(self, event: BoardEvent) -> None:
        """Emit an event, and what it changes in the alarm and the drift."""
        if isinstance(event, WindowsLost) and event.reason == NO_BEAT:
            notice = self._beat_watch.no_beat(event.first + event.count)
            if notice is not None:
                self._emit(notice)
            return
        match event:
            case WindowScored():
                self._beat_watch.beat(event.index)
                self._emit(event)
                self._corrections.scored(event)
                self._alarm_is(event.alarm, event.index, event.first_frame)
                self._drift_is(event.drifted, event.index, event.first_frame)
            case AlarmChanged():  # of a resumed stream
                self._alarm_is(event.on, event.index, event.first_frame)
            case DriftChanged():
                self._drift_is(event.recalibrate, event.index, event.first_frame)
            case _:
                if isinstance(event, WindowNotJudged):
                    self._beat_watch.beat(event.index)
                self._emit(event)

    def _drain(self) -> None:
        """After a request to quit, receive what the board has already scored."""
        until = time.monotonic() + 0.5
        while not self._is_complete() and time.monotonic() < until:
            events = self._board.receive(0.05)
            if not events:
                return
            for event in events:
                if isinstance(event, WindowScored | WindowNotJudged):
                    event = self._labelled(event)
                self._emit_window(event)

    def _emit_counters(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now < self._counters_due:
            return
        self._counters_due = now + self._counters_seconds
        counters = self._board.counters()
        if counters != self._counters:
            self._counters = counters
            self._emit(counters)


def _last_frame(source: Source, board: BoardFacts, windows: int | None) -> int | None:
    """Return the end of the source, or of its `windows`-th window; None: no end."""
    if windows is None or board.cuts_beats:
        return source.frames
    stop = (windows - 1) * board.hop + board.report_after if windows > 0 else 0
    return stop if source.frames is None else min(stop, source.frames)

"""Feeds a source to a board and turns what comes back into events.

The one loop of the monitor: obey commands, send what is due and has room, listen, tell. A board
that samples itself is sent nothing: it says what it sampled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from tools.monitor.controls import Controls, Mark, Reset, SetPaused, SetThreshold
from tools.monitor.events import (
    BoardFacts,
    Counts,
    Ended,
    Event,
    LinkCounters,
    Marked,
    Notice,
    Paused,
    Restarted,
    SamplesLost,
    SamplesSent,
    Started,
    ThresholdChanged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.source import Source
from tools.monitor.text import number
from training.bundle.errors import LinkError

CHUNK_SECONDS = 0.04  # sent at once when paced: often enough to look like a moving trace
IDLE_SECONDS = 0.02  # how long to listen when there is nothing to send
COUNTERS_SECONDS = 0.5  # between two looks at the link's counters


class Board(Protocol):
    """What the stream needs of a board on the other side of a link."""

    @property
    def facts(self) -> BoardFacts:
        """From the hello."""

    @property
    def answers(self) -> bool:
        """Whether it is there, as far as is known: asked for something, it may answer."""

    @property
    def resume_frame(self) -> int:
        """The frame at which an unfinished stream goes on; 0 if the board waits for a new one."""

    def room(self) -> int:
        """Frames that `send` takes now without waiting."""

    def send(self, first_frame: int, counts: Counts) -> None:
        """Hand over whole frames, int16 [frames, channels]; at most `room()` of them."""

    def skip(self, first_frame: int, count: int) -> None:
        """Frames first_frame to first_frame + count - 1 do not exist."""

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        """What came in; waits at most `timeout` seconds for something to come. LinkError."""

    def set_threshold(self, value: float) -> float:
        """Set it on the board, and say what the board then has. LinkError if it refuses."""

    def take_up(self) -> int:
        """Go on with the unfinished stream; the frame to send first."""

    def restart(self) -> None:
        """Begin a new stream: the next frame is 0."""

    def counters(self) -> LinkCounters:
        """Of both ends."""

    def close(self, finished: bool) -> None:
        """Say goodbye; a stream that is `finished` is not there to be taken up again."""


@runtime_checkable
class SamplingBoard(Board, Protocol):
    """A board that samples itself: `room` is 0, and `receive` gives its samples, too."""

    @property
    def over(self) -> bool:
        """What it samples has come to its end, and all of it has been received."""


BoardEvent = WindowScored | WindowsLost | SamplesSent | SamplesLost | Notice


class Pace:
    """How many frames are due: all of them at full speed, else as many as time has passed."""

    def __init__(
        self, frames_per_second: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._clock = frames_per_second, clock
        self._began, self._frames = clock(), 0
        self._stopped: float | None = None

    def due(self, most: int) -> int:
        """Frames that may be sent now, at most `most`."""
        if self._rate is None:
            return most
        if self._stopped is not None:
            return 0
        # Behind by more than half a second (a slow link): let go of what cannot be caught up.
        behind = (self._clock() - self._began) * self._rate - self._frames
        if behind > 0.5 * self._rate + 1:
            self._began += (behind - 0.5 * self._rate) / self._rate
            behind = 0.5 * self._rate
        due = min(int(behind), most)
        return due if due >= min(self._rate * CHUNK_SECONDS, most) else 0

    def sent(self, frames: int) -> None:
        """Count frames as sent."""
        self._frames += frames

    def stop(self) -> None:
        """Let no time pass."""
        self._stopped = self._stopped if self._stopped is not None else self._clock()

    def go_on(self) -> None:
        """Let time pass again."""
        if self._stopped is not None:
            self._began += self._clock() - self._stopped
            self._stopped = None


class Stream:
    """One source into one board; `run` returns when it is through, or someone quits.

    A SamplingBoard takes nothing: `source` then says what its samples mean.
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
    ) -> None:
        self._board, self._source, self._controls, self._emit = board, source, controls, emit
        self._pace = Pace(frames_per_second)
        self._resume = resume
        self._stop = _last_frame(source, board.facts, windows)
        self._sampling = board if isinstance(board, SamplingBoard) else None
        self._next_frame = 0
        self._next_window = 0  # every window before it was scored or reported lost
        self._paused = False
        self._counters = LinkCounters()
        self._counters_due = 0.0

    def run(self) -> None:
        """Stream to the end. The last event is Ended, whatever happens; then goodbye.

        Raises LinkError if the board is gone for good.
        """
        reason = "the link failed"
        try:
            self._begin()
            while not self._controls.quitting and not self._through():
                self._obey()
                sent = self._send()
                self._listen(0.0 if sent else IDLE_SECONDS)
            reason = self._controls.quit_reason
            self._drain()
        except LinkError:
            if not self._controls.quitting:
                raise
            reason = self._controls.quit_reason  # nobody wants to hear more of this board
        finally:
            complete = self._through()
            try:
                self._tell_counters(force=True)
                # Who quits has seen enough; who was cut off may want to go on.
                self._board.close(finished=complete or self._controls.quitting)
            finally:
                self._emit(Ended(complete=complete, reason="" if complete else reason))

    def _begin(self) -> None:
        frame = self._board.resume_frame if self._resume else 0
        if frame > 0 and (self._stop is None or frame < self._stop):
            frame = self._board.take_up()
        else:
            frame = 0
            self._board.restart()
        self._at(frame)
        facts = self._board.facts
        self._emit(Started(facts, self._source.facts, frame))
        if facts.threshold != facts.trained_threshold:
            said = f"{number(facts.threshold)}, not the bundle's {number(facts.trained_threshold)}"
            self._emit(Notice(f"the board's threshold is {said}"))

    def _at(self, frame: int) -> None:
        """Go on from `frame`; windows that begin before it and are not whole will never come."""
        self._next_frame = frame
        self._next_window = -(-frame // self._board.facts.hop)

    def _through(self) -> bool:
        if self._sampling is not None and self._sampling.over:
            return True
        if self._stop is None or self._next_frame < self._stop:
            return False
        facts = self._board.facts
        return self._next_window > (self._stop - facts.window) // facts.hop

    def _obey(self) -> None:
        for command in self._controls.take():
            match command:
                case SetThreshold() | Reset() if not self._board.answers:
                    what = "not reset" if isinstance(command, Reset) else "threshold not set"
                    self._emit(Notice(f"{what}: the board does not answer"))
                case SetThreshold():
                    self._set_threshold(command.value)
                case SetPaused():
                    self._pause(not self._paused if command.paused is None else command.paused)
                case Mark():
                    window = self._next_frame // self._board.facts.hop
                    self._emit(Marked(self._next_frame, window, command.text))
                case Reset():
                    self._board.restart()
                    self._at(0)
                    self._emit(Restarted(0, "reset"))

    def _set_threshold(self, value: float) -> None:
        try:
            self._emit(ThresholdChanged(self._board.set_threshold(value)))
        except LinkError as refusal:
            self._emit(Notice(f"threshold not set: {refusal}"))

    def _pause(self, paused: bool) -> None:
        if self._sampling is not None:
            self._emit(Notice("the board samples itself: there is nothing to pause"))
            return
        self._paused = paused
        if paused:
            self._pace.stop()
        else:
            self._pace.go_on()
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
            match event:
                case WindowScored():
                    event = self._labelled(event)
                case WindowsLost():
                    self._next_window = max(self._next_window, event.first + event.count)
                case SamplesSent():
                    self._next_frame = event.first_frame + len(event.counts)
                case SamplesLost():
                    self._next_frame = event.first_frame + event.count
            self._emit(event)
        self._tell_counters()

    def _labelled(self, event: WindowScored) -> WindowScored:
        self._next_window = max(self._next_window, event.index + 1)
        label = self._source.label(event.first_frame, self._board.facts.window)
        return replace(event, label=label)

    def _drain(self) -> None:
        """After quitting: what the board has already scored is still wanted."""
        until = time.monotonic() + 0.5
        while not self._through() and time.monotonic() < until:
            events = self._board.receive(0.05)
            if not events:
                return
            for event in events:
                self._emit(self._labelled(event) if isinstance(event, WindowScored) else event)

    def _tell_counters(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now < self._counters_due:
            return
        self._counters_due = now + COUNTERS_SECONDS
        counters = self._board.counters()
        if counters != self._counters:
            self._counters = counters
            self._emit(counters)


def _last_frame(source: Source, board: BoardFacts, windows: int | None) -> int | None:
    """The frame at which to stop: the source's end, or that of its `windows`-th window."""
    if windows is None:
        return source.frames
    stop = (windows - 1) * board.hop + board.window if windows > 0 else 0
    return stop if source.frames is None else min(stop, source.frames)

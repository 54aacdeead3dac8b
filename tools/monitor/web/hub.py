"""Passes events from the boards' streams to the browsers, and keeps the recent past.

The streams' threads store events in the hub. The server takes the new ones at a fixed rate and
sends the same text to every browser. A browser that connects later receives the past first.
"""

from __future__ import annotations

import base64
import itertools
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.monitor.controls import Command, Controls
from tools.monitor.events import (
    AlarmAcknowledged,
    AlarmChanged,
    Ended,
    Event,
    Marked,
    Notice,
    Restarted,
    SamplesLost,
    SamplesSent,
    Severity,
    Started,
    View,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.notices import Entry, Log
from tools.monitor.sample_rate import SampleRate
from tools.monitor.summary import Tally
from tools.monitor.views import as_json
from tools.monitor.wall_clock import WallClock

FRAMES = 1 << 17  # kept per board: 17 minutes at 125 Hz
WINDOWS = 1 << 13  # windows kept per board, scored and others
RECONSTRUCTED = 1 << 17  # values of reconstructions kept per board
MARKS = 200

Json = dict[str, Any]


def encoded(values: NDArray[Any], kind: str) -> str:
    """Return the base64 of little-endian numbers; `kind` is i2 or f4."""
    return base64.b64encode(np.ascontiguousarray(values, f"<{kind}").tobytes()).decode()


def _samples(first: int, counts: list[NDArray[np.int16]]) -> Json:
    return {
        "event": "samples",
        "first_frame": first,
        "counts": encoded(np.concatenate(counts), "i2"),
    }


def _scored(window: WindowScored, reconstruction: bool = True) -> Json:
    values_of_model = window.reconstruction
    values = as_json(replace(window, reconstruction=None))
    if reconstruction and values_of_model is not None:
        values["reconstruction"] = encoded(values_of_model, "f4")
    return values


def _entry(entry: Entry) -> Json:
    return {
        "event": "log",
        "number": entry.number,
        "ts": entry.ts,
        "severity": entry.severity,
        "text": entry.text,
    }


def _frames(event: SamplesSent | SamplesLost) -> int:
    return event.count if isinstance(event, SamplesLost) else len(event.counts)


@dataclass
class Past:
    """One board's past for a browser that connects, in bounded memory."""

    started: Started | None = None
    chunks: deque[SamplesSent | SamplesLost] = field(default_factory=deque)  # contiguous
    windows: deque[WindowScored] = field(default_factory=lambda: deque(maxlen=WINDOWS))
    lost: deque[WindowsLost | WindowNotJudged] = field(
        default_factory=lambda: deque(maxlen=WINDOWS)
    )
    marks: deque[Marked] = field(default_factory=lambda: deque(maxlen=MARKS))
    # the last of each kind, by kind and whether the alarm was raised
    alarms: dict[tuple[type, bool], AlarmChanged | AlarmAcknowledged] = field(default_factory=dict)
    latest: dict[type, Event] = field(default_factory=dict)  # of all other kinds
    answers: Notice | None = None  # the last notice that said whether the board answers
    frames: int = 0

    def take(self, event: Event) -> None:
        """Keep one event."""
        match event:
            case Started():
                self.started = event
            case SamplesSent() | SamplesLost():
                self._keep(event)
            case WindowScored():
                self.windows.append(event)
            case WindowsLost() | WindowNotJudged():
                self.lost.append(event)
            case Marked():
                self.marks.append(event)
            case AlarmChanged() | AlarmAcknowledged():
                self._keep_alarm(event)
            case Restarted():
                self._forget(event.frame)
            case _:
                self.latest[type(event)] = event
        if isinstance(event, Notice) and event.answers is not None:
            self.answers = event

    def events(self) -> list[Json]:
        """Return the past as events, samples before the windows that they belong to."""
        latest = [event for event in (self.answers, *self.latest.values()) if event is not None]
        if self.started is None:
            return [as_json(event) for event in latest]
        events = [as_json(self.started)]
        for lost, run in itertools.groupby(self.chunks, lambda c: isinstance(c, SamplesLost)):
            chunks = list(run)
            if lost:
                events += [as_json(chunk) for chunk in chunks]
            else:
                counts = [c.counts for c in chunks if isinstance(c, SamplesSent)]
                events.append(_samples(chunks[0].first_frame, counts))
        size = max(self.started.board.window * self.started.board.channels, 1)
        without = len(self.windows) - RECONSTRUCTED // size
        events += [_scored(w, n >= without) for n, w in enumerate(self.windows)]
        events += [
            as_json(event) for event in (*self.lost, *self.marks, *self.alarms.values(), *latest)
        ]
        return events

    def _keep_alarm(self, event: AlarmChanged | AlarmAcknowledged) -> None:
        """Keep the last event of each kind, in order: raised, cleared, acknowledged."""
        kind = (type(event), isinstance(event, AlarmChanged) and event.on)
        self.alarms.pop(kind, None)
        self.alarms[kind] = event

    def _keep(self, event: SamplesSent | SamplesLost) -> None:
        if self.chunks:
            last = self.chunks[-1]
            if event.first_frame != last.first_frame + _frames(last):
                self._forget(None)
        self.chunks.append(event)
        self.frames += _frames(event)
        while self.frames - _frames(self.chunks[0]) >= FRAMES:
            self.frames -= _frames(self.chunks.popleft())

    def _forget(self, frame: int | None) -> None:
        """Drop the samples; also drop the windows if the stream goes back to `frame`."""
        following = self.chunks[-1].first_frame + _frames(self.chunks[-1]) if self.chunks else 0
        self.chunks.clear()
        self.frames = 0
        if frame is not None and frame < following:
            self.windows.clear()
            self.lost.clear()
            self.marks.clear()


class BoardView(View):
    """Stores the events of one board for the browsers, which show the past after `close`."""

    def __init__(self, key: str, controls: Controls) -> None:
        self.key, self.controls = key, controls
        self._tally, self._past = Tally(), Past()
        self._log, self._clock, self._sample_rate = Log(), WallClock(), SampleRate()
        self._new: list[Json] = []
        self._run: list[NDArray[np.int16]] = []  # contiguous samples
        self._run_first = self._run_stop = 0
        self._lock = threading.Lock()

    def handle(self, event: Event) -> None:
        with self._lock:
            self._tally.handle(event)
            self._past.take(event)
            self._clock.stamp(event)
            self._sample_rate.take(event)
            entries = self._log.take(event)
            match event:
                case SamplesSent():
                    if self._run and event.first_frame != self._run_stop:
                        self._close_run()
                    if not self._run:
                        self._run_first = event.first_frame
                    self._run.append(event.counts)
                    self._run_stop = event.first_frame + len(event.counts)
                case WindowScored():
                    self._close_run()
                    self._new.append(_scored(event))
                case _:
                    self._close_run()
                    self._new.append(as_json(event))
            self._new += [_entry(entry) for entry in entries]

    def fail(self, reason: str) -> None:
        """Show an error that ended the board's stream."""
        self.handle(Notice(reason, severity=Severity.ERROR))
        self.handle(Ended(complete=False, reason=reason))

    def news(self) -> Json | None:
        """Return the events since the last call; None if there are none."""
        with self._lock:
            return self._take_news()

    def news_and_past(self) -> tuple[Json | None, Json]:
        """Return the events since the last call, and the whole past including them.

        Both are of one moment, so that a browser that gets the past neither misses nor repeats
        events.
        """
        with self._lock:
            news = self._take_news()
            events = [*self._past.events(), *map(_entry, self._log.entries)]
            if moments := self._clock.moments:
                events.append({"event": "clock", "moments": moments})
            return news, {"key": self.key, "events": events, "totals": self._totals()}

    def _take_news(self) -> Json | None:
        self._close_run()
        events, self._new = self._new, []
        return {"key": self.key, "events": events, "totals": self._totals()} if events else None

    def _close_run(self) -> None:
        if self._run:
            self._new.append(_samples(self._run_first, self._run))
            self._new.append({"event": "clock", "moments": self._clock.newest})
            self._run = []

    def _totals(self) -> Json:
        s = self._tally.summary()
        return {
            "windows": s.windows,
            "flagged": s.flagged,
            "not_judged": s.not_judged,
            "alarms": s.alarms,
            "lost": s.lost,
            "labelled": s.labelled,
            "precision": s.precision,
            "recall": s.recall,
            "false_alarm_rate": s.false_alarm_rate,
            "mean_microseconds": s.mean_microseconds,
            "seconds": s.seconds,
            "sample_rate_hz": self._sample_rate.hz,
        }


class Hub:
    """The views of all boards, in the order in which the page shows them."""

    def __init__(self) -> None:
        self._boards: dict[str, BoardView] = {}

    def view(self, key: str, controls: Controls) -> BoardView:
        """Add a board and return its view; the browsers identify it by `key`."""
        self._boards[key] = BoardView(key, controls)
        return self._boards[key]

    def news(self) -> list[Json]:
        """Return the new events of every board that has some."""
        return [news for board in tuple(self._boards.values()) if (news := board.news())]

    def news_and_past(self) -> tuple[list[Json], list[Json]]:
        """Return the new events of every board that has some, and the past of every board."""
        both = [board.news_and_past() for board in tuple(self._boards.values())]
        return [news for news, _ in both if news], [past for _, past in both]

    def ask(self, key: str, command: Command) -> None:
        """Pass a browser's command to a board. Raises KeyError if there is no such board."""
        self._boards[key].controls.ask(command)

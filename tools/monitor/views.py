"""The interface of a view, and the views that write lines: plain for people, JSON for programs."""

from __future__ import annotations

import json
import math
from typing import Any, TextIO

from tools.monitor import text
from tools.monitor.events import (
    AlarmAcknowledged,
    AlarmChanged,
    AlarmSet,
    CalibrationStatus,
    DriftChanged,
    Ended,
    Event,
    LinkCounters,
    Marked,
    Notice,
    Paused,
    RecordingAsked,
    RecordingChanged,
    Restarted,
    SamplesLost,
    SamplesSent,
    Started,
    ThresholdChanged,
    View,
    WearerStatus,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.notices import Notices
from tools.monitor.summary import Summary
from tools.monitor.wall_clock import WallClock
from training.bundle.chain import LEARNING, REASONS


class PlainView(View):
    """Writes one line per window."""

    def __init__(self, out: TextIO, width: int = 80) -> None:
        # The widest line has 46 characters besides its bar.
        self._out, self._cells = out, min(max(width - 46, 3), 40)
        self._noun = "window"
        self._rate_hz: float | None = None
        self._notices = Notices()

    def handle(self, event: Event) -> None:
        for line in self._lines(event):
            print(line, file=self._out, flush=True)

    def _lines(self, event: Event) -> list[str]:
        said = [f"# {line}" for _, line in self._notices.of(event)]
        match event:
            case Started():
                self._noun, self._rate_hz = event.source.noun, event.board.rate_hz
                simulated = ", simulated" if event.source.simulated else ""
                lines = [
                    f"# {text.board_line(event.board)}",
                    f"# {event.source.description}{simulated}",
                    *(f"# {line}" for line in text.legend(event.board)),
                ]
                head = f"{self._noun:>8} {'score':>8} {'threshold':^{self._cells}} flag"
                return [*lines, *said, head]
            case WindowScored():
                return [*said, text.scored_line(event, self._cells, self._rate_hz)]
            case WindowNotJudged() if event.reason != REASONS[LEARNING]:
                return [text.not_judged_line(event, self._cells, self._rate_hz)]
        return said


class JsonView(View):
    """Writes one JSON object per line; `event` names its kind. `samples`: also write samples."""

    def __init__(self, out: TextIO, samples: bool = False) -> None:
        self._out, self._samples = out, samples
        self._clock = WallClock()

    def handle(self, event: Event) -> None:
        ts = self._clock.stamp(event)
        if isinstance(event, RecordingAsked):
            return  # RecordingChanged tells what came of it
        if not isinstance(event, SamplesSent) or self._samples:
            values = {**as_json(event), "ts": ts}
            print(json.dumps(values, allow_nan=False), file=self._out, flush=True)

    def summary(self, summary: Summary) -> None:
        """Write the summary, which follows the last event."""
        values = {"event": "summary", **_plain(summary)}
        for rate in ("precision", "recall", "false_alarm_rate", "mean_microseconds"):
            values[rate] = getattr(summary, rate)
        print(json.dumps(values, allow_nan=False), file=self._out, flush=True)


KINDS: dict[type[Event], str] = {
    Started: "started",
    SamplesSent: "samples",
    SamplesLost: "samples_lost",
    WindowScored: "scored",
    WindowNotJudged: "not_judged",
    WindowsLost: "lost",
    AlarmChanged: "alarm",
    AlarmAcknowledged: "alarm_acknowledged",
    AlarmSet: "alarm_set",
    DriftChanged: "drift",
    LinkCounters: "counters",
    ThresholdChanged: "threshold",
    CalibrationStatus: "calibration",
    WearerStatus: "wearer",
    Marked: "marked",
    Paused: "paused",
    Restarted: "restarted",
    RecordingAsked: "recording_asked",
    RecordingChanged: "recording",
    Notice: "notice",
    Ended: "ended",
}


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as values that JSON can store."""
    values = {"event": KINDS[type(event)], **_plain(event)}
    if isinstance(event, WindowScored | WindowNotJudged):
        values["label"] = None if event.label < 0 else event.label
        values["judged"] = isinstance(event, WindowScored)
    if isinstance(event, WindowScored):
        values["outcome"] = event.outcome
    return values


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has neither infinity nor NaN
    return value

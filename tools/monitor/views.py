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
        self._learned = 0  # windows from which a wearer is being learned
        self._calibrated = ("", "", -1)  # state, source and tenths of the last line about them

    def handle(self, event: Event) -> None:
        for line in self._lines(event):
            print(line, file=self._out, flush=True)

    def _lines(self, event: Event) -> list[str]:
        match event:
            case Started():
                self._noun, self._rate_hz = event.source.noun, event.board.rate_hz
                simulated = ", simulated" if event.source.simulated else ""
                lines = [
                    f"# {text.board_line(event.board)}",
                    f"# {event.source.description}{simulated}",
                ]
                if event.resume_frame:
                    lines.append(f"# resuming at frame {event.resume_frame}")
                head = f"{self._noun:>8} {'score':>8} {'threshold':^{self._cells}} flag"
                return [*lines, head]
            case WindowScored():
                line = text.scored_line(event, self._cells, self._rate_hz)
                learned, self._learned = self._learned, 0
                return [f"# learned from {learned} {self._noun}s", line] if learned else [line]
            case WindowNotJudged() if event.reason == REASONS[LEARNING]:  # one line for hundreds
                self._learned += 1
                line = f"# learning what is normal; these {self._noun}s are not judged"
                return [line] if self._learned == 1 else []
            case WindowNotJudged():
                return [text.not_judged_line(event, self._cells, self._rate_hz)]
            case WindowsLost():
                last = event.first + event.count - 1
                which = f"{event.first}" if event.count == 1 else f"{event.first} to {last}"
                return [f"# lost: {self._noun} {which}: {event.reason}"]
            case SamplesLost():
                last = event.first_frame + event.count - 1
                return [f"# no samples {event.first_frame} to {last}: {event.reason}"]
            case AlarmChanged():
                return [f"# {text.alarm_line(event, self._noun)}"]
            case AlarmAcknowledged():
                return ["# alarm acknowledged"]
            case AlarmSet():
                return [f"# alarm: {event.levels}"]
            case DriftChanged():
                return [f"# {text.drift_line(event, self._noun)}"]
            case ThresholdChanged():
                return [f"# threshold is now {text.number(event.value)}"]
            case CalibrationStatus():
                return self._calibration(event)
            case WearerStatus() if event.settled:
                return [f"# {text.wearer_line(event)}"]
            case Marked():
                return [f"# mark at frame {event.frame}, {self._noun} {event.window}: {event.text}"]
            case Paused():
                return ["# paused" if event.paused else "# continuing"]
            case Restarted():
                return [f"# restarting at frame {event.frame}: {event.reason}"]
            case RecordingChanged():
                return [f"# {text.recording_line(event)}"]
            case Notice():
                return [f"# {event.text}"]
        return []

    def _calibration(self, status: CalibrationStatus) -> list[str]:
        """Return a line for each new state, and for each tenth of a calibration."""
        tenth = 10 * status.taken // max(status.windows, 1) if status.running else -1
        if (status.state, status.source, tenth) == self._calibrated:
            return []
        self._calibrated = status.state, status.source, tenth
        return [f"# {line}" for line in text.calibration_lines(status)]


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

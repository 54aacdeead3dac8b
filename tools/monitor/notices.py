"""The log of a stream: what its events say to people. Every view shows the same sentences."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from tools.monitor import text
from tools.monitor.events import (
    AlarmAcknowledged,
    AlarmChanged,
    AlarmSet,
    CalibrationStatus,
    DriftChanged,
    Ended,
    Event,
    Marked,
    Notice,
    Paused,
    RecordingChanged,
    Restarted,
    SamplesLost,
    Severity,
    Started,
    ThresholdChanged,
    WearerStatus,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from training.bundle.chain import LEARNING, REASONS
from training.bundle.wording import plural

ENTRIES = 500  # kept

Said = tuple[Severity, str]


class Notices:
    """Turns the events of one stream, in order, into sentences.

    A run of windows that are not judged is one sentence at its begin and one at its end.
    """

    def __init__(self) -> None:
        self._noun = "window"
        self._threshold: float | None = None
        self._learned = 0  # windows of the present run from which a wearer is learned
        self._rejected = 0  # other windows of the present run that are not judged
        self._reason = ""  # of the newest window, if it is not judged
        self._refused = False  # whether the wearer's learning began anew
        self._calibrated = ("", "", -1)  # state, source and tenths of the last line about them

    def of(self, event: Event) -> list[Said]:
        """Return what the next event says: severity and text of each sentence."""
        info, warning = Severity.INFO, Severity.WARNING
        match event:
            case Started():
                self._noun, self._threshold = event.source.noun, event.board.threshold
                frame = event.resume_frame
                return [(info, f"resuming at frame {frame}")] if frame else []
            case WindowScored():
                return self._judged(event)
            case WindowNotJudged():
                return self._not_judged(event)
            case WindowsLost():
                which = _range(event.first, event.count)
                return [(warning, f"lost: {self._noun} {which}: {event.reason}")]
            case SamplesLost():
                which = _range(event.first_frame, event.count)
                return [(warning, f"no samples {which}: {event.reason}")]
            case AlarmChanged():
                severity = Severity.ALARM if event.on else info
                return [(severity, text.alarm_line(event, self._noun))]
            case AlarmAcknowledged():
                return [(info, "alarm acknowledged")]
            case AlarmSet():
                return [(info, f"alarm: {event.levels}")]
            case DriftChanged():
                line = text.drift_line(event, self._noun)
                return [(warning if event.recalibrate else info, line)]
            case ThresholdChanged():
                before, self._threshold = self._threshold, event.value
                was = ""
                if before is not None and before != event.value:
                    was = f", before {text.number(before)}"
                return [(info, f"threshold is now {text.number(event.value)}{was}")]
            case CalibrationStatus():
                return [(info, line) for line in self._calibration(event)]
            case WearerStatus():
                refused, self._refused = event.refused and not self._refused, event.refused
                if refused:
                    return [(warning, text.NO_FORM)]
                return [(info, text.wearer_line(event))] if event.settled else []
            case Marked():
                where = f"frame {event.frame}, {self._noun} {event.window}"
                return [(info, f"mark at {where}: {event.text}")]
            case Paused():
                return [(info, "paused" if event.paused else "continuing")]
            case Restarted():
                self._learned, self._rejected, self._reason = 0, 0, ""
                return [(info, f"restarting at frame {event.frame}: {event.reason}")]
            case RecordingChanged():
                failed = not event.on and event.reason.startswith(event.file)
                severity = Severity.ERROR if failed else info
                return [(severity, text.recording_line(event))]
            case Notice():
                return [(event.severity, event.text)]
        return []

    def _judged(self, event: WindowScored) -> list[Said]:
        said = []
        if self._learned:
            noun = plural(self._noun, self._learned)
            said.append((Severity.INFO, f"learned from {self._learned} {noun}"))
        if self._rejected:
            were = f"{self._rejected} {self._noun}{'s were' if self._rejected > 1 else ' was'} not"
            line = f"judged again from {self._noun} {event.index} on; {were}"
            said.append((Severity.INFO, line))
        self._learned, self._rejected, self._reason = 0, 0, ""
        return said

    def _not_judged(self, event: WindowNotJudged) -> list[Said]:
        learning = event.reason == REASONS[LEARNING]
        self._learned += learning
        self._rejected += not learning
        before, self._reason = self._reason, event.reason
        if before == event.reason:
            return []
        if learning:
            line = f"learning what is normal; these {self._noun}s are not judged"
            return [(Severity.INFO, line)]
        line = f"not judged from {self._noun} {event.index} on: {event.reason}"
        return [(Severity.WARNING, line)]

    def _calibration(self, status: CalibrationStatus) -> list[str]:
        """Return a line for each new state, and for each tenth of a calibration."""
        tenth = 10 * status.taken // max(status.windows, 1) if status.running else -1
        if (status.state, status.source, tenth) == self._calibrated:
            return []
        self._calibrated = status.state, status.source, tenth
        return text.calibration_lines(status)


def _range(first: int, count: int) -> str:
    return f"{first}" if count == 1 else f"{first} to {first + count - 1}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence of the log."""

    number: int  # of the entry, ascending
    ts: int  # Unix milliseconds
    severity: Severity
    text: str


class Log:
    """The newest sentences of a stream, each with its time.

    Losses that follow each other without a gap, for one reason, are one entry that grows.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.entries: deque[Entry] = deque(maxlen=ENTRIES)  # ascending
        self._notices = Notices()
        self._number = 0
        self._loss: SamplesLost | WindowsLost | None = None  # that the last entry is about

    @property
    def last(self) -> str:
        """The newest sentence; empty if there is none."""
        return self.entries[-1].text if self.entries else ""

    def take(self, event: Event) -> list[Entry]:
        """Take the next event and return the entries that are new or have changed."""
        whole = joined(self._loss, event)
        said = self._notices.of(event if whole is None else whole)
        if isinstance(event, Ended):
            said = [_end(event)]
        if not said:
            return []
        if whole is not None:
            self.entries.pop()
            self._number -= 1
        self._loss = whole or (event if isinstance(event, SamplesLost | WindowsLost) else None)
        ts = round(1000 * self._now())
        new = [Entry(self._number + n, ts, *each) for n, each in enumerate(said)]
        self._number += len(new)
        self.entries.extend(new)
        return new


def _end(event: Ended) -> Said:
    if event.complete:
        return Severity.INFO, "the stream is complete"
    return Severity.INFO, f"the stream has ended: {event.reason}"


def joined(
    last: SamplesLost | WindowsLost | None, event: Event
) -> SamplesLost | WindowsLost | None:
    """Return the loss of `last` and `event` together; None if they are not one."""
    match last, event:
        case SamplesLost(), SamplesLost() if event.reason == last.reason:
            if last.first_frame + last.count == event.first_frame:
                return replace(last, count=last.count + event.count)
        case WindowsLost(), WindowsLost() if event.reason == last.reason:
            if last.first + last.count == event.first:
                return replace(last, count=last.count + event.count)
    return None

"""Counts the windows, outcomes and link frames of a stream."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tools.monitor.events import (
    AlarmChanged,
    BoardFacts,
    DriftChanged,
    Ended,
    Event,
    LinkCounters,
    Outcome,
    Restarted,
    SamplesLost,
    Started,
    View,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.recordings.source import SourceFacts


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Summary:
    """The totals since the start of the stream, or since the last restart at frame 0.

    A rate is None if its denominator is 0.
    """

    board: BoardFacts | None = None
    source: SourceFacts | None = None
    windows: int = 0
    flagged: int = 0
    not_judged: int = 0  # windows that the quality gate rejected
    not_judged_why: str = ""  # the last reason
    alarms: int = 0  # how often the alarm over windows was raised
    alarm_windows: int = 0  # windows after which it was on
    recalibrate: bool = False  # whether the signal has left what the calibration saw
    lost: int = 0
    samples_lost: int = 0  # frames without a sample
    true_positive: int = 0
    false_positive: int = 0
    true_negative: int = 0
    false_negative: int = 0
    microseconds: int = 0  # of computation on the board, for all windows
    seconds: float = 0.0  # from the first event to the last, on the host's clock
    counters: LinkCounters = field(default_factory=LinkCounters)
    complete: bool = False
    reason: str = ""  # why the stream ended early: a signal's name, or words

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the stream, Ctrl-C among them."""
        return self.reason.startswith(("SIG", "interrupted"))

    @property
    def labelled(self) -> int:
        """Number of scored windows with a label."""
        return self.true_positive + self.false_positive + self.true_negative + self.false_negative

    @property
    def precision(self) -> float | None:
        """Share of abnormal windows among the flagged ones with a label."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float | None:
        """Share of abnormal windows that were flagged."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def false_alarm_rate(self) -> float | None:
        """Share of normal windows that were flagged."""
        return _ratio(self.false_positive, self.false_positive + self.true_negative)

    @property
    def mean_microseconds(self) -> float | None:
        """Mean time per window for scaling, inference and score, on the board's clock."""
        return self.microseconds / self.windows if self.windows else None


_FIELD = {
    Outcome.TRUE_POSITIVE: "true_positive",
    Outcome.FALSE_POSITIVE: "false_positive",
    Outcome.TRUE_NEGATIVE: "true_negative",
    Outcome.FALSE_NEGATIVE: "false_negative",
}


class Tally(View):
    """A view that keeps the totals, in constant memory."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(
            (
                *("windows", "flagged", "not_judged", "lost", "samples_lost", "microseconds"),
                *("alarms", "alarm_windows"),
                *_FIELD.values(),
            ),
            0,
        )
        self._board: BoardFacts | None = None
        self._source: SourceFacts | None = None
        self._recalibrate = False
        self._counters = LinkCounters()
        self._ended = Ended(complete=False, reason="")
        self._why = ""  # why the last window that was not judged was not
        self._began: float | None = None
        self._last = 0.0

    def handle(self, event: Event) -> None:
        self._last = time.monotonic()
        if self._began is None:
            self._began = self._last
        match event:
            case WindowScored():
                self._counts["windows"] += 1
                self._counts["flagged"] += event.flag
                self._counts["alarm_windows"] += event.alarm
                self._counts["microseconds"] += event.microseconds
                if (outcome := event.outcome) is not None:
                    self._counts[_FIELD[outcome]] += 1
            case AlarmChanged():
                self._counts["alarms"] += event.on
            case DriftChanged():
                self._recalibrate = event.recalibrate
            case WindowNotJudged():
                self._counts["not_judged"] += 1
                self._why = event.reason
            case WindowsLost():
                self._counts["lost"] += event.count
            case SamplesLost():
                self._counts["samples_lost"] += event.count
            case LinkCounters():
                self._counters = event
            case Restarted():
                self._counts = dict.fromkeys(self._counts, 0)
                self._began = self._last
            case Started():
                self._board, self._source = event.board, event.source
            case Ended():
                self._ended = event

    def summary(self) -> Summary:
        """Return the totals so far."""
        return Summary(
            board=self._board,
            source=self._source,
            seconds=self._last - self._began if self._began is not None else 0.0,
            recalibrate=self._recalibrate,
            counters=self._counters,
            complete=self._ended.complete,
            reason=self._ended.reason,
            not_judged_why=self._why,
            **self._counts,
        )

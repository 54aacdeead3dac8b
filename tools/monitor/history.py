"""The recent past of a stream in bounded memory, for views that draw it."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tools.monitor.events import (
    AlarmAcknowledged,
    AlarmChanged,
    AlarmSet,
    BoardFacts,
    CalibrationStatus,
    DriftChanged,
    Ended,
    Event,
    LinkCounters,
    Marked,
    Notice,
    Paused,
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
from tools.monitor.notices import Log, joined
from tools.monitor.sample_rate import SampleRate
from tools.monitor.summary import Summary, Tally
from tools.monitor.wall_clock import WallClock
from tools.recordings.source import SourceFacts

WINDOWS = 512  # scored windows kept
FRAMES = 16384  # frames kept
INTERVALS = 32  # RR intervals kept
REPORTS = 8  # whose delay holds the trace back
GAPS = 64  # gaps between frames kept


class History(View):
    """Receives events on the stream's thread; another thread reads it under `frozen()`."""

    def __init__(self) -> None:
        self.board: BoardFacts | None = None
        self.source: SourceFacts | None = None
        self.windows: deque[WindowScored] = deque(maxlen=WINDOWS)
        self.not_judged: deque[WindowNotJudged] = deque(maxlen=WINDOWS)
        # RR intervals of all heartbeats, judged or not, in frames; 0: unknown
        self.intervals: deque[int] = deque(maxlen=INTERVALS)
        # Frames by which the samples were ahead of each of the last reports, one hop after it.
        self._ahead: deque[int] = deque(maxlen=REPORTS)
        self.marks: deque[Marked] = deque(maxlen=WINDOWS)
        self.counters = LinkCounters()
        self.threshold = float("nan")
        self.calibration: CalibrationStatus | None = None
        self.wearer: WearerStatus | None = None
        self.alarm = self.recalibrate = False
        self.unacknowledged = False  # whether an alarm was raised that the user has not seen
        self.paused = False
        self.recording = False
        self.answers = True  # whether the board answered last time
        self.ended: Ended | None = None
        self.log = Log()
        self.clock = WallClock()
        self.sample_rate = SampleRate()
        self.lost: deque[WindowsLost] = deque(maxlen=WINDOWS)
        self.version = 0  # number of events; unchanged: nothing to redraw
        self.reports = 0  # number of events other than samples
        self._tally = Tally()
        self._lock = threading.Lock()
        self._samples = np.zeros((FRAMES, 1), np.int16)
        self._next_frame = 0
        self._oldest_frame = 0
        self._gaps: deque[tuple[int, int]] = deque(maxlen=GAPS)  # frames without samples

    @contextmanager
    def frozen(self) -> Iterator[History]:
        """Block events while the history is read."""
        with self._lock:
            yield self

    @property
    def summary(self) -> Summary:
        """The totals so far."""
        return self._tally.summary()

    @property
    def notice(self) -> str:
        """The newest sentence of the log."""
        return self.log.last

    @property
    def next_frame(self) -> int:
        """The frame after the last one sent."""
        return self._next_frame

    @property
    def adjusted(self) -> bool:
        """Whether the threshold in force is another than that of training."""
        trained = self.board.trained_threshold if self.board else self.threshold
        return not math.isclose(self.threshold, trained, rel_tol=1e-6)

    @property
    def trace_end(self) -> int:
        """The frame after the last one to draw: as far behind the samples as the reports are.

        So a flag is drawn with its samples, and the trace goes on when no report comes.
        """
        if self.ended is not None:
            return self._next_frame
        return self._next_frame - max(self._ahead, default=0)

    @property
    def unscored(self) -> str:
        """Why the newest window has no score; empty if it has one, or if there is no window."""
        newest = [(self.windows[-1].index, "")] if self.windows else []
        if self.not_judged:
            rejected = self.not_judged[-1]
            newest.append((rejected.index, f"not judged: {rejected.reason}"))
        if self.lost:
            lost = self.lost[-1]
            newest.append((lost.first + lost.count - 1, f"lost: {lost.reason}"))
        return max(newest, default=(0, ""))[1]

    def _reported(self, event: WindowScored | WindowNotJudged) -> None:
        self.intervals.append(event.interval)
        if self.board is not None:
            stop = event.first_frame + self.board.window + self.board.hop
            self._ahead.append(max(self._next_frame - stop, 0))

    def samples(self, first: int, stop: int) -> NDArray[np.float64]:
        """Return the counts of frames first to stop - 1, float64 [frames, channels].

        Frames that are not kept are NaN.
        """
        channels = self._samples.shape[1]
        result = np.full((max(stop - first, 0), channels), np.nan)
        low, high = max(first, self._oldest_frame), min(stop, self._next_frame)
        if low < high:
            frames = np.arange(low, high) % FRAMES
            result[low - first : high - first] = self._samples[frames]
        for begin, end in self._gaps:
            result[max(begin - first, 0) : max(end - first, 0)] = np.nan
        return result

    def handle(self, event: Event) -> None:
        with self._lock:
            self._tally.handle(event)
            self.log.take(event)
            self.clock.stamp(event)
            self.sample_rate.take(event)
            self.version += 1
            self.reports += not isinstance(event, SamplesSent)
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Started():
                self.board, self.source = event.board, event.source
                self.threshold = event.board.threshold
                self._samples = np.zeros((FRAMES, event.board.channels), np.int16)
                self._next_frame = self._oldest_frame = event.resume_frame
            case SamplesSent():
                self._keep(event)
            case SamplesLost():
                self._pass_over(event)
            case WindowScored():
                self.windows.append(event)
                self._reported(event)
            case WindowNotJudged():
                self.not_judged.append(event)
                self._reported(event)
            case AlarmChanged():
                self.alarm = event.on
                self.unacknowledged |= event.on
            case AlarmAcknowledged():
                self.unacknowledged = False
            case AlarmSet():
                if self.board is not None:
                    self.board = replace(self.board, alarm=event.levels)
            case DriftChanged():
                self.recalibrate = event.recalibrate
            case WindowsLost():
                whole = joined(self.lost[-1] if self.lost else None, event)
                if isinstance(whole, WindowsLost):
                    self.lost.pop()
                self.lost.append(whole if isinstance(whole, WindowsLost) else event)
            case LinkCounters():
                self.counters = event
            case ThresholdChanged():
                self.threshold = event.value
            case CalibrationStatus():
                self.calibration = event
            case WearerStatus():
                self.wearer = event
            case Marked():
                self.marks.append(event)
            case Paused():
                self.paused = event.paused
            case Restarted():
                if event.frame < self._next_frame:
                    self.windows.clear()
                    self.not_judged.clear()
                    self.lost.clear()
                    self.intervals.clear()
                    self._ahead.clear()
                    self.marks.clear()
                    self._gaps.clear()
                    self._next_frame = self._oldest_frame = event.frame
            case RecordingChanged():
                self.recording = event.on
            case Notice():
                self.answers = self.answers if event.answers is None else event.answers
            case Ended():
                self.ended = event

    def _pass_over(self, event: SamplesLost) -> None:
        stop = event.first_frame + event.count
        self._gaps.append((event.first_frame, stop))
        self._next_frame = stop
        self._oldest_frame = max(self._oldest_frame, stop - FRAMES)

    def _keep(self, event: SamplesSent) -> None:
        counts = event.counts[-FRAMES:]
        stop = event.first_frame + len(event.counts)
        first = stop - len(counts)
        if first != self._next_frame:  # a jump: the frames before it are no longer contiguous
            self._oldest_frame = first
        self._samples[np.arange(first, stop) % FRAMES] = counts
        self._next_frame = stop
        self._oldest_frame = max(self._oldest_frame, stop - FRAMES)

"""Wall-clock time of a stream's events."""

from __future__ import annotations

import bisect
import time
from collections import deque
from collections.abc import Callable

from tools.monitor.events import (
    Event,
    Restarted,
    SamplesLost,
    SamplesSent,
    Started,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)

KEPT = 4096  # moments that are remembered: half an hour at least
STEP_S = 0.5  # between two moments of samples without a gap


class WallClock:
    """Stamps a stream's events with Unix time in milliseconds.

    A frame's time is that at which it reached this program: the end of each run of samples is
    noted, and times in between are interpolated. No frame is earlier than the start of its stream.
    The time of a window is that of its first frame, and the time of any other event is now. A jump
    of the computer's clock moves later times only.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._ends: deque[tuple[int, float]] = deque(maxlen=KEPT)  # frame after a run, its time
        self._seconds_per_frame = 0.0
        self._began = 0.0  # Unix seconds at which the stream began
        self._hop = 1

    def stamp(self, event: Event) -> int:
        """Take the next event of the stream and return its time."""
        match event:
            case Started():
                rate = event.frames_per_second or event.source.rate_hz
                self._hop = event.board.hop
                self._seconds_per_frame = 1 / rate if rate else 0.0
                return self._begin(event.began)
            case Restarted():
                self._ends.clear()
                return self._begin(event.began)
            case SamplesSent():
                return self._run(event.first_frame, len(event.counts))
            case SamplesLost():
                return self._run(event.first_frame, event.count)
            case WindowScored() | WindowNotJudged():
                return self.at(event.first_frame)
            case WindowsLost():
                return self.at(event.first * self._hop)
        return round(1000 * self._now())

    @property
    def moments(self) -> list[tuple[int, int]]:
        """Frames, ascending, and their times; what lies between is interpolated."""
        return [(frame, round(1000 * seconds)) for frame, seconds in self._ends]

    @property
    def newest(self) -> list[tuple[int, int]]:
        """The last two moments; the last one moves on with the samples."""
        ends = (self._ends[-2], self._ends[-1]) if len(self._ends) > 1 else ()
        return [(frame, round(1000 * seconds)) for frame, seconds in ends]

    def _begin(self, began: int | None) -> int:
        now = self._now()
        self._began = now if began is None else began
        return round(1000 * now)

    def _run(self, first: int, frames: int) -> int:
        now = self._now()
        if not self._ends or self._ends[-1][0] < first:
            begin = now - frames * self._seconds_per_frame
            if not self._ends:  # the first run may have been faster than real time
                begin = max(begin, min(self._began, now))
            self._ends.append((first, begin))
        more = self._ends[-1][0] < first + frames
        if more and len(self._ends) > 1 and 0 <= now - self._ends[-2][1] < STEP_S:
            self._ends.pop()  # its moment lies between two that are kept
        if more:
            self._ends.append((first + frames, now))
        return self.at(first)

    def at(self, frame: int) -> int:
        """Return the time of a frame; of one that is not known, the nearest that is."""
        after = bisect.bisect_left(self._ends, frame, key=lambda end: end[0])
        if after == len(self._ends):  # not seen
            return round(1000 * self._now())
        if after == 0:  # before what was seen, or forgotten
            oldest, then = self._ends[0]
            return round(1000 * (then - (oldest - frame) * self._seconds_per_frame))
        (before, early), (behind, late) = self._ends[after - 1], self._ends[after]
        share = (frame - before) / (behind - before)
        return round(1000 * (early + share * (late - early)))

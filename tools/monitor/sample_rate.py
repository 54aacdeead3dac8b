"""The rate at which a board samples its sensor, measured with this computer's clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from tools.monitor.events import Event, Restarted, SamplesSent, Started

BUCKET_S = 5.0  # of each, the sample that was delayed least counts
KEPT = 720  # buckets: one hour
LEAST = 13  # buckets until a rate is known: one minute
JUMP_S = 0.5  # between two buckets: the board was reset, or this computer was suspended


class SampleRate:
    """Compares the numbers of samples with the time at which they arrive.

    Samples arrive late by a delay that varies. The least delay of each bucket varies little, so
    the line through these points has the board's rate as its slope.

    Args:
        now: a clock that never jumps, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._nominal_hz: float | None = None  # that the model expects; None: not to be measured
        self._points: deque[tuple[float, float]] = deque(maxlen=KEPT)  # time, least delay

    def take(self, event: Event) -> None:
        """Take the next event of the stream."""
        match event:
            case Started():
                self._nominal_hz = event.board.rate_hz if event.sampled else None
                self._points.clear()
            case Restarted():
                self._points.clear()
            case SamplesSent() if self._nominal_hz is not None:
                self._arrived(event.first_frame + len(event.counts), self._nominal_hz)

    def _arrived(self, stop: int, nominal_hz: float) -> None:
        now = self._now()
        delay = now - stop / nominal_hz
        if not self._points or now // BUCKET_S != self._points[-1][0] // BUCKET_S:
            if len(self._points) > 1 and abs(delay - self._points[-1][1]) > JUMP_S:
                self._points.clear()
            self._points.append((now, delay))
        elif delay < self._points[-1][1]:
            self._points[-1] = now, delay

    @property
    def hz(self) -> float | None:
        """The measured rate; None until it is known, and for samples that a host sends."""
        if len(self._points) < LEAST or self._nominal_hz is None:
            return None
        times, delays = np.array(self._points).T
        times -= times.mean()
        slope = float(times @ delays / (times @ times))
        return self._nominal_hz * (1 - slope)

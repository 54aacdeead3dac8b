"""The pace at which a stream sends its frames."""

from __future__ import annotations

import time
from collections.abc import Callable

CHUNK_SECONDS = 0.04  # of samples sent at once when paced; short enough for a smooth trace


class Pace:
    """Limits the frames to send to those that are due at a rate; None: no limit."""

    def __init__(
        self, frames_per_second: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._clock = frames_per_second, clock
        self._start, self._frames = clock(), 0
        self._stopped: float | None = None

    def due(self, most: int) -> int:
        """Return the number of frames to send now, at most `most`."""
        if self._rate is None:
            return most
        if self._stopped is not None:
            return 0
        # A slow link: do not try to catch up on more than half a second.
        behind = (self._clock() - self._start) * self._rate - self._frames
        if behind > 0.5 * self._rate + 1:
            self._start += (behind - 0.5 * self._rate) / self._rate
            behind = 0.5 * self._rate
        due = min(int(behind), most)
        return due if due >= min(self._rate * CHUNK_SECONDS, most) else 0

    def sent(self, frames: int) -> None:
        """Count frames as sent."""
        self._frames += frames

    def stop(self) -> None:
        """Stop the clock."""
        self._stopped = self._stopped if self._stopped is not None else self._clock()

    def resume(self) -> None:
        """Continue the clock."""
        if self._stopped is not None:
            self._start += self._clock() - self._stopped
            self._stopped = None

"""Flow control: bytes under way against the board's credit, and the acknowledgement timeout."""

from collections import deque

from tools.link.frames import MAX_WIRE
from tools.link.timeouts import Timeouts

CONTROL = 40
"""Bytes of the credit that samples leave free for all other messages."""
_MOST_FRAMES = 100  # under way: well below half of the sequence numbers


def at_or_after(sequence: int, other: int) -> bool:
    """Return whether `sequence` is `other` or a later one, modulo 256."""
    return (sequence - other) & 0xFF < 128


class Credit:
    """Frames that the board has not acknowledged.

    The acknowledgement timeout follows the measured round trips, as in RFC 6298.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.limit = MAX_WIRE
        """Bytes that may be under way."""
        self.wait = timeouts.resend_first
        """Seconds without an acknowledgement after which the frames under way count as lost."""
        self._timeouts = timeouts
        self._bytes = 0
        self._frames: deque[tuple[int, int, float]] = deque()  # sequence, size, time of sending
        self._timer = 0.0
        self._smooth: float | None = None
        self._deviation = 0.0

    def fits(self, size: int) -> bool:
        """Return whether a frame of `size` bytes may be sent now."""
        if not self._frames:
            return True
        return self._bytes + size <= self.limit and len(self._frames) < _MOST_FRAMES

    def sent(self, sequence: int, size: int, now: float) -> None:
        """Add a frame of `size` bytes, sent at `now` seconds."""
        if not self._frames:
            self._timer = now
        self._frames.append((sequence, size, now))
        self._bytes += size

    def read_up_to(self, sequence: int, now: float) -> None:
        """Remove the frames up to `sequence`: the board has read them."""
        sent_at = None
        while self._frames and at_or_after(sequence, self._frames[0][0]):
            _, size, sent_at = self._frames.popleft()
            self._bytes -= size
        if sent_at is not None:
            self._timer = now
            self._measure(now - sent_at)

    def damaged(self) -> None:
        """Remove the oldest frame: the board received a damaged one, most likely this."""
        if self._frames:
            self._bytes -= self._frames.popleft()[1]

    def overdue(self, now: float) -> bool:
        """Return whether an acknowledgement is late."""
        return bool(self._frames) and now - self._timer >= self.wait

    def give_up(self) -> None:
        """Count all frames under way as lost, and double the timeout."""
        self.clear()
        self.wait = min(2 * self.wait, self._timeouts.resend_most)

    def clear(self) -> None:
        """Remove all frames."""
        self._frames.clear()
        self._bytes = 0

    def _measure(self, round_trip: float) -> None:
        if self._smooth is None:
            self._smooth, self._deviation = round_trip, round_trip / 2
        else:
            self._deviation += (abs(self._smooth - round_trip) - self._deviation) / 4
            self._smooth += (round_trip - self._smooth) / 8
        least, most = self._timeouts.resend_least, self._timeouts.resend_most
        self.wait = min(max(self._smooth + 4 * self._deviation, least), most)

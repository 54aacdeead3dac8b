"""Reports from the board: every window exactly once and in order, scored or lost."""

from tools.link import messages as m
from tools.link.events import Counters, Lost, Scored


class Reports:
    """Sorts what comes into new, repeated and out of turn.

    Args:
        next_window: the first window that is wanted.
        window_bytes: length of a watched window's input and output.
        counters: where repeats and results are counted.
    """

    def __init__(self, next_window: int, window_bytes: int, counters: Counters) -> None:
        self.next_window = next_window
        """All windows before this one have come."""
        self._returned = self._handed = self._acknowledged = next_window
        self.again = False
        """The board is owed an acknowledgement that it did not get."""
        self.missed = False
        """A report before one that came did not: the board must send it again."""
        self._window_bytes = window_bytes
        self._counters = counters
        self._parts: dict[int, bytearray] = {}

    def returned(self) -> None:
        """The program above gets all that have come. It may still stumble over them."""
        self._returned = self.next_window

    def handed(self) -> None:
        """It came back for more: what it got is its own, and may be acknowledged."""
        self._handed = self._returned

    @property
    def due(self) -> bool:
        """The board is owed an acknowledgement."""
        return self.again or self._handed > self._acknowledged

    def acknowledged(self) -> int:
        """The window to name in an acknowledgement that is sent now."""
        self.again = False
        self._acknowledged = self._handed
        return self._handed

    def window(self, part: m.Window) -> None:
        """Takes a piece of a watched window, in order of offset."""
        if part.window != self.next_window:
            return
        if part.offset == 0:
            self._parts[part.which] = bytearray()
        whole = self._parts.get(part.which)
        if whole is not None and part.offset == len(whole):
            whole += part.data

    def score(self, score: m.Score) -> Scored | None:
        """The event, when it is the one that is wanted and its window's bytes are complete."""
        if not self._in_turn(score.window, score.window + 1):
            return None
        wanted = [w for w in (m.WATCH_INPUT, m.WATCH_OUTPUT) if score.flags & w]
        if any(len(self._parts.get(which, b"")) != self._window_bytes for which in wanted):
            self.missed = True
            return None
        watched = {which: bytes(self._parts[which]) for which in wanted}
        self._advance(score.window + 1)
        anomaly = bool(score.flags & m.ANOMALY)
        self._counters.windows += 1
        self._counters.anomalies += anomaly
        return Scored(
            score.window,
            score.score,
            anomaly,
            score.microseconds,
            watched.get(m.WATCH_INPUT),
            watched.get(m.WATCH_OUTPUT),
        )

    def lost(self, lost: m.Lost) -> Lost | None:
        """The event, when it names windows that have not been handed on."""
        end = lost.window + lost.count
        if not self._in_turn(lost.window, end):
            return None
        first = self.next_window
        self._advance(end)
        self._counters.lost += end - first
        known = lost.reason in set(m.LostReason)
        return Lost(first, end - first, m.LostReason(lost.reason if known else 0))

    def _in_turn(self, first: int, end: int) -> bool:
        if end <= self.next_window:
            self._counters.repeated += 1
            self.again = True  # the acknowledgement was lost
            return False
        if first > self.next_window:
            self.missed = True
            return False
        return True

    def _advance(self, window: int) -> None:
        self.next_window = window
        self.missed = False
        self._parts.clear()

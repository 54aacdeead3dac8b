"""Says when heartbeats stay away: then nothing is judged, as with a dead sensor."""

from __future__ import annotations

from tools.monitor.events import BoardFacts, Notice, Severity

NO_BEAT = "no_beat"  # reason of WindowsLost for a hop without a heartbeat; most have none
SECONDS = 10.0  # without a beat, until the user is told; a detector learns for eight


class BeatWatch:
    """Measures the time since the last beat of a stream."""

    def __init__(self, board: BoardFacts) -> None:
        self._hop_seconds = board.hop / (board.rate_hz or 1)
        self._first, self._told = 0, False

    def beat(self, hop: int) -> None:
        """Note that this hop holds a beat, or that the stream continues after it."""
        self._first, self._told = hop + 1, False

    def no_beat(self, stop: int) -> Notice | None:
        """Return the notice that is due, once, when no hop from the last beat to `stop` has one."""
        if self._told or (stop - self._first) * self._hop_seconds < SECONDS:
            return None
        self._told = True
        text = f"no heartbeat for {SECONDS:.0f} s, so nothing is judged: check the sensor"
        return Notice(text, severity=Severity.WARNING)

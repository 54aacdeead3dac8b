"""Exactly-once delivery, in order, of what the board numbers: reports and sensor samples."""

import math
from collections.abc import Mapping

from tools.link import messages as m
from tools.link.events import Counters, Lost, Sampled, Scored


class Delivery:
    """The position of the program in a numbered sequence that the board sends.

    An item is acknowledged only when the program returns for more after it received the item:
    until then, the program may still fail over it.

    Args:
        start: number of the first item.
    """

    def __init__(self, start: int) -> None:
        self.next = start
        """All items before this one have arrived, or are known to be lost."""
        self.ack_missed = False
        """The board must get another acknowledgement, because it did not get the last one."""
        self.gap = False
        """An item arrived before an earlier one, which the board must resend."""
        self._handed_over = self._confirmed = self._acknowledged = start

    def hand_over(self) -> None:
        """Note that the program receives all items that have arrived."""
        self._handed_over = self.next

    def confirm(self) -> None:
        """Note that the program has processed what it received."""
        self._confirmed = self._handed_over

    @property
    def unacknowledged(self) -> int:
        """Items that the program has received, and that the board keeps."""
        return self._handed_over - self._acknowledged

    @property
    def unconfirmed(self) -> bool:
        """Whether the program still processes some of what it received."""
        return self._handed_over > self._confirmed

    def ack_due(self, patience: int = 0) -> bool:
        """Return whether an acknowledgement should be sent.

        Args:
            patience: processed items that may wait; `keepalive` brings an acknowledgement, too.
        """
        return self.ack_missed or self._confirmed - self._acknowledged > patience

    def acknowledge(self) -> int:
        """Return the number for an acknowledgement that is sent now."""
        self.ack_missed = False
        self._acknowledged = self._confirmed
        return self._confirmed

    def is_next(self, first: int, end: int) -> bool:
        """Return whether items `first` to ``end - 1`` contain the next one."""
        if end <= self.next:
            self.ack_missed = True
            return False
        if first > self.next:
            self.gap = True
            return False
        return True

    def advance(self, end: int) -> None:
        """Note the arrival of all items before `end`."""
        self.next = end
        self.gap = False


class Reports(Delivery):
    """Reports: each window exactly once and in order, scored or lost.

    Args:
        start: the first window that is wanted.
        window_bytes: length of a watched window's input and output.
        watched_bytes: other lengths, by WATCH bit.
        counters: counts repeats and results.
    """

    def __init__(
        self,
        start: int,
        window_bytes: int,
        watched_bytes: Mapping[int, int],
        counters: Counters,
    ) -> None:
        super().__init__(start)
        self._window_bytes, self._watched_bytes = window_bytes, watched_bytes
        self._counters = counters
        self._parts: dict[int, bytearray] = {}

    def receive(self, message: m.Score | m.Lost | m.Window) -> Scored | Lost | None:
        """Return the event, if the message completes the report of the next window."""
        if isinstance(message, m.Window):
            self._collect(message)
            return None
        count = message.count if isinstance(message, m.Lost) else 1
        end = message.window + count
        self._counters.repeated += end <= self.next
        if not self.is_next(message.window, end):
            return None
        event: Scored | Lost | None
        if isinstance(message, m.Lost):
            event = self._lost(message)
        elif message.flags & m.NOT_JUDGED:
            event = self._not_judged(message)
        else:
            event = self._scored(message)
        if event is not None:
            self.advance(end)
            self._parts.clear()
        return event

    def _collect(self, part: m.Window) -> None:
        """Append a part of a watched window, in order of offset."""
        if part.window != self.next:
            return
        if part.offset == 0:
            self._parts[part.which] = bytearray()
        whole = self._parts.get(part.which)
        if whole is not None and part.offset == len(whole):
            whole += part.data

    def _scored(self, score: m.Score) -> Scored | None:
        wanted = [bit for bit in (m.WATCH_INPUT, m.WATCH_OUTPUT) if score.flags & bit]
        sizes = {which: self._watched_bytes.get(which, self._window_bytes) for which in wanted}
        if any(len(self._parts.get(which, b"")) != size for which, size in sizes.items()):
            self.gap = True
            return None
        watched = {which: bytes(self._parts[which]) for which in wanted}
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
            score.peak,
            score.interval,
            score.p,
            bool(score.flags & m.ALARM),
            bool(score.flags & m.DRIFT),
        )

    def _not_judged(self, score: m.Score) -> Lost:
        self._counters.windows += 1
        code = int(score.score) if math.isfinite(score.score) else -1
        return Lost(score.window, 1, _reason(code), score.peak, score.interval)

    def _lost(self, lost: m.Lost) -> Lost:
        count = lost.window + lost.count - self.next
        self._counters.lost += count
        return Lost(self.next, count, _reason(lost.reason))


class SensorSamples(Delivery):
    """Samples of the on-board sensor: each once and in order, as counts or as skipped.

    Args:
        start: absolute index of the first sample.
        sample_size: bytes of one sample, all channels.
        watched: whether the host requests the samples at all.
    """

    def __init__(self, start: int, sample_size: int, watched: bool) -> None:
        super().__init__(start)
        self.taken = start
        """The board has taken or skipped all samples before this one."""
        self.watched = watched
        self._size = sample_size

    def restart(self, sample: int) -> Sampled | None:
        """Continue at `sample`, at least `next`; return the event if samples are skipped."""
        skipped = sample - self.next
        self.taken = self.next = sample
        self.gap = self.ack_missed = False
        return Sampled(sample, b"", skipped) if skipped > 0 and self.watched else None

    def acknowledged(self, ack: m.Ack) -> int:
        """Process the board's position; return the number of newly taken samples."""
        fresh = max(ack.next_sample - self.taken, 0)
        self.taken = max(self.taken, ack.next_sample)
        return fresh

    def receive(self, message: m.Sampled) -> Sampled | None:
        """Return the event, if the message contains the next sample."""
        counts = message.counts[: len(message.counts) // self._size * self._size]
        end = message.sample + len(counts) // self._size
        if not self.is_next(message.sample - message.skipped, end):
            return None
        old = max(self.next - message.sample, 0)
        skipped = max(message.sample - self.next, 0)
        self.advance(end)
        self.taken = max(self.taken, end)
        new = counts[old * self._size :]
        return Sampled(message.sample + old, new, skipped, _reason(message.why))


def _reason(code: int) -> m.LostReason:
    """Return a reason; one that only a later version knows counts as GAP."""
    return m.LostReason(code) if code in set(m.LostReason) else m.LostReason.GAP

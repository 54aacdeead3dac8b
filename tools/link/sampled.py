"""Samples that the board takes itself: each once and in order, as counts or as not taken."""

from tools.link import messages as m
from tools.link.events import Sampled
from tools.link.messages import Ack


class OwnSamples:
    """Sorts the board's own samples into new, repeated and out of turn.

    Args:
        start: absolute index of the first sample.
        sample_size: bytes of one sample, all channels.
        wanted: whether samples are asked for at all.
    """

    def __init__(self, start: int, sample_size: int, wanted: bool) -> None:
        self.next = start
        """All samples before this one have come, or are known not to."""
        self.taken = start
        """All samples before this one have been taken by the board, or passed over."""
        self.wanted = wanted
        self.again = False
        """The board is owed an acknowledgement that it did not get."""
        self.missed = False
        """A sample before some that came did not: the board must send it again."""
        self._returned = self._handed = self._acknowledged = start
        self._size = sample_size

    def returned(self) -> None:
        """The program above gets all that have come. It may still stumble over them."""
        self._returned = self.next

    def handed(self) -> None:
        """It came back for more: what it got is its own, and may be acknowledged."""
        self._handed = self._returned

    @property
    def due(self) -> bool:
        """The board is owed an acknowledgement."""
        return self.again or self._handed > self._acknowledged

    def ack(self, resend: bool) -> m.SampledAck:
        """The acknowledgement to send now."""
        self.again = False
        self._acknowledged = self._handed
        return m.SampledAck(self._handed, int(resend))

    def begin(self, sample: int) -> Sampled | None:
        """The board starts again at `sample`, not before `next`; the event, if some are passed."""
        passed = sample - self.next
        self.taken = self.next = sample
        self.missed = self.again = False
        return Sampled(sample, b"", passed) if passed > 0 and self.wanted else None

    def acknowledged(self, ack: Ack) -> int:
        """Takes in the board's word of where it stands; returns how many samples are new."""
        fresh = max(ack.next_sample - self.taken, 0)
        self.taken = max(self.taken, ack.next_sample)
        return fresh

    def sampled(self, message: m.Sampled) -> Sampled | None:
        """The event, when it brings what comes next."""
        counts = message.counts[: len(message.counts) // self._size * self._size]
        end = message.sample + len(counts) // self._size
        if end <= self.next:
            self.again = True
            return None
        if message.sample - message.skipped > self.next:
            self.missed = True
            return None
        known = set(m.LostReason)
        why = m.LostReason(message.why if message.why in known else 0)
        old = max(self.next - message.sample, 0)
        skipped = max(message.sample - self.next, 0)
        event = Sampled(message.sample + old, counts[old * self._size :], skipped, why)
        self.next = end
        self.taken = max(self.taken, end)
        self.missed = False
        return event

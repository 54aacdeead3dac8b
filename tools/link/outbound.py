"""Samples on their way to the board: kept, acknowledged, and sent next."""

from tools.link.buffer import SampleBuffer
from tools.link.credit import CONTROL, at_or_after
from tools.link.frames import MAX_WIRE, OVERHEAD
from tools.link.grid import completed, first_window_from
from tools.link.messages import Ack, AckReason, HelloReply, Samples, Skip

INDEX_SIZE = 8
"""Bytes of SAMPLES before the counts."""


class Outbound:
    """The position of a stream of samples that the host sends.

    Args:
        start: absolute index of the first sample.
        capacity: samples that may be kept until their windows are reported.
    """

    def __init__(self, board: HelloReply, start: int, capacity: int) -> None:
        self._window, self._hop = board.window, board.hop
        self._sample_size = 2 * board.channels
        self.buffer = SampleBuffer(start, self._sample_size, max(capacity, 4 * board.window))
        self.acked = start
        """The board has taken all samples before this one."""
        self.next = start
        """The sample that is sent next."""
        self.last_lost = 0
        """Gaps cause the loss of windows before this one only, as far as the host can know."""
        self._highest = self._start = self._limit = start
        self._recover: int | None = None
        self._latest: int | None = None
        self._most = self._samples_per_frame(board)

    def _samples_per_frame(self, board: HelloReply) -> int:
        # At least two frames may be under way, so that the next one reveals the loss of one.
        wire = min(MAX_WIRE, (board.credit - CONTROL) // 2)
        payload = min(wire - OVERHEAD, board.max_payload)
        return max((payload - INDEX_SIZE) // self._sample_size, 1)

    @property
    def frame_size(self) -> int:
        """Bytes on the wire of the longest SAMPLES frame."""
        return OVERHEAD + INDEX_SIZE + self._most * self._sample_size

    @property
    def untouched(self) -> bool:
        """Nothing has been sent yet: the board may be further than the host knows."""
        return self._highest == self._start

    @property
    def furthest(self) -> int:
        """The last sample that a correct board can wait for."""
        return max(self._highest, self.next, self.acked)

    def skip_to(self, sample: int) -> None:
        """Leave a gap: the samples from the buffer's end up to `sample` will never be sent."""
        if sample <= self.buffer.end:
            return
        # Windows that were complete before the gap, or begin after it, are not affected.
        first_cut = completed(self.buffer.end, self._window, self._hop)
        if first_cut * self._hop < sample:
            self.last_lost = first_window_from(sample, self._hop)
        self.buffer.skip_to(sample)

    def take(self) -> tuple[Samples | Skip, bool] | None:
        """Return the next message, and whether it was sent before; None if there is none."""
        if self.next >= min(self.buffer.end, max(self._limit, self.acked)):
            return None
        again = self.next < self._highest
        run = self.buffer.at(self.next, min(self._most, self._limit - self.next))
        message: Samples | Skip
        if isinstance(run, int):
            if self.acked < self.next:  # SKIP would make the board give up samples lost on the way
                return None
            message, self.next = Skip(run), run
        else:
            message = Samples(self.next, run)
            self.next += len(run) // self._sample_size
        self._highest = max(self._highest, self.next)
        return message, again

    def sent(self, sequence: int) -> None:
        """Note the sequence number of the message that `take` returned."""
        self._latest = sequence

    def acknowledged(self, ack: Ack) -> int:
        """Process an ACK; return the number of newly acknowledged samples."""
        fresh = max(ack.next_sample - self.acked, 0)
        self.acked = max(self.acked, ack.next_sample)
        self.next = max(self.next, self.acked)
        self.limit_to(ack.room)
        return fresh

    def limit_to(self, room: int) -> None:
        """Send no more samples than complete `room` windows beyond the acknowledged ones."""
        done = completed(self.acked, self._window, self._hop)
        self._limit = (done + room) * self._hop + self._window - 1

    def behind(self, ack: Ack) -> bool:
        """Return whether the board missed a frame that was sent since the last `go_back`."""
        if self.next <= self.acked:
            return False
        # A damaged frame has no number; assume the one after the last valid frame.
        seen = (ack.heard + (ack.reason == AckReason.DAMAGED)) & 0xFF
        if self._recover is not None and not at_or_after(seen, self._recover):
            return False
        self._recover = None
        has_read_all = self._latest is not None and at_or_after(ack.heard, self._latest)
        return has_read_all or ack.reason != AckReason.PROGRESS

    def go_back(self, next_sequence: int) -> None:
        """Resend from the first unacknowledged sample, beginning with frame `next_sequence`."""
        self.next = self.acked
        self._recover = next_sequence

    def rewind(self, sample: int) -> None:
        """Continue at `sample`, where the board restarts the stream."""
        self.acked = self.next = self._limit = sample
        self._recover = self._latest = None

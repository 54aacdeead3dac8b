"""How much may be under way: bytes against the board's credit, samples against its room."""

from collections import deque

from tools.link.buffer import SampleBuffer
from tools.link.frames import MAX_WIRE, OVERHEAD
from tools.link.messages import Ack, AckReason, HelloReply, Samples, Skip
from tools.link.timeouts import Timeouts

CONTROL = 40
"""Bytes of the credit that samples leave free, for everything else the host has to say."""
INDEX_SIZE = 8
"""Bytes of SAMPLES before the counts."""
_MOST_FRAMES = 100  # under way: well below half of the sequence numbers


def at_or_after(sequence: int, other: int) -> bool:
    """Whether `sequence` is `other` or a later one, modulo 256."""
    return (sequence - other) & 0xFF < 128


class Line:
    """Frames that the board has not said it read, and how long to wait until it does.

    The wait follows the round trips measured, as in RFC 6298.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.credit = MAX_WIRE
        self.bytes = 0
        self._timeouts = timeouts
        self._frames: deque[tuple[int, int, float]] = deque()
        self._timer = 0.0
        self._smooth: float | None = None
        self._deviation = 0.0
        self.wait = timeouts.resend_first
        """Seconds without an acknowledgement after which what is under way counts as lost."""

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self._frames

    def fits(self, size: int) -> bool:
        """Whether a frame of `size` bytes may be sent now."""
        if not self._frames:
            return True
        return self.bytes + size <= self.credit and len(self._frames) < _MOST_FRAMES

    def sent(self, sequence: int, size: int, now: float) -> None:
        """A frame of `size` bytes is under way."""
        if not self._frames:
            self._timer = now
        self._frames.append((sequence, size, now))
        self.bytes += size

    def read_up_to(self, sequence: int, now: float) -> None:
        """The board has read all frames up to `sequence`."""
        sent_at = None
        while self._frames and at_or_after(sequence, self._frames[0][0]):
            _, size, sent_at = self._frames.popleft()
            self.bytes -= size
        if sent_at is None:
            return
        self._timer = now
        self._measure(now - sent_at)

    def damaged(self) -> None:
        """The board has read something broken: most likely the next frame under way."""
        if self._frames:
            self.bytes -= self._frames.popleft()[1]

    def overdue(self, now: float) -> bool:
        """What is under way should have been acknowledged by now."""
        return bool(self._frames) and now - self._timer >= self.wait

    def give_up(self) -> None:
        """Counts everything under way as lost, and waits longer the next time."""
        self.clear()
        self.wait = min(2 * self.wait, self._timeouts.resend_most)

    def clear(self) -> None:
        """Nothing is under way any more."""
        self._frames.clear()
        self.bytes = 0

    def _measure(self, round_trip: float) -> None:
        if self._smooth is None:
            self._smooth, self._deviation = round_trip, round_trip / 2
        else:
            self._deviation += (abs(self._smooth - round_trip) - self._deviation) / 4
            self._smooth += (round_trip - self._smooth) / 8
        least, most = self._timeouts.resend_least, self._timeouts.resend_most
        self.wait = min(max(self._smooth + 4 * self._deviation, least), most)


def completed(sample: int, window: int, hop: int) -> int:
    """Windows of the fixed grid that end before `sample`: `sample` samples make this many."""
    return (sample - window) // hop + 1 if sample >= window else 0


def first_window_from(sample: int, hop: int) -> int:
    """The first window of the fixed grid that begins at `sample` or later."""
    return -(-sample // hop)


class Outbound:
    """The stream of samples down to the board: what is kept, acknowledged, and sent next."""

    def __init__(self, board: HelloReply, start: int, capacity: int) -> None:
        self._window, self._hop = board.window, board.hop
        self._sample_size = 2 * board.channels
        capacity = max(capacity, 4 * board.window)
        self.buffer = SampleBuffer(start, self._sample_size, capacity)
        self.acked = start
        """All samples before this one have been taken by the board."""
        self.next = start
        """The sample that is sent next."""
        self._highest = self._start = start
        self._limit = start
        self._recover: int | None = None
        self._latest: int | None = None
        self._most = self._samples_per_frame(board)
        self.last_lost = 0
        """Windows before this one are lost, as far as the host can know from gaps."""

    def _samples_per_frame(self, board: HelloReply) -> int:
        # Two frames under way at least, so that the loss of one shows by the next.
        wire = min(MAX_WIRE, max((board.credit - CONTROL) // 2, 64))
        payload = min(wire - OVERHEAD, board.max_payload)
        return max((payload - INDEX_SIZE) // self._sample_size, 1)

    @property
    def frame_size(self) -> int:
        """Bytes on the wire of the longest SAMPLES frame."""
        return OVERHEAD + INDEX_SIZE + self._most * self._sample_size

    def skip_to(self, sample: int) -> None:
        """The samples from the buffer's end up to `sample` will never come."""
        if sample <= self.buffer.end:
            return
        # A window that was complete before the gap, or begins after it, is not touched.
        first_cut = completed(self.buffer.end, self._window, self._hop)
        if first_cut * self._hop < sample:
            self.last_lost = first_window_from(sample, self._hop)
        self.buffer.skip_to(sample)

    @property
    def untouched(self) -> bool:
        """Nothing has been sent yet: the board may be further than this side knows."""
        return self._highest == self._start

    @property
    def furthest(self) -> int:
        """A board that speaks the truth waits for this sample at the most."""
        return max(self._highest, self.next, self.acked)

    def pending(self) -> bool:
        """Something waits to be sent, now or when there is room."""
        return self.next < self.buffer.end

    def take(self) -> tuple[Samples | Skip, bool] | None:
        """The next message and whether it was sent before; None while there is none to send."""
        if self.next >= min(self.buffer.end, max(self._limit, self.acked)):
            return None
        again = self.next < self._highest
        run = self.buffer.at(self.next, min(self._most, self._limit - self.next))
        message: Samples | Skip
        if isinstance(run, int):
            if self.acked < self.next:  # or the board would give up those of them that are lost
                return None
            message, self.next = Skip(run), run
        else:
            message = Samples(self.next, run)
            self.next += len(run) // self._sample_size
        self._highest = max(self._highest, self.next)
        return message, again

    def acknowledged(self, ack: Ack) -> int:
        """Takes in an acknowledgement; returns how many samples it is the first to name."""
        fresh = max(ack.next_sample - self.acked, 0)
        self.acked = max(self.acked, ack.next_sample)
        self.next = max(self.next, self.acked)
        self.limit_to(ack.room)
        return fresh

    def limit_to(self, room: int) -> None:
        """Of the samples not acknowledged, no more than complete `room` windows."""
        done = completed(self.acked, self._window, self._hop)
        self._limit = (done + room) * self._hop + self._window - 1

    def sent(self, sequence: int) -> None:
        """What `take` gave is under way."""
        self._latest = sequence

    def behind(self, ack: Ack) -> bool:
        """Whether the board has missed something that was sent since the last `go_back`."""
        if self.next <= self.acked:
            return False
        # A broken frame has no number: the one after the last good one is as good a guess.
        seen = (ack.heard + (ack.reason == AckReason.DAMAGED)) & 0xFF
        if self._recover is not None and not at_or_after(seen, self._recover):
            return False
        self._recover = None
        has_read_all = self._latest is not None and at_or_after(ack.heard, self._latest)
        return has_read_all or ack.reason != AckReason.PROGRESS

    def go_back(self, next_sequence: int) -> None:
        """Sends again from the first sample that was not acknowledged."""
        self.next = self.acked
        self._recover = next_sequence

    def rewind(self, sample: int) -> None:
        """The board starts again at `sample`."""
        self.acked = self.next = self._limit = sample
        self._recover = self._latest = None

"""Samples that may have to be resent: a bounded part of the stream, with its gaps."""

from collections import deque

_JOIN = 1 << 16  # bytes; shorter runs are extended


class SampleBuffer:
    """Runs of whole samples by absolute index, with gaps between them.

    Args:
        start: absolute index of the first sample.
        sample_size: bytes of one sample, all channels.
        capacity: samples that may be kept.
    """

    def __init__(self, start: int, sample_size: int, capacity: int) -> None:
        self.start = start
        """Absolute index of the oldest kept sample."""
        self.end = start
        """Absolute index of the next sample."""
        self._size = sample_size
        self._capacity = capacity
        self._runs: deque[tuple[int, bytearray]] = deque()
        self._held = 0

    @property
    def room(self) -> int:
        """Number of samples that may be appended now."""
        return self._capacity - self._held

    def append(self, data: bytes) -> None:
        """Add whole samples at `end`; they must fit `room`."""
        if not data:
            return
        count = len(data) // self._size
        if self._runs:
            first, run = self._runs[-1]
            if first + len(run) // self._size == self.end and len(run) < _JOIN:
                run += data
                self.end += count
                self._held += count
                return
        self._runs.append((self.end, bytearray(data)))
        self.end += count
        self._held += count

    def skip_to(self, index: int) -> None:
        """Leave a gap: the next sample is `index`."""
        self.end = max(self.end, index)

    def drop_before(self, index: int) -> None:
        """Discard the samples before `index`."""
        index = min(index, self.end)
        while self._runs:
            first, run = self._runs[0]
            count = len(run) // self._size
            if first + count > index:
                cut = index - first
                if cut > 0:
                    del run[: cut * self._size]
                    self._runs[0] = (index, run)
                    self._held -= cut
                break
            self._runs.popleft()
            self._held -= count
        self.start = max(self.start, index)

    def at(self, index: int, most: int) -> bytes | int:
        """Return up to `most` samples from `index` on, or the end of the gap at `index`.

        `index` must be at least `start` and below `end`.
        """
        for first, run in self._runs:
            if index < first:
                return first
            offset = (index - first) * self._size
            if offset < len(run):
                return bytes(run[offset : offset + most * self._size])
        return self.end

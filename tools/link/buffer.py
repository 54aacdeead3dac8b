"""Samples that may have to be sent again: a bounded stretch of the stream, with its gaps."""

from collections import deque

_JOIN = 1 << 16  # bytes: shorter runs are made longer rather than more


class SampleBuffer:
    """Runs of whole samples by absolute index; what lies between two runs is a gap.

    Args:
        start: absolute index of the first sample.
        sample_size: bytes of one sample, all channels.
        capacity: samples that may be kept.
    """

    def __init__(self, start: int, sample_size: int, capacity: int) -> None:
        self.start = start
        """Absolute index of the oldest sample that is kept."""
        self.end = start
        """Absolute index of the sample that comes next."""
        self._size = sample_size
        self._capacity = capacity
        self._runs: deque[tuple[int, bytearray]] = deque()
        self._held = 0

    @property
    def room(self) -> int:
        """Samples that may be appended now."""
        return self._capacity - self._held

    def append(self, data: bytes) -> None:
        """Adds whole samples at `end`; the caller has looked at `room`."""
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
        """Leaves a gap: the next sample is `index`."""
        self.end = max(self.end, index)

    def drop_before(self, index: int) -> None:
        """Forgets what comes before `index`."""
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
        """Up to `most` samples from `index` on, or where the gap at `index` ends.

        ``start <= index < end``.
        """
        for first, run in self._runs:
            if index < first:
                return first
            offset = (index - first) * self._size
            if offset < len(run):
                return bytes(run[offset : offset + most * self._size])
        return self.end

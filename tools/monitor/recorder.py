"""The view that writes a recording: it hands the stream's events to a recording format's writer.

A recording starts at the start of a window, so that a replay cuts the same windows. If the stream
restarts at an earlier frame, the recording starts again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.monitor.events import (
    AlarmChanged,
    DriftChanged,
    Event,
    Marked,
    Restarted,
    SamplesLost,
    SamplesSent,
    Started,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.recordings.registry import open_writer

Labels = Callable[[int, int], NDArray[np.int8]]  # first frame and count to one label per frame


class Recorder:
    """Records to `path`, in the format of its suffix.

    Args:
        path: the file that names the recording.
        labels: returns the labels of the frames that are streamed.

    Raises:
        DataError: the recording cannot be written.
    """

    def __init__(self, path: Path, labels: Labels) -> None:
        self.path = path
        self._writer, self._labels = open_writer(path), labels
        self._hop = 1
        self._next_frame: int | None = None  # None: no frame has been written

    def handle(self, event: Event) -> None:
        match event:
            case Started():
                self._hop = event.board.hop
                self._writer.begin(event.source, model_of(event), self._hop)
            case SamplesSent():
                first, stop = self._new_frames(event.first_frame, len(event.counts))
                if first < stop:
                    counts = event.counts[first - event.first_frame :]
                    self._writer.samples(first, counts, self._labels(first, len(counts)))
            case SamplesLost():
                first, stop = self._new_frames(event.first_frame, event.count)
                if first < stop:
                    self._writer.missing(first, stop - first, event.reason)
            case WindowScored():
                self._writer.scored(event)
            case WindowNotJudged():
                self._writer.lost(event.index, 1, f"not judged, {event.reason}")
            case WindowsLost():
                self._writer.lost(event.first, event.count, event.reason)
            case AlarmChanged():
                text = "alarm raised" if event.on else "alarm cleared"
                self._writer.mark(event.first_frame, event.index, text)
            case DriftChanged():
                text = "recalibrate" if event.recalibrate else "no drift"
                self._writer.mark(event.first_frame, event.index, text)
            case Marked():
                self._writer.mark(event.frame, event.window, event.text)
            case Restarted():
                discard = self._next_frame is not None and event.frame < self._next_frame
                if discard:
                    self._next_frame = None
                self._writer.restart(event.frame, event.reason, discard)

    def close(self) -> None:
        self._writer.close()

    def _new_frames(self, first: int, count: int) -> tuple[int, int]:
        """Return first and end of the frames that have not been written."""
        if self._next_frame is None:
            self._next_frame = -(-first // self._hop) * self._hop
        start, stop = max(self._next_frame, first), first + count
        self._next_frame = max(self._next_frame, stop)
        return start, stop


def model_of(event: Started) -> str:
    """Return the hash and the name of the board's model."""
    return f"{event.board.model_hash} {event.board.model}"

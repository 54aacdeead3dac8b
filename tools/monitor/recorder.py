"""The sink that writes recordings: it hands the stream's events to a recording format's writer.

A recording starts at the start of a window, so that a replay cuts the same windows. If the stream
restarts, a new file begins; a file that is complete is never touched again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.monitor.events import (
    AlarmChanged,
    BoardFacts,
    DriftChanged,
    Event,
    Marked,
    RecordingAsked,
    RecordingChanged,
    Restarted,
    SamplesLost,
    SamplesSent,
    Started,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.wall_clock import WallClock
from tools.recordings.format import Writer
from tools.recordings.registry import numbered, open_writer
from training.bundle.errors import DataError

Labels = Callable[[int, int], NDArray[np.int8]]  # first frame and count to one label per frame


class Recorder:
    """Records while it is asked to, each time to a file of its own.

    A file that cannot be written ends the recording and not the stream; `close` raises the error.

    Args:
        path: the file of the first recording, which begins with the stream; its format is that of
            its suffix. None: nothing is recorded until the user asks, to MODEL-PORT-TIME.csv in
            the current folder.
        labels: returns the labels of the frames that are streamed.
        say: is called with each start and end of a recording.

    Raises:
        DataError: the recording cannot be written.
    """

    def __init__(
        self,
        path: Path | None,
        labels: Labels,
        say: Callable[[RecordingChanged], None] = lambda _: None,
    ) -> None:
        self._path, self._labels, self._say = path, labels, say
        self._open: _Recording | None = None if path is None else _Recording(open_writer(path))
        self._stream: Started | None = None
        self._clock = WallClock()
        self._failure: DataError | None = None

    def handle(self, event: Event) -> None:
        self._clock.stamp(event)
        match event:
            case Started():
                self._stream = event
                self._attempt(self._begin)
            case RecordingAsked(on=True) if self._open is None:
                self._start()
            case RecordingAsked(on=False):
                self._end("stopped")
            case Restarted() if self._open is not None:
                self._end("the stream restarts")
                self._start()
            case _:
                self._attempt(lambda: self._write(event))

    def close(self) -> None:
        """Complete the recording. Raises DataError if one could not be written."""
        self._say = lambda _: None  # the stream has ended
        self._end("")
        if self._failure is not None:
            raise self._failure

    def _start(self) -> None:
        """Open the next file, and describe the stream in it."""
        assert self._stream is not None
        if self._path is None:
            self._path = _path_of(self._stream.board)
        try:
            self._open = _Recording(open_writer(numbered(self._path)), joined=True)
        except DataError as failure:
            self._failure = self._failure or failure
            self._say(RecordingChanged(False, str(self._path), str(failure)))
            return
        self._attempt(self._begin)

    def _begin(self) -> None:
        if self._open is not None and self._stream is not None:
            self._open.begin(self._stream)
            self._say(RecordingChanged(True, str(self._open.path)))

    def _write(self, event: Event) -> None:
        if self._open is not None:
            self._open.write(event, self._labels, self._clock)

    def _attempt(self, write: Callable[[], None]) -> None:
        """Call `write`; if it fails, end the recording."""
        try:
            write()
        except OSError as problem:
            self._end(str(problem.strerror), problem)

    def _end(self, reason: str, problem: OSError | None = None) -> None:
        """Complete the file that is open, if any; on a full disk, with what fits."""
        recording, self._open = self._open, None
        if recording is None:
            return
        try:
            recording.writer.close()
        except OSError as failure:
            problem = problem or failure
        if problem is not None:
            reason = f"{recording.path}: cannot be written: {problem.strerror}"
            self._failure = self._failure or DataError(reason)
        self._say(RecordingChanged(False, str(recording.path), reason))


class _Recording:
    """One file: which frames and windows of the stream belong to it.

    Args:
        joined: the stream runs already, so windows that began before the first frame are left out.
    """

    def __init__(self, writer: Writer, joined: bool = False) -> None:
        self.writer, self.path = writer, writer.path
        self._hop = 1
        self._skipping = joined  # windows, until one begins inside the recording
        self._first_frame: int | None = None  # None: no frame has been written
        self._next_frame = 0

    def begin(self, stream: Started) -> None:
        self._hop = stream.board.hop
        self.writer.begin(stream.source, model_of(stream), self._hop)

    def write(self, event: Event, labels: Labels, clock: WallClock) -> None:
        """Write one event. Raises OSError."""
        match event:
            case SamplesSent():
                first, stop = self._new_frames(event.first_frame, len(event.counts))
                if first < stop:
                    self._note_begin(first, clock)
                    counts = event.counts[first - event.first_frame :]
                    self.writer.samples(first, counts, labels(first, len(counts)))
            case SamplesLost():
                first, stop = self._new_frames(event.first_frame, event.count)
                if first < stop:
                    self._note_begin(first, clock)
                    self.writer.missing(first, stop - first, event.reason)
            case WindowScored() if self._holds(event.first_frame):
                self.writer.scored(event, clock.at(event.first_frame))
            case WindowNotJudged() if self._holds(event.first_frame):
                self.writer.lost(event.index, 1, f"not judged, {event.reason}")
            case WindowsLost() if not self._skipping:
                self.writer.lost(event.first, event.count, event.reason)
            case AlarmChanged():
                text = "alarm raised" if event.on else "alarm cleared"
                self.writer.mark(event.first_frame, event.index, text)
            case DriftChanged():
                text = "recalibrate" if event.recalibrate else "no drift"
                self.writer.mark(event.first_frame, event.index, text)
            case Marked():
                frame = max(event.frame, self._first_frame or 0)  # a format may keep none before
                self.writer.mark(frame, event.window, event.text)

    def _note_begin(self, first: int, clock: WallClock) -> None:
        if first == self._first_frame:
            self.writer.began(clock.at(first))

    def _holds(self, frame: int) -> bool:
        """Whether a window that begins at `frame` belongs to the recording."""
        if self._skipping:
            self._skipping = self._first_frame is None or frame < self._first_frame
        return not self._skipping

    def _new_frames(self, first: int, count: int) -> tuple[int, int]:
        """Return first and end of the frames that have not been written."""
        if self._first_frame is None:
            self._first_frame = self._next_frame = -(-first // self._hop) * self._hop
        start, stop = max(self._next_frame, first), first + count
        self._next_frame = max(self._next_frame, stop)
        return start, stop


def _path_of(board: BoardFacts) -> Path:
    """Return a file name of model, port and time. The model's name comes from the wire."""
    parts = (board.model, board.name or Path(board.port).name, time.strftime("%Y%m%d-%H%M%S"))
    return Path(
        "-".join(re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-") for part in parts) + ".csv"
    )


def model_of(event: Started) -> str:
    """Return the hash and the name of the board's model."""
    return f"{event.board.model_hash} {event.board.model}"

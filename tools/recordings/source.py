"""A recording as the source of a stream: its counts and labels by absolute frame index."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data.files.gaps import frames_lost
from training.data.recording import Recording

Counts = NDArray[np.int16]  # [frames, channels]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Origin and signal of the samples; each tuple has one entry per channel."""

    name: str
    description: str
    simulated: bool
    frames: int
    labelled: bool
    channels: tuple[str, ...]
    units: tuple[str, ...]
    gain: tuple[float, ...]
    offset: tuple[int, ...]
    rate_hz: float | None

    @property
    def noun(self) -> str:
        """The word for one window: "beat" if a channel is an ECG, else "window"."""
        return "beat" if any("ecg" in name.lower() for name in self.channels) else "window"


@dataclass(frozen=True, eq=False)
class Source:
    """Counts int16 [frames, channels] with labels int8 [frames], by absolute frame index.

    With `repeat`, frame n is frame n modulo the length, without end.
    """

    facts: SourceFacts
    counts: Counts
    labels: NDArray[np.int8]
    identity: str  # equal for equal samples; a board's unfinished stream is recognised by it
    repeat: bool = False
    missing: NDArray[np.bool_] | None = None  # [frames]: no sample was taken; None: none missing

    @property
    def frames(self) -> int | None:
        """Number of frames; None if the source repeats."""
        return None if self.repeat else len(self.counts)

    def take(self, first: int, count: int) -> Counts:
        """Return up to `count` frames from absolute frame `first`.

        The result is shorter at the end of the source and before a missing sample.
        """
        indices = self._indices(first, count)
        counts = self.counts[indices]
        if self.missing is None:
            return counts
        missing = self.missing[indices]
        return counts[: int(missing.argmax())] if missing.any() else counts

    def gap(self, first: int) -> int:
        """Return the number of consecutive missing frames from absolute frame `first` on."""
        if self.missing is None or not self.missing[self._indices(first, 1)].all():
            return 0
        rest = self.missing[first % len(self.missing) :] if self.repeat else self.missing[first:]
        return len(rest) if rest.all() else int(rest.argmin())

    def frame_labels(self, first: int, count: int) -> NDArray[np.int8]:
        """Return the labels of `count` frames from `first`, int8 [frames]."""
        return self.labels[self._indices(first, count)]

    def label(self, first: int, count: int) -> int:
        """Return the label of the window of `count` frames from `first`.

        As in training: ABNORMAL if any frame is abnormal, NORMAL if all are normal, else UNKNOWN.
        """
        labels = self.frame_labels(first, count)
        if self.missing is not None and self.missing[self._indices(first, count)].any():
            return UNKNOWN
        if (labels == ABNORMAL).any():
            return ABNORMAL
        return NORMAL if len(labels) == count and (labels == NORMAL).all() else UNKNOWN

    def _indices(self, first: int, count: int) -> NDArray[np.int64] | slice:
        stop = first + count
        if self.repeat and stop > len(self.counts):
            return np.arange(first, stop) % len(self.counts)
        return slice(first, stop)


def with_gaps(
    recording: Recording, window: int, hop: int
) -> tuple[Recording, NDArray[np.bool_] | None]:
    """Return a recording with missing frames at its cuts, and which these are, bool [frames].

    No window of a stream then crosses a cut, and windows begin where those of training do.
    """
    if not len(recording.cuts):
        return recording, None
    lost = frames_lost(recording.cuts, np.zeros(len(recording.cuts), np.int64), window, hop)
    at = np.repeat(recording.cuts, lost)
    missing = np.insert(np.zeros(recording.frames, np.bool_), at, True)
    stream = replace(
        recording,
        counts=np.insert(recording.counts, at, 0, axis=0),
        labels=np.insert(recording.labels, at, UNKNOWN),
        classes=None if recording.classes is None else np.insert(recording.classes, at, 0),
        cuts=np.empty(0, np.int64),
    )
    return stream, missing


def of_recording(
    recording: Recording, repeat: bool = False, missing: NDArray[np.bool_] | None = None
) -> Source:
    """Return a recording as a source.

    Args:
        missing: bool [frames], true where no sample was taken.

    Raises:
        DataError: the recording is empty.
    """
    if recording.frames == 0:
        raise DataError(f"{recording.name}: holds no frames, so there is nothing to stream")
    facts = SourceFacts(
        name=recording.name,
        description=recording.description,
        simulated=recording.simulated,
        frames=recording.frames,
        labelled=bool((recording.labels != UNKNOWN).any()),
        channels=recording.channels,
        units=recording.units,
        gain=recording.gain,
        offset=recording.offset,
        rate_hz=recording.rate_hz,
    )
    counts = np.ascontiguousarray(recording.counts)
    if missing is not None and not missing.any():
        missing = None
    return Source(facts, counts, recording.labels, recording.sha256, repeat, missing)

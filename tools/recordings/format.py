"""The interface of a recording format: how to read its samples and scores, and how to write it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from tools.recordings.source import Counts, SourceFacts
from training.bundle.errors import DataError
from training.bundle.manifest import Signal
from training.data.recording import Recording

BEGAN = "# began:"  # a comment of text formats: date and time of the first frame
MODEL = "# model:"  # a comment of text formats: hash and name of the model that gave the scores


class ScoredWindow(Protocol):
    """The values of a scored window that a recording stores."""

    @property
    def index(self) -> int: ...
    @property
    def first_frame(self) -> int: ...
    @property
    def score(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    @property
    def flag(self) -> bool: ...
    @property
    def microseconds(self) -> int: ...
    @property
    def label(self) -> int: ...


def with_zone(ts: int) -> str:
    """Return Unix milliseconds as date and time with the zone of this computer (ISO 8601)."""
    return datetime.fromtimestamp(ts / 1000).astimezone().isoformat(timespec="milliseconds")


class Writer(Protocol):
    """Writes one recording. Every method may raise OSError.

    Frames arrive in order, each once, from the start of a window on.
    """

    path: Path

    def begin(self, source: SourceFacts, model: str, hop: int) -> None:
        """Store the signal's description, the model's hash and name, and the hop in frames."""

    def samples(self, first: int, counts: Counts, labels: NDArray[np.int8]) -> None:
        """Append frames, int16 [frames, channels], with labels int8 [frames]."""

    def missing(self, first: int, count: int, reason: str) -> None:
        """Append `count` frames of which no sample was taken."""

    def began(self, ts: int) -> None:
        """Note the time of the first frame, in Unix milliseconds; called before it is appended."""

    def scored(self, window: ScoredWindow, ts: int) -> None:
        """Append a window's score; `ts` is the time of its first frame, in Unix milliseconds."""

    def lost(self, first: int, count: int, reason: str) -> None:
        """Append `count` windows without a score."""

    def mark(self, frame: int, window: int, text: str) -> None:
        """Append a mark of the user."""

    def close(self) -> None:
        """Complete the files."""


@dataclass(frozen=True, eq=False)
class RecordedScores:
    """The scores of a recording."""

    samples: Path  # file with the samples that gave the scores
    windows: NDArray[np.int64]  # int64 [n], counted from the recording's first window
    scores: NDArray[np.float32]  # float32 [n]
    model: str = ""  # hash and name of the model; empty if the recording does not name it

    def __post_init__(self) -> None:
        if not len(self.scores):
            raise DataError(f"{self.samples}: no window was scored, so there is nothing to compare")


@dataclass(frozen=True)
class Format:
    """A recording format."""

    suffix: str  # of the file that names a recording
    # Samples in the counts of a bundle's signal, and which are missing, bool [frames] (None: none).
    # Raises DataError.
    read: Callable[[Path, Signal], tuple[Recording, NDArray[np.bool_] | None]]
    # Scores of a recording of the monitor. Raises DataError.
    read_scores: Callable[[Path], RecordedScores]
    write: Callable[[Path], Writer]  # a writer to a new recording. Raises OSError or DataError.
    # all files that a recording of this name may consist of
    files: Callable[[Path], Sequence[Path]]


def create(path: Path, mode: str) -> Any:
    """Open a new file of a recording: `mode` is "w" for UTF-8 text or "w+b".

    A symbolic link is not followed, so that none can redirect the recording.

    Raises:
        OSError: the file cannot be written, or is a symbolic link.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    return open(path, mode, opener=_not_a_link, **text)  # type: ignore[call-overload]


def _not_a_link(path: str, flags: int) -> int:
    # A platform without this flag lets only administrators make links.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def counted_from_first(windows: NDArray[np.int64], lost: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return window indices counted from the first window that was scored or lost."""
    all_windows = np.concatenate([windows, lost]).astype(np.int64)
    return windows.astype(np.int64) - (int(all_windows.min()) if len(all_windows) else 0)


def close_counts(file: BinaryIO, channels: int) -> tuple[Counts, OSError | None]:
    """Close a file of little-endian int16.

    Returns its whole frames, int16 [frames, channels], and why the last ones are missing: the disk
    may be full.
    """
    problem = None
    try:
        file.flush()
    except OSError as failure:
        problem = failure
    size = os.fstat(file.fileno()).st_size // (2 * channels) * channels
    counts = np.frombuffer(os.pread(file.fileno(), 2 * size, 0), "<i2")
    with contextlib.suppress(OSError):
        file.close()
    return counts.reshape(-1, channels).astype(np.int16), problem

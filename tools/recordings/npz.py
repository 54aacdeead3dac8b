"""Recordings as one NumPy archive, `NAME.npz`, which is written when the recording ends.

Arrays: counts int16 [frames, channels], label int8 and missing bool [frames], rate_hz, simulated,
model; one entry per scored window in window, score, threshold, flag and microseconds; and the
indices of the lost windows in lost. Where a sample is missing, the last one is repeated.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from array import array
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.recordings.format import (
    Format,
    RecordedScores,
    ScoredWindow,
    close_counts,
    counted_from_first,
)
from tools.recordings.source import Counts, SourceFacts
from training.bundle import unpack_arrays
from training.bundle.errors import BundleError, DataError
from training.bundle.files import MAX_ARCHIVE_BYTES
from training.bundle.labels import UNKNOWN
from training.bundle.manifest import Signal
from training.data.recording import Recording


class NpzWriter:
    """Keeps samples in an unnamed file beside `path` and writes the archive in `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # On disk, because a recording may be long; unnamed, so that it disappears with the process.
        self._counts = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
        self._labels = bytearray()
        self._missing = bytearray()
        self._last_frame = b""
        self._window, self._lost = array("q"), array("q")
        self._score, self._threshold = array("f"), array("f")
        self._flag, self._microseconds = array("b"), array("q")
        self._began, self._ts = 0, array("q")
        self._source: SourceFacts | None = None
        self._model = ""

    def begin(self, source: SourceFacts, model: str, hop: int) -> None:
        self._source, self._model = source, model
        self._last_frame = bytes(2 * len(source.channels))

    def samples(self, first: int, counts: Counts, labels: NDArray[np.int8]) -> None:
        data = np.ascontiguousarray(counts, "<i2").tobytes()
        self._counts.write(data)
        self._last_frame = data[-2 * counts.shape[1] :]
        self._missing += bytes(len(counts))
        self._labels += labels.astype(np.int8).tobytes()

    def missing(self, first: int, count: int, reason: str) -> None:
        self._counts.write(self._last_frame * count)
        self._labels += np.full(count, UNKNOWN, np.int8).tobytes()
        self._missing += b"\1" * count

    def began(self, ts: int) -> None:
        self._began = ts

    def scored(self, window: ScoredWindow, ts: int) -> None:
        self._ts.append(ts)
        self._window.append(window.index)
        self._score.append(window.score)
        self._threshold.append(window.threshold)
        self._flag.append(window.flag)
        self._microseconds.append(window.microseconds)

    def lost(self, first: int, count: int, reason: str) -> None:
        self._lost.extend(range(first, first + count))

    def mark(self, frame: int, window: int, text: str) -> None:
        pass  # this format holds no marks

    def close(self) -> None:
        """Write the archive, complete or not at all; on a full disk, with the samples that fit."""
        channels = len(self._source.channels) if self._source else 1
        counts, problem = close_counts(self._counts, channels)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.npz")
        try:
            self._save(partial, counts)
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)
        if problem is not None:
            raise problem

    def _save(self, path: Path, counts: Counts) -> None:
        rate = self._source.rate_hz if self._source and self._source.rate_hz else 0.0
        np.savez_compressed(
            path,
            counts=counts,
            label=np.frombuffer(bytes(self._labels), np.int8)[: len(counts)],
            missing=np.frombuffer(bytes(self._missing), np.bool_)[: len(counts)],
            rate_hz=np.float64(rate),
            simulated=np.bool_(bool(self._source and self._source.simulated)),
            model=np.str_(self._model),
            window=np.asarray(self._window, np.int64),
            score=np.asarray(self._score, np.float32),
            threshold=np.asarray(self._threshold, np.float32),
            flag=np.asarray(self._flag, np.bool_),
            microseconds=np.asarray(self._microseconds, np.int64),
            lost=np.asarray(self._lost, np.int64),
            began=np.int64(self._began),
            ts=np.asarray(self._ts, np.int64),
        )


def is_own(path: Path) -> bool:
    """Return whether this may be a recording of the monitor: no archive of other arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"counts.npy", "label.npy"} & set(archive.namelist()) != set()
    except (OSError, zipfile.BadZipFile):
        return True  # the reader says why not


def read(path: Path, signal: Signal) -> tuple[Recording, NDArray[np.bool_] | None]:
    """Return the samples of a recording, and which are missing, bool [frames]."""
    arrays = _load(path, ("counts", "label", "rate_hz", "simulated"), optional="missing")
    rate = float(arrays["rate_hz"])
    missing = arrays["missing"].astype(np.bool_) if "missing" in arrays else None
    if missing is not None and missing.shape != arrays["counts"].shape[:1]:
        raise DataError(f"{path}: not a recording of the monitor ('missing' has another length)")
    try:
        recording = Recording(
            name=path.name,
            description=f"{path.name}: a recording of the monitor",
            counts=arrays["counts"],
            labels=arrays["label"],
            channels=tuple(signal.channels),
            units=tuple(signal.units),
            gain=tuple(signal.gain),
            offset=tuple(signal.offset),
            rate_hz=rate if rate > 0 else None,
            rate_is_nominal=signal.rate_is_nominal,
            simulated=bool(arrays["simulated"]),
        )
    except (TypeError, ValueError) as problem:
        raise DataError(f"{path}: not a recording of this sensor: {problem}") from None
    return recording, missing


def read_scores(path: Path) -> RecordedScores:
    """Return the scores of a recording."""
    arrays = _load(path, ("window", "score", "lost"), optional="model")
    windows = counted_from_first(arrays["window"], arrays["lost"])
    scores = arrays["score"].astype(np.float32)
    return RecordedScores(path, windows, scores, str(arrays.get("model", "")))


def _load(path: Path, names: tuple[str, ...], optional: str) -> dict[str, NDArray[Any]]:
    try:
        if path.stat().st_size > MAX_ARCHIVE_BYTES:
            raise DataError(f"{path}: must have at most {MAX_ARCHIVE_BYTES} bytes")
        arrays = unpack_arrays(path.read_bytes(), str(path))
    except OSError as problem:
        raise DataError(f"{path}: {(problem.strerror or str(problem)).lower()}") from None
    except BundleError as problem:
        raise DataError(f"{problem}; it is not a recording of the monitor") from None
    absent = [name for name in names if name not in arrays]
    if absent:
        raise DataError(f"{path}: not a recording of the monitor (no array '{absent[0]}')")
    return {name: arrays[name] for name in (*names, optional) if name in arrays}


FORMAT = Format(".npz", read, read_scores, NpzWriter, lambda path: [path])

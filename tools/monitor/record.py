"""Recordings: every score, and the raw samples that gave it.

`NAME.csv` holds one row a window; beside it, `NAME.samples.csv` holds the samples in their units,
in the form that the `csv` data set reads, so that it replays. `NAME.npz` holds both, the samples
as counts. Samples that were not taken have a place all the same, so that a row's number is its
time: there the last sample is held, and a comment (`# missing: ROW COUNT`) or the array `missing`
says so. A CSV is whole after every line; a .npz is put together at the end, from
a file without a name, and appears in one step.

The samples begin at a multiple of the hop, so that a replay cuts the same windows. When the
stream begins again at an earlier frame (a reset), so does the recording.
"""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from tools.monitor.events import (
    Event,
    Marked,
    Restarted,
    SamplesLost,
    SamplesSent,
    SourceFacts,
    Started,
    WindowScored,
    WindowsLost,
)
from training.bundle.errors import DataError
from training.bundle.labels import UNKNOWN

if TYPE_CHECKING:
    from tools.monitor.views import View

COLUMNS = ("window", "first_frame", "score", "threshold", "flag", "microseconds", "label", "note")
SIMULATED = "# simulated: true"  # a line of a CSV: what follows was made by a program
MODEL = "# model:"  # then the hash and name of the model that scored them
MISSING = "# missing:"  # then row and count: those rows stand for samples that were not taken
Labels = Callable[[int, int], NDArray[np.int8]]  # first frame and count to one label a frame


def samples_path(path: Path) -> Path:
    """Where the samples of a .csv recording go."""
    return path.with_name(f"{path.stem}.samples.csv")


def check_record(path: Path, source: Path | None, overwrite: bool) -> None:
    """Raises DataError where a recording to `path` would take the place of what is there already,
    unless `overwrite`; of the `source` that is to be streamed never.
    """
    targets = [file for file in _written(path) if file.exists()]
    read = [] if source is None else _written(source) if source.suffix == ".hea" else [source]
    for target in targets:
        if any(target.samefile(file) for file in read if file.exists()):
            raise DataError(f"{target}: is what is to be streamed; record to another file")
    if targets and not overwrite:
        raise DataError(
            f"{targets[0]}: is there already; record to another file, or over it with --overwrite"
        )


def _written(path: Path) -> list[Path]:
    """Every file that a recording to `path` may write."""
    if path.suffix == ".csv":
        return [path, samples_path(path)]
    if path.suffix == ".hea":
        return [path, *(path.with_suffix(f".{name}") for name in ("csv", "dat", "flag", "label"))]
    return [path]


def open_record(path: Path, labels: Labels) -> View:
    """A view that records to `path`; its suffix, .csv, .npz or .hea (WFDB), says how.

    Raises DataError where that file cannot be written.
    """
    try:
        if path.suffix == ".csv":
            return CsvRecord(path, labels)
        if path.suffix == ".npz":
            return NpzRecord(path, labels)
        if path.suffix == ".hea":
            from tools.monitor.wfdb_record import WfdbRecord

            return WfdbRecord(path, labels)
    except OSError as problem:
        raise DataError(f"{path}: cannot be written: {problem.strerror}") from None
    raise DataError(f"{path}: a recording is a .csv, a .npz or a .hea (WFDB) file")


class Alignment:
    """Which of the frames on their way are to be written: from a window's start, each once."""

    def __init__(self) -> None:
        self.hop = 1
        self._next: int | None = None

    def fresh(self, event: SamplesSent) -> tuple[int, NDArray[np.int16]]:
        """First frame and counts of what was not written yet."""
        if self._next is None:
            self._next = -(-event.first_frame // self.hop) * self.hop
        skip = min(max(self._next - event.first_frame, 0), len(event.counts))
        first = event.first_frame + skip
        self._next = max(self._next, event.first_frame + len(event.counts))
        return first, event.counts[skip:]

    def missed(self, event: SamplesLost) -> tuple[int, int]:
        """First frame and how many of the missing frames are to have a place."""
        if self._next is None:
            self._next = -(-event.first_frame // self.hop) * self.hop
        first = max(self._next, event.first_frame)
        self._next = max(self._next, event.first_frame + event.count)
        return first, self._next - first

    def begins_again(self, event: Restarted) -> bool:
        """Whether a restart goes back behind what was written; then everything is written anew."""
        if self._next is None or event.frame >= self._next:
            return False
        self._next = None
        return True


class CsvRecord:
    """Two CSV files that grow line by line; one if `samples` are kept elsewhere."""

    def __init__(self, path: Path, labels: Labels, samples: bool = True) -> None:
        self.path, self._labels = path, labels
        self._files: list[TextIO] = []
        self._scores = self._open(path)
        self._samples = self._open(samples_path(path)) if samples else None
        self._rows = csv.writer(self._scores, lineterminator="\n")
        self._rows.writerow(COLUMNS)
        self._source: SourceFacts | None = None
        self._model = ""
        self._alignment = Alignment()

    def handle(self, event: Event) -> None:
        """Write a row, or the samples."""
        match event:
            case Started():
                self._source, self._model = event.source, model_of(event)
                self._alignment.hop = event.board.hop
                self._begin_samples()
            case SamplesSent():
                self._write_samples(event)
            case SamplesLost():
                self._hold_samples(event)
            case WindowScored():
                self._row(
                    event.index,
                    event.first_frame,
                    np.format_float_positional(np.float32(event.score), trim="0"),
                    np.format_float_positional(np.float32(event.threshold), trim="0"),
                    int(event.flag),
                    event.microseconds,
                    "" if event.label == UNKNOWN else event.label,
                    "",
                )
            case WindowsLost():
                for index in range(event.first, event.first + event.count):
                    self._row(index, "", "", "", "", "", "", f"lost: {event.reason}")
            case Marked():
                self._row(event.window, event.frame, "", "", "", "", "", f"mark: {event.text}")
            case Restarted():
                if self._alignment.begins_again(event) and self._source is not None:
                    for file in self._files:
                        file.seek(0)
                        file.truncate()
                    self._rows.writerow(COLUMNS)
                    self._begin_samples()
                self._row("", event.frame, "", "", "", "", "", f"restart: {event.reason}")

    def close(self) -> None:
        """Close both files."""
        with contextlib.ExitStack() as stack:
            for file in self._files:
                stack.callback(file.close)

    def _open(self, path: Path) -> TextIO:
        file = path.open("w", encoding="utf-8", newline="")
        self._files.append(file)
        return file

    def _row(self, *values: Any) -> None:
        self._rows.writerow(values)
        self._scores.flush()

    def _begin_samples(self) -> None:
        self._frames, self._held = 0, ""
        if self._samples is not None and self._source is not None:
            _sample_header(self._samples, self._source, self._model)

    def _write_samples(self, event: SamplesSent) -> None:
        first, counts = self._alignment.fresh(event)
        if self._source is None or self._samples is None or not len(counts):
            return
        gain, offset = np.asarray(self._source.gain), np.asarray(self._source.offset)
        values = (counts.astype(np.float64) - offset) / gain
        labels = self._labels(first, len(counts))
        lines = (
            f"{','.join(map(repr, row))},{'' if label == UNKNOWN else label}\n"
            for row, label in zip(values.tolist(), labels.tolist(), strict=True)
        )
        self._samples.writelines(lines)
        self._samples.flush()
        self._frames += len(counts)
        self._held = ",".join(map(repr, values[-1].tolist())) + ",\n"

    def _hold_samples(self, event: SamplesLost) -> None:
        _, count = self._alignment.missed(event)
        if self._source is None or self._samples is None or count <= 0:
            return
        self._samples.write(f"{MISSING} {self._frames} {count}\n")
        nothing = ",".join(["0.0"] * len(self._source.channels)) + ",\n"
        self._samples.write((self._held or nothing) * count)
        self._samples.flush()
        self._frames += count


def model_of(event: Started) -> str:
    """The hash and the name of the model on the board."""
    return f"{event.board.model_hash} {event.board.model}"


def _sample_header(out: TextIO, source: SourceFacts, model: str) -> None:
    out.write(f"# {source.description}\n")
    out.write(f"{MODEL} {model}\n")
    if source.simulated:
        out.write(f"{SIMULATED}\n")
    if source.rate_hz is not None:
        out.write(f"# rate_hz: {source.rate_hz:g}\n")
    names = [f"{c} [{u}]" for c, u in zip(source.channels, source.units, strict=True)]
    out.write(",".join([*names, "label"]) + "\n")


class NpzRecord:
    """One .npz: counts, label, missing, rate_hz, simulated, model; window, score, threshold, flag,
    microseconds; lost (window indices).
    """

    def __init__(self, path: Path, labels: Labels) -> None:
        self.path, self._labels = path, labels
        # The samples wait on disk, not in memory: a recording may be long. The file has no name, so
        # it goes with the process, however that ends.
        self._counts = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
        self._sample_labels = bytearray()
        self._missing = bytearray()
        self._held = b""
        self._window, self._lost = array("q"), array("q")
        self._score, self._threshold = array("f"), array("f")
        self._flag, self._microseconds = array("b"), array("q")
        self._columns = (
            self._window,
            self._lost,
            self._score,
            self._threshold,
            self._flag,
            self._microseconds,
        )
        self._alignment = Alignment()
        self._source: SourceFacts | None = None
        self._model = ""

    def handle(self, event: Event) -> None:
        """Keep it."""
        match event:
            case Started():
                self._source, self._model = event.source, model_of(event)
                self._alignment.hop = event.board.hop
            case SamplesSent():
                first, counts = self._alignment.fresh(event)
                data = np.ascontiguousarray(counts, "<i2").tobytes()
                self._counts.write(data)
                self._held = data[-2 * counts.shape[1] :] or self._held
                self._missing += bytes(len(counts))
                self._sample_labels += self._labels(first, len(counts)).astype(np.int8).tobytes()
            case SamplesLost() if self._source is not None:
                _, count = self._alignment.missed(event)
                self._counts.write((self._held or bytes(2 * len(self._source.channels))) * count)
                self._sample_labels += np.full(count, UNKNOWN, np.int8).tobytes()
                self._missing += b"\1" * count
            case WindowScored():
                self._window.append(event.index)
                self._score.append(event.score)
                self._threshold.append(event.threshold)
                self._flag.append(event.flag)
                self._microseconds.append(event.microseconds)
            case WindowsLost():
                self._lost.extend(range(event.first, event.first + event.count))
            case Restarted() if self._alignment.begins_again(event):
                self._counts.seek(0)
                self._counts.truncate()
                self._sample_labels.clear()
                self._missing.clear()
                for column in self._columns:
                    del column[:]

    def close(self) -> None:
        """Put the file together; of a disk that ran full, what it holds."""
        counts = take_counts(self._counts, len(self._source.channels) if self._source else 1)
        rate = self._source.rate_hz if self._source and self._source.rate_hz else 0.0
        whole = self.path.with_name(f".{self.path.name}.{os.getpid()}.npz")
        try:
            self._save(whole, counts, rate)
            whole.replace(self.path)
        finally:
            whole.unlink(missing_ok=True)

    def _save(self, path: Path, counts: NDArray[np.int16], rate: float) -> None:
        np.savez_compressed(
            path,
            counts=counts,
            label=np.frombuffer(bytes(self._sample_labels), np.int8)[: len(counts)],
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
        )


def take_counts(file: BinaryIO, channels: int) -> NDArray[np.int16]:
    """Whole frames, int16 [frames, channels], of a file of counts, which is closed."""
    with contextlib.suppress(OSError):  # a full disk: what is there must do
        file.flush()
    size = os.fstat(file.fileno()).st_size // (2 * channels) * channels
    counts = np.frombuffer(os.pread(file.fileno(), 2 * size, 0), "<i2")
    with contextlib.suppress(OSError):
        file.close()
    return counts.reshape(-1, channels).astype(np.int16)

"""Recordings in PhysioNet's format (WFDB), which most ECG programs read.

`NAME.hea` is the header and `NAME.dat` holds the counts (format 16). `NAME.flag` has each flagged
window, lost window and mark as a comment at its first frame. `NAME.label` has the labels, if the
source has any, as rhythm changes `(NORMAL`, `(ABNORMAL` and `(UNKNOWN`. `NAME.csv` has the scores.

The header's gain and baseline are the bundle's gain and offset, so a replay streams the recorded
counts. A missing sample is -32768, as WFDB specifies, and a comment of the header says that some
are missing. Other programs also read a true count of -32768 as missing.

The formats are specified at https://wfdb.io/spec.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import tempfile
from datetime import datetime
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from tools.recordings.compatibility import check_channels, check_units
from tools.recordings.csv import ScoreTable, read_score_table
from tools.recordings.format import (
    BEGAN,
    MODEL,
    Format,
    RecordedScores,
    ScoredWindow,
    close_counts,
    create,
    with_zone,
)
from tools.recordings.source import Counts, SourceFacts
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.bundle.manifest import Signal
from training.bundle.regular_file import read_regular
from training.bundle.wording import plural
from training.data.files.wfdb_files import HEADER, check_annotations, check_record
from training.data.recording import Recording, to_counts

FLAGS, LABELS = "flag", "label"  # the annotators
NO_RATE = "no sample rate"  # a comment: WFDB requires a rate
SIMULATED = "simulated signal"
MISSING = "missing samples are -32768"
INVALID = -32768  # a missing sample in format 16
RESERVE = 1 << 15  # bytes of signal dropped on a full disk to store header and annotations
WORDS = {NORMAL: "(NORMAL", ABNORMAL: "(ABNORMAL", UNKNOWN: "(UNKNOWN"}


def _wfdb() -> ModuleType:
    """Import the package `wfdb` only when it is used: the import takes 1.5 s."""
    return importlib.import_module("wfdb")


class WfdbWriter:
    """Appends signal and scores as they arrive; writes header and annotations in `close`."""

    def __init__(self, path: Path) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", path.stem):
            raise DataError(
                f"{path}: the name of a WFDB record may have letters, digits, _ and - only"
            )
        self.path = path
        self._scores = ScoreTable(path.with_suffix(".csv"))
        try:
            self._signal = create(path.with_suffix(".dat"), "w+b")
        except OSError:
            self._scores.close()
            raise
        self._source: SourceFacts | None = None
        self._model, self._hop = "", 1
        self._first: int | None = None  # absolute index of the recording's first frame
        self._began = 0  # its time, in Unix milliseconds
        self._missing = 0
        self._notes: list[tuple[int, str]] = []
        self._label_changes: list[tuple[int, str]] = []

    def begin(self, source: SourceFacts, model: str, hop: int) -> None:
        self._source, self._model, self._hop = source, model, hop

    def samples(self, first: int, counts: Counts, labels: NDArray[np.int8]) -> None:
        self._append(first, counts)
        if self._source is None or not self._source.labelled:
            return
        for change in (0, *(np.flatnonzero(np.diff(labels)) + 1).tolist()):
            word = WORDS[int(labels[change])]
            if not self._label_changes or self._label_changes[-1][1] != word:
                self._label_changes.append((first + change, word))

    def missing(self, first: int, count: int, reason: str) -> None:
        if self._source is None:
            return
        self._append(first, np.full((count, len(self._source.channels)), INVALID, np.int16))
        self._missing += count
        self._notes.append((first, f"MISSING {count} {plural('sample', count)}: {reason}"))

    def began(self, ts: int) -> None:
        self._began = ts

    def scored(self, window: ScoredWindow, ts: int) -> None:
        self._scores.scored(window, ts)
        if window.flag:
            values = f"score {window.score:.4g} threshold {window.threshold:.4g}"
            self._notes.append((window.first_frame, f"ANOMALY window {window.index} {values}"))

    def lost(self, first: int, count: int, reason: str) -> None:
        self._scores.lost(first, count, reason)
        self._notes.append((first * self._hop, f"LOST {count} {plural('window', count)}: {reason}"))

    def mark(self, frame: int, window: int, text: str) -> None:
        self._scores.note(window, frame, f"mark: {text}")
        self._notes.append((frame, f"MARK {text}"))

    def close(self) -> None:
        """Write header and annotations; on a full disk, for the signal that fits beside them."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._scores.close)
            channels = len(self._source.channels) if self._source else 1
            counts, problem = close_counts(self._signal, channels)
            try:
                self._describe(counts)
            except OSError:
                counts = counts[: max(len(counts) - RESERVE // (2 * channels), 0)]
                os.truncate(self.path.with_suffix(".dat"), counts.nbytes)
                self._describe(counts)
                raise
            if problem is not None:
                raise problem

    def _append(self, first: int, counts: Counts) -> None:
        if self._first is None:
            self._first = first
        self._signal.write(np.ascontiguousarray(counts, "<i2").tobytes())

    def _describe(self, counts: Counts) -> None:
        source, frames = self._source, len(counts)
        if source is not None and frames:
            _write_header(self.path, source, self._model, counts, self._missing, self._began)
            for annotator, symbol, notes in (
                (FLAGS, '"', self._notes),
                (LABELS, "+", self._label_changes),
            ):
                relative = ((frame - (self._first or 0), text) for frame, text in notes)
                inside = sorted((frame, text) for frame, text in relative if 0 <= frame < frames)
                _write_notes(self.path, annotator, symbol, inside, source.rate_hz)


def _write_header(
    path: Path, source: SourceFacts, model: str, counts: Counts, missing: int, began: int
) -> None:
    rate = source.rate_hz or 1.0
    # WFDB knows no time zone: base time and date are local, and a comment has the zone.
    base = datetime.fromtimestamp(began / 1000).strftime("%H:%M:%S.%f")[:-3]
    date = datetime.fromtimestamp(began / 1000).strftime("%d/%m/%Y")
    lines = [f"{path.stem} {len(source.channels)} {rate!r} {len(counts)} {base} {date}"]
    for c, (name, unit, gain, offset) in enumerate(
        zip(source.channels, source.units, source.gain, source.offset, strict=True)
    ):
        total = int(counts[:, c].astype(np.int64).sum())
        checksum = (total + 0x8000) % 0x10000 - 0x8000  # the sum's low 16 bits as a signed number
        unit = re.sub(r"\s", "_", unit) or "count"
        lines.append(
            f"{path.stem}.dat 16 {float(gain)!r}({offset})/{unit} 16 0 "
            f"{int(counts[0, c])} {checksum} 0 {name}"
        )
    lines += [f"# {source.description}", f"{MODEL} {model}", f"{BEGAN} {with_zone(began)}"]
    lines += [f"# {NO_RATE}"] if source.rate_hz is None else []
    lines += [f"# {SIMULATED}"] if source.simulated else []
    lines += [f"# {MISSING}"] if missing else []
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        partial = Path(file.name)
        try:
            file.write("\n".join(lines) + "\n")
            file.close()
            partial.chmod(0o644)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _write_notes(
    path: Path, annotator: str, symbol: str, notes: list[tuple[int, str]], rate: float | None
) -> None:
    if not notes:
        path.with_suffix(f".{annotator}").unlink(missing_ok=True)
        return
    _wfdb().wrann(
        path.stem,
        annotator,
        np.array([frame for frame, _ in notes]),
        [symbol] * len(notes),
        aux_note=[text[:250] for _, text in notes],
        fs=rate or 1.0,
        write_dir=str(path.parent),
    )


def read(path: Path, signal: Signal) -> tuple[Recording, NDArray[np.bool_] | None]:
    """Return a WFDB record in the counts of `signal`, and which samples are missing.

    Reads the channels that `signal` names; if it lacks one, all of its channels. Counts are kept
    if gain and baseline equal the signal's gain and offset, else converted by physical units.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    check_record(path)
    try:
        record = _wfdb().rdrecord(str(path.with_suffix("")), physical=False)
        if record.d_signal is None:
            raise ValueError("its channels have different rates")
    except Exception as problem:  # the package raises many kinds
        raise DataError(f"{path}: not a readable WFDB record ({problem})") from None
    names = tuple(record.sig_name or ())
    chosen = [names.index(c) for c in signal.channels if c in names]
    if len(chosen) != len(signal.channels):
        chosen = list(range(record.n_sig))
    chosen_names = [names[s] for s in chosen]
    check_channels(path.name, chosen_names, signal)
    check_units(path.name, chosen_names, [(record.units or [])[s] for s in chosen], signal)
    gain = np.array([record.adc_gain[s] for s in chosen])
    baseline = np.array([record.baseline[s] for s in chosen])
    digital = record.d_signal[:, chosen]
    comments = record.comments or []
    missing = (digital == INVALID).all(axis=1) if MISSING in comments else None
    if missing is not None:
        digital[missing] = baseline  # never streamed, but it must fit int16
    if np.array_equal(gain, signal.gain) and np.array_equal(baseline, signal.offset):
        counts = digital.astype(np.int16)
    else:
        counts = to_counts((digital - baseline) / gain, signal.gain, signal.offset, name=str(path))
    recording = Recording(
        name=path.name,
        description=f"{path.name}: {', '.join(chosen_names)}",
        counts=counts,
        labels=_read_labels(path, len(counts)),
        channels=tuple(signal.channels),
        units=tuple(signal.units),
        gain=tuple(signal.gain),
        offset=tuple(signal.offset),
        rate_hz=None if NO_RATE in comments else float(record.fs),
        rate_is_nominal=signal.rate_is_nominal,
        simulated=SIMULATED in comments,
    )
    return recording, missing


def is_own(path: Path) -> bool:
    """Whether the monitor wrote the record `path`."""
    try:
        text = read_regular(path, HEADER, DataError).decode("utf-8", "replace")
    except DataError:
        return False  # the reader says why
    return any(line.startswith(MODEL) for line in text.splitlines())


def _read_labels(path: Path, frames: int) -> NDArray[np.int8]:
    labels = np.full(frames, UNKNOWN, np.int8)
    file = path.with_suffix(f".{LABELS}")
    if not check_annotations(file):
        return labels
    values = {word: label for label, word in WORDS.items()}
    try:
        notes = _wfdb().rdann(str(path.with_suffix("")), LABELS)
        for frame, text in zip(notes.sample, notes.aux_note, strict=True):
            labels[max(int(frame), 0) :] = values.get(text.strip("\0"), UNKNOWN)
    except Exception as problem:  # the package raises many kinds
        raise DataError(f"{file}: not readable annotations ({problem})") from None
    return labels


def read_scores(path: Path) -> RecordedScores:
    """Return the scores of a recording of the monitor."""
    if path.is_file() and not path.with_suffix(".csv").is_file() and not is_own(path):
        raise DataError(
            f"{path}: is no recording of the monitor, so it has no scores to compare with: stream "
            "it with `vigil monitor --source`"
        )
    return read_score_table(path.with_suffix(".csv"), path)


FORMAT = Format(
    ".hea",
    read,
    read_scores,
    WfdbWriter,
    lambda path: [
        path,
        *(path.with_suffix(suffix) for suffix in (".csv", ".dat", f".{FLAGS}", f".{LABELS}")),
    ],
)

"""Recordings as PhysioNet keeps them (WFDB), which every ECG tool reads.

`NAME.hea` is the header, `NAME.dat` the counts (format 16), `NAME.flag` what happened: each flag,
lost window and mark as a comment at its first frame. `NAME.label` holds the labels where there
are any, as rhythm changes `(NORMAL`, `(ABNORMAL` and `(UNKNOWN`. Beside them, `NAME.csv` holds
every score. A header's gain and baseline are the bundle's gain and offset, so the counts that
replay are the counts that were streamed. A sample that was not taken is -32768, as WFDB has it, and
then the header says that there are such.

The formats: https://wfdb.io/spec. A count of -32768 is read by other tools as a missing value.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

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
from tools.monitor.fit import check_units
from tools.monitor.record import MODEL, Alignment, CsvRecord, Labels, model_of, take_counts
from tools.monitor.text import number
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data.recording import Recording

FLAGS, LABELS = "flag", "label"  # the annotators
NO_RATE = "no sample rate"  # in a comment: WFDB knows no such thing
SIMULATED = "simulated signal"
MISSING = "missing samples are -32768"
INVALID = -32768  # WFDB's sign, in format 16, for a sample that is not there
SPARE = 1 << 15  # bytes of signal given up for header and annotations on a disk that is full
WORDS = {NORMAL: "(NORMAL", ABNORMAL: "(ABNORMAL", UNKNOWN: "(UNKNOWN"}


class WfdbRecord:
    """Signal and scores grow as they come; header and annotations are written at the end."""

    def __init__(self, path: Path, labels: Labels) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", path.stem):
            raise DataError(f"{path}: a WFDB record's name holds letters, digits, _ and - only")
        self.path, self._labels = path, labels
        self._scores = CsvRecord(path.with_suffix(".csv"), labels, samples=False)
        self._signal = path.with_suffix(".dat").open("w+b")
        self._alignment = Alignment()
        self._source: SourceFacts | None = None
        self._model = ""
        self._clear()

    def _clear(self) -> None:
        self._first: int | None = None  # the frame at which the recording begins
        self._frames = self._missing = 0
        self._notes: list[tuple[int, str]] = []
        self._runs: list[tuple[int, str]] = []  # where labels change

    def handle(self, event: Event) -> None:
        """Write the samples and the score, or keep the note."""
        self._scores.handle(event)
        match event:
            case Started():
                self._source, self._alignment.hop = event.source, event.board.hop
                self._model = model_of(event)
            case SamplesSent():
                self._samples(event)
            case SamplesLost():
                self._hold(event)
            case WindowScored() if event.flag:
                ratio = f"score {number(event.score)} threshold {number(event.threshold)}"
                self._notes.append((event.first_frame, f"ANOMALY window {event.index} {ratio}"))
            case WindowsLost():
                frame = event.first * self._alignment.hop
                self._notes.append((frame, f"LOST {event.count} windows: {event.reason}"))
            case Marked():
                self._notes.append((event.frame, f"MARK {event.text}"))
            case Restarted() if self._alignment.begins_again(event):
                self._signal.seek(0)
                self._signal.truncate()
                self._clear()

    def close(self) -> None:
        """Header and annotations; of a disk that ran full, for what it holds."""
        source = self._source
        with contextlib.ExitStack() as stack:
            stack.callback(self._scores.close)
            channels = len(source.channels) if source else 1
            counts = take_counts(self._signal, channels)
            try:
                self._describe(counts)
            except OSError:
                # What says what a record holds needs a little of the room that the signal took.
                counts = counts[: max(len(counts) - SPARE // (2 * channels), 0)]
                os.truncate(self.path.with_suffix(".dat"), counts.nbytes)
                self._describe(counts)
                raise

    def _describe(self, counts: NDArray[np.int16]) -> None:
        source, self._frames = self._source, len(counts)
        if source is not None and self._frames:
            _write_header(self.path, source, self._model, counts, self._missing)
            _write_notes(self.path, FLAGS, '"', self._placed(self._notes), source.rate_hz)
            _write_notes(self.path, LABELS, "+", self._placed(self._runs), source.rate_hz)

    def _samples(self, event: SamplesSent) -> None:
        first, counts = self._alignment.fresh(event)
        if not len(counts):
            return
        if self._first is None:
            self._first = first
        self._signal.write(np.ascontiguousarray(counts, "<i2").tobytes())
        self._frames += len(counts)
        if self._source is None or not self._source.labelled:
            return
        labels = self._labels(first, len(counts))
        for place in (0, *(np.flatnonzero(np.diff(labels)) + 1).tolist()):
            word = WORDS[int(labels[place])]
            if not self._runs or self._runs[-1][1] != word:
                self._runs.append((first + place, word))

    def _hold(self, event: SamplesLost) -> None:
        first, count = self._alignment.missed(event)
        if self._source is None or count <= 0:
            return
        if self._first is None:
            self._first = first
        held = np.full((count, len(self._source.channels)), INVALID, "<i2")
        self._signal.write(held.tobytes())
        self._frames += count
        self._missing += count
        self._notes.append((first, f"MISSING {count} samples: {event.reason}"))

    def _placed(self, notes: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Frames counted from the recording's beginning; what lies outside it is left out."""
        shifted = ((frame - (self._first or 0), text) for frame, text in notes)
        return sorted((frame, text) for frame, text in shifted if 0 <= frame < self._frames)


def _write_header(
    path: Path, source: SourceFacts, model: str, counts: NDArray[np.int16], missing: int
) -> None:
    rate = source.rate_hz or 1.0
    lines = [f"{path.stem} {len(source.channels)} {rate!r} {len(counts)}"]
    for c, (name, unit, gain, offset) in enumerate(
        zip(source.channels, source.units, source.gain, source.offset, strict=True)
    ):
        total = int(counts[:, c].astype(np.int64).sum())
        checksum = (total + 0x8000) % 0x10000 - 0x8000  # the sum's low 16 bits, with a sign
        unit = re.sub(r"\s", "_", unit) or "count"
        lines.append(
            f"{path.stem}.dat 16 {float(gain)!r}({offset})/{unit} 16 0 "
            f"{int(counts[0, c])} {checksum} 0 {name}"
        )
    lines += [f"# {source.description}", f"{MODEL} {model}"]
    lines += [f"# {NO_RATE}"] if source.rate_hz is None else []
    lines += [f"# {SIMULATED}"] if source.simulated else []
    lines += [f"# {MISSING}"] if missing else []
    whole = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        whole.write_text("\n".join(lines) + "\n", encoding="utf-8")
        whole.replace(path)
    finally:
        whole.unlink(missing_ok=True)


def _write_notes(
    path: Path, annotator: str, symbol: str, notes: list[tuple[int, str]], rate: float | None
) -> None:
    place = path.with_suffix(f".{annotator}")
    if not notes:
        place.unlink(missing_ok=True)
        return
    import wfdb  # a second and a half, which a monitor need not pay at its start

    wfdb.wrann(
        path.stem,
        annotator,
        np.array([frame for frame, _ in notes]),
        [symbol] * len(notes),
        aux_note=[text[:250] for _, text in notes],
        fs=rate or 1.0,
        write_dir=str(path.parent),
    )


@dataclass(frozen=True)
class Signal:
    """What counts mean where they are going to be streamed: one entry a channel."""

    channels: tuple[str, ...]
    units: tuple[str, ...]
    gain: tuple[float, ...]
    offset: tuple[int, ...]
    rate_hz: float | None
    rate_is_nominal: bool


def read_wfdb(path: Path, signal: Signal) -> tuple[Recording, NDArray[np.bool_] | None]:
    """A WFDB record, from here or anywhere, as counts of `signal`; and which samples are missing,
    bool [frames], if it says that some are.

    The channels of these names, or all if it has as many. Counts are taken as they are where gain
    and baseline are the signal's own, else by way of physical units. Raises DataError.
    """
    import wfdb

    from training.data.recording import to_counts

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    name = str(path.with_suffix(""))
    try:
        record = wfdb.rdrecord(name, physical=False)
        if record.d_signal is None:
            raise ValueError("it has no signal of one rate")
    except Exception as problem:  # the reader's own errors are of many kinds
        raise DataError(f"{path}: is no WFDB record that can be read ({problem})") from None
    names = tuple(record.sig_name or ())
    chosen = [names.index(c) for c in signal.channels if c in names]
    if len(chosen) != len(signal.channels):
        chosen = list(range(record.n_sig))
    if len(chosen) == len(signal.channels):
        units = [(record.units or [])[s] for s in chosen]
        check_units(path.name, [names[s] for s in chosen], units, signal)
    same = len(chosen) == len(signal.channels) and all(
        record.adc_gain[s] == signal.gain[c] and record.baseline[s] == signal.offset[c]
        for c, s in enumerate(chosen)
    )
    digital = record.d_signal[:, chosen]
    comments = record.comments or []
    missing = (digital == INVALID).all(axis=1) if MISSING in comments else None
    if missing is not None:  # nobody looks at what stands there, but it must fit the counts
        digital[missing] = [record.baseline[s] for s in chosen]
    if same:
        counts = digital.astype(np.int16)
    elif len(chosen) == len(signal.channels):
        gain = np.array([record.adc_gain[s] for s in chosen])
        baseline = np.array([record.baseline[s] for s in chosen])
        counts = to_counts((digital - baseline) / gain, signal.gain, signal.offset, name=str(path))
    else:
        raise DataError(
            f"{path}: {len(chosen)} channels ({', '.join(names)}), but the model was trained on "
            f"{len(signal.channels)} ({', '.join(signal.channels)})"
        )
    recording = Recording(
        name=path.name,
        description=f"{path.name}: {', '.join(names[s] for s in chosen)}",
        counts=counts,
        labels=_read_labels(path, len(counts)),
        channels=signal.channels,
        units=signal.units,
        gain=signal.gain,
        offset=signal.offset,
        rate_hz=None if NO_RATE in comments else float(record.fs),
        rate_is_nominal=signal.rate_is_nominal,
        simulated=SIMULATED in comments,
    )
    return recording, missing


def _read_labels(path: Path, frames: int) -> NDArray[np.int8]:
    labels = np.full(frames, UNKNOWN, np.int8)
    if not path.with_suffix(f".{LABELS}").is_file():
        return labels
    import wfdb

    notes = wfdb.rdann(str(path.with_suffix("")), LABELS)
    values = {word: label for label, word in WORDS.items()}
    for at, text in zip(notes.sample, notes.aux_note, strict=True):
        labels[int(at) :] = values.get(text.strip("\0"), UNKNOWN)
    return labels

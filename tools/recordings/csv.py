"""Recordings as two CSV files, and tables of samples from any other program.

`NAME.csv` has one row per window. Beside it, `NAME.samples.csv` has the samples in physical units,
in the form that the data set `csv` reads. Both are complete after every line.

A row's number in the table of samples is its time. Where a sample is missing, the last one is
repeated, and a comment `# missing: ROW COUNT` says so.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from tools.recordings.compatibility import check_channels, check_units
from tools.recordings.format import (
    BEGAN,
    MODEL,
    Format,
    RecordedScores,
    ScoredWindow,
    counted_from_first,
    create,
    with_zone,
)
from tools.recordings.source import Counts, SourceFacts
from training.bundle.errors import DataError
from training.bundle.labels import UNKNOWN
from training.bundle.manifest import Signal
from training.bundle.regular_file import check_regular
from training.bundle.wording import plural
from training.data.files.counts import Range, to_int16
from training.data.files.gaps import with_gaps
from training.data.files.options import Options
from training.data.files.table import read_table
from training.data.recording import Recording

COLUMNS = (
    "window",
    "first_frame",
    "score",
    "threshold",
    "flag",
    "microseconds",
    "label",
    "note",
    "ts",
)
SIMULATED = "# simulated: true"
MISSING = "# missing:"  # then the first missing row, and how many follow

MAX_SCORES_BYTES = 1 << 30  # the largest table of scores that is read


def samples_path(path: Path) -> Path:
    """Return the path of the samples of a .csv recording."""
    return path.with_name(f"{path.stem}.samples.csv")


class ScoreTable:
    """One row per window, each written at once."""

    def __init__(self, path: Path) -> None:
        self._file = create(path, "w")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def scored(self, window: ScoredWindow, ts: int) -> None:
        """Write a score, and the time of its first frame in Unix milliseconds.

        The decimal score and threshold read back as the same float32.
        """
        self._row(
            window.index,
            window.first_frame,
            np.format_float_positional(np.float32(window.score), trim="0"),
            np.format_float_positional(np.float32(window.threshold), trim="0"),
            int(window.flag),
            window.microseconds,
            "" if window.label == UNKNOWN else window.label,
            "",
            ts,
        )

    def note(self, window: int, frame: int | str, text: str) -> None:
        """Write a row without a score."""
        self._row(window, frame, "", "", "", "", "", text, "")

    def lost(self, first: int, count: int, reason: str) -> None:
        """Write one row per lost window."""
        for index in range(first, first + count):
            self.note(index, "", f"lost: {reason}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _row(self, *values: object) -> None:
        self._rows.writerow(values)
        self._file.flush()


class CsvWriter:
    """Writes the scores to `path` and the samples beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._scores = ScoreTable(path)
        try:
            self._samples = create(samples_path(path), "w")
        except OSError:
            self._scores.close()
            raise
        self._source: SourceFacts | None = None
        self._model = ""
        self._frames = 0
        self._last_row = ""

    def begin(self, source: SourceFacts, model: str, hop: int) -> None:
        self._source, self._model = source, model
        self._write_header(source)

    def samples(self, first: int, counts: Counts, labels: NDArray[np.int8]) -> None:
        if self._source is None:
            return
        gain, offset = np.asarray(self._source.gain), np.asarray(self._source.offset)
        values = (counts.astype(np.float64) - offset) / gain
        self._samples.writelines(
            f"{','.join(map(repr, row))},{'' if label == UNKNOWN else label}\n"
            for row, label in zip(values.tolist(), labels.tolist(), strict=True)
        )
        self._samples.flush()
        self._frames += len(counts)
        self._last_row = ",".join(map(repr, values[-1].tolist())) + ",\n"

    def missing(self, first: int, count: int, reason: str) -> None:
        self._samples.write(f"{MISSING} {self._frames} {count}\n")
        self._samples.write(self._last_row * count)
        self._samples.flush()
        self._frames += count

    def began(self, ts: int) -> None:
        self._samples.write(f"{BEGAN} {with_zone(ts)}\n")

    def scored(self, window: ScoredWindow, ts: int) -> None:
        self._scores.scored(window, ts)

    def lost(self, first: int, count: int, reason: str) -> None:
        self._scores.lost(first, count, reason)

    def mark(self, frame: int, window: int, text: str) -> None:
        self._scores.note(window, frame, f"mark: {text}")

    def close(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._scores.close)
            stack.callback(self._samples.close)

    def _write_header(self, source: SourceFacts) -> None:
        self._frames, self._last_row = 0, ",".join(["0.0"] * len(source.channels)) + ",\n"
        out: TextIO = self._samples
        out.write(f"# {source.description}\n{MODEL} {self._model}\n")
        if source.simulated:
            out.write(f"{SIMULATED}\n")
        if source.rate_hz is not None:
            out.write(f"# rate_hz: {source.rate_hz:g}\n")
        names = [f"{c} [{u}]" for c, u in zip(source.channels, source.units, strict=True)]
        out.write(",".join([*names, "label"]) + "\n")


def read(path: Path, signal: Signal) -> tuple[Recording, NDArray[np.bool_] | None]:
    """Return a table of samples in physical units, and which are missing, bool [frames]."""
    return read_as(path, signal, Options(), window=1, hop=1)


def read_as(
    path: Path, signal: Signal, options: Options, window: int, hop: int, pieces: bool = False
) -> tuple[Recording, NDArray[np.bool_] | None]:
    """Return a file of any format in physical units, and which frames are missing, bool [frames].

    Args:
        signal: the signal that the model was trained on.
        options: how the file is read; a recording by the monitor has no values to leave out.
        window: frames per window; none holds frames from both sides of a gap.
        hop: frames from one window to the next.
        pieces: the model was trained on single heartbeats, which lie end to end.

    Raises:
        DataError: the file cannot be read, its channels or units are not the model's, or it is
            continuous and the model was trained on pieces.
    """
    comments = _comments(path)
    own = any(line.startswith(MODEL) for line in comments)
    if own:
        options = options.model_copy(update={"missing": []})
    table = read_table(path, options, label_optional=True, prefer=signal.channels)
    check_channels(path.name, table.channels, signal)
    check_units(path.name, table.channels, table.units, signal)
    if pieces and table.clock is not None and table.clock.rate_hz is not None:
        raise DataError(
            f"{path}: a continuous signal, because it has a clock, but the model was trained on "
            f"heartbeats cut one by one at R: cut it into pieces of {window} frames without a "
            "clock, or train a model of continuous ECG (vigil train ecg), which finds its own beats"
        )
    taken = f"; taken for pieces of {window} frames, end to end" if pieces and not own else ""
    values, labels, missing = with_gaps(table, _missing(path, len(table.values)), window, hop)
    ranges = [Range(g, o) for g, o in zip(signal.gain, signal.offset, strict=True)]
    counts, limited = to_int16(values, ranges)
    cut = int(limited.sum())
    beyond = f"; {cut:,} {plural('value', cut)} limited to int16" if cut else ""
    rate = table.sheet.rate_hz or options.rate_hz
    if rate is None and table.rate_hz is not None and signal.rate_hz is not None:
        # A clock is less exact than a declared rate.
        rate = signal.rate_hz if abs(table.rate_hz / signal.rate_hz - 1) < 0.05 else table.rate_hz
    recording = Recording(
        name=path.name,
        description=f"{path.name}: {', '.join(table.channels)}{beyond}{taken}",
        counts=counts,
        labels=labels,
        channels=table.channels,
        units=tuple(signal.units),
        gain=tuple(signal.gain),
        offset=tuple(signal.offset),
        rate_hz=rate if rate is not None else signal.rate_hz,
        rate_is_nominal=signal.rate_is_nominal,
        simulated=any(line.strip() == SIMULATED for line in comments),
    )
    return recording, missing


def _comments(path: Path) -> list[str]:
    """Return the comments above the header."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return list(itertools.takewhile(lambda line: line.startswith("#"), file))
    except OSError:
        return []  # the reader says why


def _missing(path: Path, frames: int) -> NDArray[np.bool_]:
    missing = np.zeros(frames, np.bool_)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.startswith(MISSING):
                try:
                    first, count = (int(word) for word in line[len(MISSING) :].split())
                except ValueError:
                    raise DataError(
                        f"{path}: '{line.strip()}' should give the first missing row and how many"
                    ) from None
                missing[max(first, 0) : max(first, 0) + max(count, 0)] = True
    return missing


def read_scores(path: Path) -> RecordedScores:
    """Return the scores of a recording; its samples must lie beside it."""
    samples = samples_path(path)
    if not samples.is_file():
        raise DataError(f"{path}: {samples.name} is not beside it, so there are no samples to play")
    return read_score_table(path, samples)


def read_score_table(path: Path, samples: Path) -> RecordedScores:
    """Return the scores in the table `path`, and the model that a comment of `samples` names."""
    check_regular(path, MAX_SCORES_BYTES, DataError)
    windows: list[int] = []
    lost: list[int] = []
    scores: list[float] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["score"]:
                    windows.append(int(row["window"]))
                    scores.append(float(row["score"]))
                elif row["note"].startswith("lost"):
                    lost.append(int(row["window"]))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as problem:
        raise DataError(f"{path}: has no scores of the monitor ({problem})") from None
    indices = counted_from_first(np.array(windows, np.int64), np.array(lost, np.int64))
    return RecordedScores(samples, indices, np.array(scores, np.float32), _model(samples))


def _model(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            models = (line[len(MODEL) :].strip() for line in file if line.startswith(MODEL))
            return next(models, "")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path}: not a recording of the monitor ({problem})") from None


FORMAT = Format(".csv", read, read_scores, CsvWriter, lambda path: [path, samples_path(path)])

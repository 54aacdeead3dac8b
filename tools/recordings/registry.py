"""The recording formats, by suffix. A new format is one file and one entry here."""

from __future__ import annotations

from pathlib import Path

from tools.recordings import csv, npz, wfdb
from tools.recordings.format import Format, RecordedScores, Writer
from training.bundle.errors import DataError
from training.bundle.regular_file import check_regular
from training.data.files.text import LARGEST

FORMATS = {format.suffix: format for format in (csv.FORMAT, npz.FORMAT, wfdb.FORMAT)}


def format_of(path: Path) -> Format:
    """Return the format of a recording. Raises DataError for an unknown suffix."""
    try:
        return FORMATS[path.suffix]
    except KeyError:
        raise DataError(f"{path}: a recording is a file of type {', '.join(FORMATS)}") from None


def check_target(path: Path, source: Path | None, overwrite: bool) -> None:
    """Check that a recording to `path` replaces no other file.

    Raises:
        DataError: a file exists and `overwrite` is false, or it is part of `source`.
    """
    existing = [file for file in _files(path) if file.exists()]
    read: list[Path] = []
    if source is not None:  # the scores beside a table of samples are not read
        read = [source] if source.suffix == csv.FORMAT.suffix else _files(source)
    for file in existing:
        if any(file.samefile(other) for other in read if other.exists()):
            raise DataError(f"{file}: is the source of the stream; record to another file")
    for file in _files(path):
        if file.is_symlink():
            raise DataError(f"{file}: is a symbolic link; record to a file")
    if existing and not overwrite:
        raise DataError(
            f"{existing[0]}: exists; record to another file, or replace it with --overwrite"
        )


def numbered(path: Path) -> Path:
    """Return `path`, or NAME-2, NAME-3, … if files of a recording with its name exist."""
    free, number = path, 1
    while any(file.exists() or file.is_symlink() for file in _files(free)):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _files(path: Path) -> list[Path]:
    known = FORMATS.get(path.suffix)
    return [path] if known is None else list(known.files(path))


def open_writer(path: Path) -> Writer:
    """Return a writer to a new recording. Raises DataError if it cannot be written."""
    format = format_of(path)
    try:
        return format.write(path)
    except OSError as problem:
        raise DataError(f"{path}: cannot be written: {problem.strerror}") from None


def read_scores(path: Path) -> RecordedScores:
    """Return the scores of a recording. Raises DataError."""
    form = format_of(path)
    check_regular(path, LARGEST, DataError)
    if not path.exists():
        raise DataError(f"{path}: no such file")
    return form.read_scores(path)

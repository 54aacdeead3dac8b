"""Tables as text: CSV, TSV, columns of spaces, logs of a serial port; plain or gzipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from training.bundle.errors import DataError
from training.data.files.bulk import Rows
from training.data.files.dialect import find_dialect
from training.data.files.options import Options
from training.data.files.sheet import MOST_COLUMNS, Sheet
from training.data.files.text import (
    HEAD,
    decode,
    encoding_of,
    line_chunks,
    open_file,
    read_bytes,
    refuse_foreign,
)

SUFFIXES = (".csv", ".tsv", ".txt", ".dat.txt", ".log", ".tab", ".csv.gz", ".tsv.gz", ".txt.gz")
LONGEST_ROW = HEAD // 2  # bytes of a row near the beginning
LARGE = 50_000_000  # bytes above which progress is shown


def sniff(head: bytes) -> bool:
    """Return true: a file of no other format is taken for text."""
    return True


def read(path: Path, options: Options) -> Sheet:
    """Read the table; DataError names file, row, column, cause and cure."""
    with open_file(path) as file:
        head = read_bytes(path, file, HEAD)
        whole = not file.read(1) if len(head) == HEAD else True
    if not head.strip():
        raise DataError(f"{path}: is empty; the first line must name the columns")
    refuse_foreign(path, head)
    text, encoding = decode(head, encoding_of(head))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        row = text[: text.index("\x00")].count("\n") + 1
        raise DataError(f"{path}: row {row} holds NUL bytes: it is damaged, or no text file")
    long = [n for n, line in enumerate(text.split("\n"), 1) if len(line) > LONGEST_ROW]
    if long:
        raise DataError(
            f"{path}: row {long[0]} is longer than {LONGEST_ROW >> 10} KB; a table has at most "
            f"{MOST_COLUMNS} columns"
        )
    if not whole and "\n" in text:
        text = text[: text.rfind("\n") + 1]
    dialect = find_dialect(path, text, options)
    if len(dialect.names) > MOST_COLUMNS:
        raise DataError(f"{path}: has more than {MOST_COLUMNS} columns")
    notes = [*dialect.notes]
    if encoding != "utf-8":
        known = "Windows-1252" if encoding == "cp1252" else "UTF-16"
        notes.insert(0, f"the text is {known}")
    rows = Rows(path, dialect, options)
    rows.read(_with_progress(path, encoding))
    return rows.sheet(notes)


def _with_progress(path: Path, encoding: str) -> Iterator[bytes]:
    """Yield the file's lines in chunks, with a progress bar on a terminal if it is large."""
    chunks = line_chunks(path, encoding)
    console = Console(stderr=True)
    zipped, size = path.name.lower().endswith(".gz"), path.stat().st_size
    if size < (LARGE // 20 if zipped else LARGE) or not console.is_terminal:
        yield from chunks
        return
    with Progress(console=console, transient=True) as progress:
        total = None if zipped else size
        task = progress.add_task(f"reading {path.name}", total=total)
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))

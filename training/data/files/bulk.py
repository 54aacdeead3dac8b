"""Rows of a text table, parsed in bulk.

A chunk of lines becomes one text with the same delimiter throughout, and rows that have the
expected number of cells are parsed at once. The few other lines (comments, text, a repeated
header) are looked at one by one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.data.files.cells import is_missing, is_number, quoted, split_line
from training.data.files.dialect import COMMENTS, Dialect
from training.data.files.options import Options, SettingNeededError
from training.data.files.sheet import BadCells, Column, Sheet, check_size
from training.data.files.times import Orders, in_one_order, read_orders

MOST_WORDS = 1000  # different words in a column; more is free text, which is not kept
LONGEST_WORD = 60  # characters; a column of longer words is free text, too
MOST_ODD = 1_000_000  # lines looked at one by one
_STAMP = re.compile(rb"(?m)^(\d{1,2}:\d{2}:\d{2}[.,]\d+)\s*->[ \t]*")
_PAIR = re.compile(rb"[A-Za-z_][^:=,;\t\n]*?[ ]*[:=][ ]*")
_SPACES = re.compile(rb"[ \t]+")
_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?$"  # of a decimal comma
_GROUPED = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"  # 1.234: a decimal number, or one with a thousands' point
_WHOLE = r"^ *[+-]?(\d+) *$"
_QUOTED = re.compile(rb'"([^"\n]*)"')


class Rows:
    """The rows read so far, column by column."""

    def __init__(self, path: Path, dialect: Dialect, options: Options) -> None:
        self.path, self.dialect, self.options = path, dialect, options
        width = len(dialect.names)
        self.parts: list[list[NDArray[np.float64]]] = [[] for _ in range(width)]
        self.times: list[list[Orders]] = [[] for _ in range(width)]  # of columns of times
        self.words: list[dict[str, int]] = [{} for _ in range(width)]
        self.bad: list[BadCells | None] = [None] * width
        # Per column: row and text of the first number with a point; False if one has decimals.
        self.points: list[tuple[int, str] | bool | None] = [None] * width
        self.digits = [0] * width  # of the longest whole number
        self.frames = 0
        self.next_row = 1  # of the file
        self.starts: list[int] = []
        self.rows: list[int] = []
        self.breaks: list[int] = []
        self.texts: tuple[int, str, int] | None = None  # first row, what it says, how many
        self.headers = 0  # that were repeated
        self.odd = 0  # lines that were looked at one by one
        header = dialect.header.replace('"', "")
        self.header = " ".join(header.split()) if dialect.delimiter == " " else header
        self.cut_row: int | None = None

    def read(self, chunks: Iterator[bytes]) -> None:
        """Read all rows from `dialect.first_row` on."""
        for chunk in chunks:
            self._chunk(chunk)
            check_size(self.path, self.frames * len(self.dialect.names))
        if self.texts is not None and not self.options.skip_text:
            row, text, count = self.texts
            rows = f"{count} rows are" if count > 1 else "1 row is"
            raise SettingNeededError(
                f"{self.path}: {rows} text (row {row}: '{quoted(text)}'); remove such rows, or "
                "set data.skip_text = true",
                skip_text=True,
            )

    def sheet(self, notes: list[str]) -> Sheet:
        """Return what was read."""
        if self.headers:
            times = f"{self.headers} times" if self.headers > 1 else "once"
            notes.append(f"the header is repeated {times}: the recording is cut there")
        if self.texts is not None:
            rows = f"{self.texts[2]} rows of text are" if self.texts[2] > 1 else "1 row of text is"
            notes.append(f"{rows} left out (the first is row {self.texts[0]})")
        if self.cut_row is not None:
            notes.append(f"the last line (row {self.cut_row}) is cut off and left out")
        rate = self.dialect.facts.get("rate_hz")
        columns = []
        if len(self.parts) == 1 and not self.times[0]:
            self._without_last_blanks()
        matrix = np.empty((self.frames, len(self.parts)), np.float64, order="F")
        for c, name in enumerate(self.dialect.names):
            values = matrix[:, c]
            if self.times[c]:
                values[:] = in_one_order(self.times[c])
            elif self.parts[c]:
                np.concatenate(self.parts[c], out=values)
            self.parts[c].clear()
            self.times[c].clear()
            kind = self.dialect.kinds[c]
            words = tuple(self.words[c])
            if len(words) > MOST_WORDS or any(len(word) > LONGEST_WORD for word in words):
                notes.append(
                    f"column {quoted(name)} is free text and left out (such as "
                    f"'{quoted(next(iter(words)))}')"
                )
                continue
            if isinstance(first := self.points[c], tuple) and self.digits[c] == 3:
                notes.append(
                    f"column {quoted(name)}: {quoted(first[1])} (row {first[0]}) is read as a "
                    "decimal number, and all others are whole: if its point groups thousands, "
                    "save the file without such points"
                )
            unit = self.dialect.units[c]
            columns.append(Column(name, values, unit, kind, words, self.bad[c]))  # type: ignore[arg-type]
        return Sheet(
            path=self.path,
            columns=tuple(columns),
            rate_hz=None if rate is None else _rate(self.path, rate),
            breaks=np.array(sorted({b for b in self.breaks if 0 < b < self.frames}), np.int64),
            row_start=(tuple(self.starts), tuple(self.rows)),
            notes=tuple(notes),
        )

    def _without_last_blanks(self) -> None:
        """Drop blank lines at the end of a single column: they are no missing samples."""
        column = np.concatenate(self.parts[0]) if self.parts[0] else np.empty(0)
        known = np.flatnonzero(~np.isnan(column))
        self.frames = int(known[-1]) + 1 if len(known) else 0
        self.parts[0] = [column[: self.frames]]

    def _chunk(self, chunk: bytes) -> None:
        """Add the rows of whole lines."""
        first_row = self.next_row
        lines = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
        self.next_row += lines
        for _ in range(max(0, min(self.dialect.first_row - first_row, lines))):
            chunk = chunk[chunk.find(b"\n") + 1 :]
            first_row += 1
        if first_row < self.dialect.first_row or not chunk:
            return
        complete = chunk.endswith(b"\n")
        chunk = self._canonical(chunk if complete else chunk + b"\n")
        bytes_ = np.frombuffer(chunk, np.uint8)
        if not bytes_.min():
            row = first_row + chunk[: chunk.index(b"\x00")].count(b"\n")
            raise DataError(f"{self.path}: row {row} holds NUL bytes: it is damaged there")
        ends = np.flatnonzero(bytes_ == ord("\n"))
        cells = np.ones(len(ends), np.int64)
        if self.dialect.cells > 1 or self.dialect.delimiter in ",;|\t":
            separators = np.flatnonzero(bytes_ == ord(self._delimiter))
            cells += np.diff(np.searchsorted(separators, ends), prepend=0)
        starts = np.concatenate([[0], ends[:-1] + 1])
        initial = bytes_[starts]
        blank = starts == ends
        keep = ~np.isin(initial, tuple(b"#%")) & (~blank | (not self.dialect.spaced))
        odd = (cells != self.dialect.cells) | np.isin(initial, tuple(b'/"'))
        odd &= keep & ~blank
        headers = self._headers(bytes_, starts, ends)
        odd[headers] = True
        odd_lines = np.flatnonzero(odd)
        self.odd += len(odd_lines)
        if self.odd > MOST_ODD:
            last = int(odd_lines[MOST_ODD - self.odd])
            raise DataError(
                f"{self.path}: row {first_row + last}: more than a million lines up "
                "to here are text, headers or rows of another length; remove them"
            )
        begins: list[int] = []  # lines at which a new recording begins
        for n in odd_lines.tolist():
            line = chunk[starts[n] : ends[n]].decode("utf-8", "replace")
            unfinished = not complete and n == len(ends) - 1
            keep[n], new = self._odd(line, first_row + n, int(cells[n]), unfinished)
            if new:
                begins.append(n)
        if keep.all():
            kept = chunk
        else:
            kept = bytes_[np.repeat(keep, np.diff(ends, prepend=-1))].tobytes()
        lines_kept = np.flatnonzero(keep)
        if not len(lines_kept):
            self.breaks += [self.frames] * bool(begins)
            return
        keep_rows = self._cells(kept, first_row + lines_kept)
        lines_kept = lines_kept[keep_rows]
        self.breaks += (self.frames + np.searchsorted(lines_kept, begins)).tolist()
        if not keep_rows.all():
            dropped = np.flatnonzero(~keep_rows) - np.arange((~keep_rows).sum())
            self.breaks += (self.frames + dropped).tolist()
        jumps = np.flatnonzero(np.diff(lines_kept, prepend=-2) != 1)
        self.starts += (self.frames + jumps).tolist()
        self.rows += (first_row + lines_kept[jumps]).tolist()
        self.frames += len(lines_kept)

    def _headers(
        self, text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the lines that end like the header."""
        header = self.header.encode()
        lines = np.flatnonzero(ends - starts >= len(header)) if header else np.empty(0, np.int64)
        for n, byte in enumerate(reversed(header), 1):
            lines = lines[text[ends[lines] - n] == byte]
        return lines

    @property
    def _delimiter(self) -> str:
        return self.dialect.delimiter

    def _canonical(self, chunk: bytes) -> bytes:
        """Return the chunk without quotes, names and runs of spaces."""
        delimiter = self._delimiter.encode()
        if self.dialect.stamps:
            chunk = _STAMP.sub(rb"\1" + delimiter, chunk)
        if self.dialect.pairs:
            chunk = _PAIR.sub(b"", chunk)
        if b'"' in chunk:
            chunk = self._unquoted(chunk)
        if self._delimiter == " ":
            chunk = _SPACES.sub(b" ", chunk).replace(b"\n ", b"\n").replace(b" \n", b"\n")
            chunk = chunk.lstrip(b" ")
        return chunk

    def _unquoted(self, chunk: bytes) -> bytes:
        """Return the chunk without quotes; a decimal comma between quotes becomes a point."""
        delimiter = self._delimiter.encode()

        def inner(match: re.Match[bytes]) -> bytes:
            return match[1].replace(delimiter, b"" if self.dialect.decimal == "." else b".")

        return _QUOTED.sub(inner, chunk).replace(b'"', b"")

    def _odd(self, line: str, row: int, count: int, last: bool) -> tuple[bool, bool]:
        """Return whether to keep a line that is not a plain row, and whether a recording begins."""
        text = line.strip()
        if not text:
            return not self.dialect.spaced, False  # a sample that is missing
        if text.startswith(COMMENTS):
            return False, False
        if self.header and self.header in (text, text.partition(self._delimiter)[2].strip()):
            self.headers += 1
            return False, True
        if count == self.dialect.cells:
            return True, False
        cells = split_line(text, self._delimiter)
        if last:
            self.cut_row = row
            return False, False
        numeric = sum(is_number(c, self.dialect.decimal) for c in cells)
        if numeric == 0 or (len(cells) == 1 and len(self.dialect.names) > 2):
            first = self.texts or (row, text, 0)
            self.texts = (first[0], first[1], first[2] + 1)
            return False, True
        names = self.dialect.names
        where = quoted(names[count]) if count < len(names) else f"number {len(names) + 1}"
        raise DataError(
            f"{self.path}: row {row}, column {where}: {count} cells, but the header names "
            f"{len(names)}"
        )

    def _cells(self, rows: bytes, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Parse rows with equal numbers of cells; return bool [rows]: which of them were kept."""
        frame = pl.read_csv(
            io.BytesIO(rows),
            has_header=False,
            separator=self._delimiter,
            quote_char=None,
            schema={str(c): pl.String for c in range(self.dialect.cells)},
            infer_schema=False,
        )
        keep = np.ones(len(numbers), np.bool_)
        columns = []
        orders: dict[int, Orders] = {}
        for c, kind in enumerate(self.dialect.kinds):
            cells = frame[str(c)]
            if kind == "number":
                values, bad = self._numbers(cells)
                self._watch_points(c, cells, numbers)
                if len(bad):
                    if self.options.skip_text:
                        keep[bad] = False
                    else:
                        self._note_bad(c, int(numbers[bad[0]]), str(cells[int(bad[0])]), len(bad))
            elif kind == "words":
                values = self._words(cells, c)
            else:
                orders[c] = read_orders(cells, of_day=kind == "time of day")
                values = next(iter(orders[c].values()))
            columns.append(values)
        if not keep.all():
            dropped = int((~keep).sum())
            at = int(np.flatnonzero(~keep)[0])
            first = self.texts or (int(numbers[at]), "", 0)
            self.texts = (first[0], first[1], first[2] + dropped)
            columns = [values[keep] for values in columns]
        for c, values in enumerate(columns):
            if c in orders:
                self.times[c].append({order: v[keep] for order, v in orders[c].items()})
            else:
                self.parts[c].append(values)
        return keep

    def _numbers(self, cells: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return values, NaN where missing, and the indices of cells that are not numbers."""
        for group in self.dialect.groups:
            cells = cells.str.replace_all(group, "", literal=True)
        if self.dialect.decimal == ",":
            # Thousands below the first lines. (Between quotes, a decimal comma is a point by now.)
            if self._delimiter != "," and cells.str.contains(".", literal=True).any():
                grouped = cells.str.contains(_THOUSANDS).fill_null(False)
                plain = cells.str.replace_all(".", "", literal=True)
                cells = plain.zip_with(grouped, cells)
            cells = cells.str.replace(",", ".", literal=True)
        numbers = cells.cast(pl.Float64, strict=False)
        if numbers.null_count() > cells.null_count():
            stripped = cells.str.strip_chars().str.strip_prefix("+")
            numbers = stripped.cast(pl.Float64, strict=False)
        values = numbers.to_numpy().astype(np.float64, copy=False)
        suspects = (numbers.is_null() & cells.is_not_null()).arg_true().to_numpy()
        if len(suspects):
            texts = cells.gather(suspects).to_list()
            suspects = suspects[[not is_missing(text) for text in texts]]
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            values = values.copy()
            values[infinite] = np.nan
        return values, np.union1d(suspects, infinite).astype(np.int64)

    def _watch_points(self, c: int, cells: pl.Series, rows: NDArray[np.int64]) -> None:
        """Look for numbers such as 1.234 in a column of whole numbers of up to three digits."""
        if self.points[c] is False or self.dialect.decimal == "," or self._delimiter == ",":
            return
        pointed = cells.str.contains(".", literal=True).fill_null(False)
        whole = cells.filter(~pointed).str.extract(_WHOLE, 1).drop_nulls()
        self.digits[c] = max(self.digits[c], int(whole.str.len_chars().to_numpy().max(initial=0)))
        if not cells.filter(pointed).str.contains(_GROUPED).all():
            self.points[c] = False
        elif self.points[c] is None and pointed.any():
            at = int(pointed.to_numpy().argmax())
            self.points[c] = int(rows[at]), str(cells[at])

    def _note_bad(self, column: int, row: int, text: str, count: int) -> None:
        known = self.bad[column]
        if known is None:
            self.bad[column] = BadCells(row, text, count)
        else:
            self.bad[column] = BadCells(known.row, known.text, known.count + count)

    def _words(self, cells: pl.Series, column: int) -> NDArray[np.float64]:
        """Return indices into the column's words, NaN where missing."""
        known = self.words[column]
        cells = cells.str.strip_chars()
        if len(known) <= MOST_WORDS:
            for word in cells.unique(maintain_order=True).head(2 * MOST_WORDS).to_list():
                if word is not None and not is_missing(word):
                    known.setdefault(word, len(known))
        codes = cells.replace_strict(known, default=None, return_dtype=pl.Float64)
        return codes.to_numpy().astype(np.float64)


def _rate(path: Path, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 < rate < float("inf"):
        raise DataError(f"{path}: rate_hz is '{quoted(text)}', must be a positive number")
    return rate

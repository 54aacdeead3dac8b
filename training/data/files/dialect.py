"""How the text of a table is written, derived from its first lines.

A table of a sensor is text lines of a sketch's start-up, comments, a header, units, and rows of
cells. The delimiter is the one under which most rows have the same number of cells and most
cells are numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from training.bundle.errors import DataError
from training.data.files.cells import (
    COMMA,
    COMPACT,
    POINT,
    is_missing,
    is_number,
    is_time,
    split_line,
)
from training.data.files.header import find_layout, header_cure, name_and_unit
from training.data.files.labels import is_label_by_name
from training.data.files.options import Options, SettingNeededError

DELIMITERS = (",", ";", "\t", "|", " ")  # " ": any run of spaces and tabs
NAMES = {",": "','", ";": "';'", "\t": "tabs", "|": "'|'", " ": "spaces"}
COMMENTS = ("#", "%", "//")
STAMP = re.compile(r"(\d{1,2}:\d{2}:\d{2}[.,]\d+)\s*->\s*")
PAIR = re.compile(r"\s*([A-Za-z_][^:,;\t]*?)\s*[:=]\s*([^\s:,;]*)\s*")
GROUPED = {sign: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:\{sign}\d{{3}})+") for sign in ",."}
SAMPLE = 400  # lines
MOST_BLANK = 0.3  # share of blank lines above which they are no missing samples


@dataclass(frozen=True)
class Dialect:
    """The way a file is written.

    cells       cells per row in the file, before an unnamed empty last one is dropped
    first_row   row of the file, counted from 1, at which the samples begin
    stamps      every line begins with the Serial Monitor's "hh:mm:ss.mmm -> "
    pairs       every cell is "name:value"
    spaced      blank lines separate the rows; otherwise one in a single column is a missing sample
    kinds       per column "number", "time", "time of day" or "words"
    """

    delimiter: str
    decimal: str
    groups: str  # characters between thousands
    names: tuple[str, ...]
    units: tuple[str, ...]
    kinds: tuple[str, ...]
    cells: int
    first_row: int
    header: str = ""  # the header's line, to know it again
    stamps: bool = False
    pairs: bool = False
    spaced: bool = True
    facts: dict[str, str] = field(default_factory=dict)  # "# key: value" comments
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Line:
    row: int
    text: str


def find_dialect(path: Path, text: str, options: Options) -> Dialect:
    """Derive the dialect from the beginning of a file, whole lines only.

    Raises DataError: no rows, no header, or a header that does not fit the rows.
    """
    rows, comments, separator = _lines(text)
    rows = [r for r in rows if r.text.replace('"', "").strip()]
    if not rows:
        what = "begins with nothing but comments" if comments else "is empty"
        raise DataError(f"{path}: {what}; the first line must name the columns")
    stamps = sum(bool(STAMP.match(r.text)) for r in rows) > len(rows) / 2
    if stamps:
        rows = [_Line(r.row, t) for r in rows if (t := STAMP.sub("", r.text, count=1)) != r.text]
    delimiter, decimal = _delimiter(rows, separator)
    if decimal == "." and delimiter != "," and _has_decimal_comma(rows, delimiter):
        decimal = ","
    pairs = _pairs(rows, delimiter)
    if pairs is not None:
        delimiter, names = pairs
        rows = [r for r in rows if PAIR.match(r.text)] or rows
        rows = [_Line(r.row, _without_names(r.text)) for r in rows]
    cells = [split_line(r.text, delimiter) or [""] for r in rows]
    usual = [row for row in cells if any(c[:1].isdigit() or c[1:2].isdigit() for c in row)]
    usual = usual or cells
    count = Counter(map(len, usual[len(usual) // 4 :])).most_common(1)[0][0]
    layout = find_layout(cells, count, decimal, list(names) if pairs is not None else None)
    body = [c for c in cells[layout.first :] if len(c) == count]
    if not body:
        raise DataError(f"{path}: has a header and no rows")
    kinds = [_kind([row[c] for row in body], decimal) for c in range(count)]
    header, units = layout.header, layout.units
    unnamed_end = header is None or len(header) > count or not header[-1]
    width = count - (count > 1 and unnamed_end and all(not row[-1] for row in body))
    if options.header is not None:
        if len(options.header) != width:
            raise DataError(
                f"{path}: the rows have {width} cells, but data.header names "
                f"{len(options.header)} columns"
            )
        header = list(options.header)
    elif header is None and options.row_is_window is not None:
        header = [f"c{n}" for n in range(1, width + 1)]
    if header is None:
        cure, settings = header_cure(body, width)
        raise SettingNeededError(
            f"{path}: row {rows[layout.first].row} holds numbers; the first line must name the "
            f"columns, or set {cure}",
            **settings,
        )
    named = [name_and_unit(name) for name in header[:width]]
    for c, (name, _) in enumerate(named):
        unseen = all(is_missing(row[c]) for row in body)
        if unseen and (name == options.label or is_label_by_name(name)):
            kinds[c] = "words"  # the first rows have no label, and it may be a word
    groups = _groups(body, kinds, decimal)
    if stamps:
        named, units, kinds = [("time", ""), *named], ["", *units], ["time of day", *kinds]
        count, width = count + 1, width + 1
    at = layout.header_at
    return Dialect(
        delimiter=delimiter,
        decimal=decimal,
        groups=groups,
        names=tuple(name for name, _ in named),
        units=tuple(u or given for (_, u), given in zip(named, units, strict=False)),
        kinds=tuple(kinds[:width]),
        cells=count,
        first_row=rows[layout.first].row,
        header="" if at is None else rows[at].text.strip(),
        stamps=stamps,
        pairs=pairs is not None,
        spaced=width > 1 or _blank_share(text) > MOST_BLANK,
        facts=_facts(comments),
        notes=_notes(delimiter, decimal, groups, layout.first if at is None else at),
    )


def _lines(text: str) -> tuple[list[_Line], list[_Line], str | None]:
    """Split a text into its first rows, its comments, and the delimiter that "sep=" names."""
    lines = [_Line(n, t) for n, t in enumerate(text.split("\n"), 1) if t.strip()]
    separator = None
    if lines and (named := re.fullmatch(r'"?sep=(.?|\\t)"?', lines[0].text.strip(" \n"), re.I)):
        separator = "\t" if named[1] in ("\\t", "") else named[1]
        if not separator.isascii() or separator.isalnum() or separator in "\"'+-.":
            separator = None  # no delimiter of numbers
        lines = lines[1:]
    comments: list[_Line] = []
    rows: list[_Line] = []
    for line in lines:
        is_comment = line.text.lstrip().lstrip('"').startswith(COMMENTS)
        (comments if is_comment else rows).append(line)
    return rows[:SAMPLE], comments, separator


def _blank_share(text: str) -> float:
    """Return the share of blank lines above the last line that is not."""
    lines = text.rstrip().split("\n")
    return sum(not line.strip() for line in lines) / len(lines)


def _notes(delimiter: str, decimal: str, groups: str, skipped: int) -> tuple[str, ...]:
    notes = []
    if skipped:
        plural = "lines" if skipped > 1 else "line"
        notes.append(f"{skipped} {plural} of text before the header left out")
    if delimiter != ",":
        notes.append(f"cells are separated by {NAMES.get(delimiter, repr(delimiter))}")
    if decimal == ",":
        notes.append(
            "the decimal sign is ','" + (", '.' groups thousands" if "." in groups else "")
        )
    elif "," in groups:
        notes.append("',' groups thousands")
    return tuple(notes)


def _delimiter(rows: list[_Line], separator: str | None) -> tuple[str, str]:
    """Find the delimiter and the decimal sign under which most cells are numbers."""
    best: tuple[float, ...] = (-1.0,)
    chosen = (separator or ",", ".")
    sample = [r for r in rows if any(c.isdigit() for c in r.text)] or rows  # no lines of words
    sample = sample[len(sample) // 4 :]
    top = {d: [split_line(r.text, d) for r in rows[:5]] for d in (*DELIMITERS, separator or ",")}
    if separator and not any(separator in r.text for r in sample):
        separator = None  # the line says otherwise than the rows
    for rank, delimiter in enumerate((separator,) if separator else DELIMITERS):
        cells = [split_line(r.text, delimiter) for r in sample]
        count, rows_alike = Counter(map(len, cells)).most_common(1)[0]
        if delimiter != "," and count <= 1 and not separator:
            continue
        flat = [cell for row in cells if len(row) == count for cell in row]
        for decimal in (".", ","):
            if decimal == delimiter and not any('"' in r.text for r in sample):
                continue
            good = sum(is_number(c, decimal) or is_missing(c) or is_time(c) for c in flat)
            alike = rows_alike / len(cells)
            agrees = any(_may_be_header(row, count, decimal) for row in top[delimiter])
            agrees |= is_number(top[delimiter][0][0], decimal)
            quality = (round(good / len(flat), 1), float(agrees), alike, float(count > 1), -rank)
            if quality > best:
                best, chosen = quality, (delimiter, decimal)
    if best[:2] == (1.0, 0.0) and chosen == (",", "."):
        # A header of one cell above rows of two: one column of numbers with a decimal comma.
        lone = [r.text.strip() for r in sample]
        if sum(is_number(cell, ",") for cell in lone) > 0.9 * len(lone):
            return ";", ","
    return chosen


def _has_decimal_comma(rows: list[_Line], delimiter: str) -> bool:
    """Return whether the comma is the decimal sign of cells that read as numbers both ways.

    It is if points group thousands, or if the only signs in the numbers are commas that do not
    group thousands: "3,800" alone is 3.8.
    """
    body = [split_line(r.text, delimiter) for r in rows]
    columns = list(zip(*[c for c in body if len(c) == len(body[-1])], strict=True))
    if _has_grouped(columns, "."):
        return True
    signed = [c for column in columns for c in column if is_number(c) and ("," in c or "." in c)]
    commas = bool(signed) and all(COMMA.fullmatch(c) for c in signed)
    return commas and not _has_grouped(columns, ",")


def _has_grouped(columns: list[tuple[str, ...]], sign: str) -> bool:
    """Return whether a sign groups thousands: in a column, "998" is followed by "1.001".

    Each sign is followed by three digits, each number below 1000 has none, and no other column
    has signs of another kind.
    """
    grouped = False
    for cells in columns:
        signed = [c for c in cells if sign in c and is_number(c)]
        if not all(GROUPED[sign].fullmatch(c) for c in signed):
            return False
        whole = [c for c in cells if c.lstrip("+-").isdigit()]
        small = sum(len(c.lstrip("+-")) == 3 for c in whole)
        grouped |= bool(signed) and small > 0 and all(len(c.lstrip("+-")) <= 3 for c in whole)
    return grouped


def _may_be_header(row: list[str], count: int, decimal: str) -> bool:
    """Return whether a row has the usual number of cells, and less than half of them numbers."""
    return len(row) == count and sum(is_number(cell, decimal) for cell in row) < count / 2


def _pairs(rows: list[_Line], delimiter: str) -> tuple[str, tuple[str, ...]] | None:
    """Return delimiter and names if most rows are "name:value" pairs, else None."""
    for split in dict.fromkeys((delimiter, ",", "\t", " ")):
        layouts = Counter(
            tuple(m[1] if (m := PAIR.fullmatch(c)) else "" for c in split_line(r.text, split))
            for r in rows
        )
        names, count = layouts.most_common(1)[0]
        if names and all(names) and count > 0.8 * len(rows) and len(set(names)) == len(names):
            return split, names
    return None


def _without_names(line: str) -> str:
    return re.sub(r"[A-Za-z_][^:=,;\t]*?\s*[:=]\s*", "", line)


def _kind(cells: list[str], decimal: str) -> str:
    known = [c for c in cells if not is_missing(c)]
    if not known:
        return "number"
    if all(COMPACT.fullmatch(c) for c in known):
        return "time"
    if sum(is_number(c, decimal) for c in known) >= 0.5 * len(known):
        return "number"
    if sum(is_time(c) for c in known) >= 0.5 * len(known):
        return "time of day" if ":" in known[0][:3] else "time"
    return "words"


def _groups(body: list[list[str]], kinds: list[str], decimal: str) -> str:
    """Find the characters between thousands in the columns of numbers."""
    plain = POINT if decimal == "." else COMMA
    characters = {
        char
        for row in body
        for cell, kind in zip(row, kinds, strict=False)
        if kind == "number" and is_number(cell, decimal) and not plain.fullmatch(cell)
        for char in cell
        if char in ", '." and char != decimal
    }
    return "".join(sorted(characters))


def _facts(comments: list[_Line]) -> dict[str, str]:
    facts = {}
    for comment in comments:
        key, colon, value = comment.text.strip(' "#%/').partition(":")
        if colon:
            facts[key.strip()] = value.strip()
    return facts

"""Single cells of a text table: numbers, times, and marks for a missing value."""

from __future__ import annotations

import csv
import re

from training.bundle.validation import brief
from training.data.files.sheet import QUOTED

MISSING = frozenset(
    (
        *("", "?", "!", "-", "--", "na", "n/a", "#n/a", "<na>", "nan", "#nan", "-nan", "nan(ind)"),
        *("-nan(ind)", "nan(snan)", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "1.#nan"),
        *("null", "none", "nil", "missing", "undefined", "unknown", "unavailable"),
        *("#value!", "#div/0!", "#ref!", "#num!", "#name?", "#null!"),
    )
)
POINT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?", re.I)
COMMA = re.compile(r"[+-]?(?:\d+,?\d*|,\d+)(?:[eE][+-]?\d+)?", re.I)
_POINT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[, ']\d{3})+(?:\.\d*)?")
_COMMA_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[. ']\d{3})+(?:,\d*)?")
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,:]\d+)?)?"
TIME_OF_DAY = re.compile(_CLOCK + r"(?:\s?[AaPp][Mm])?")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
DATE = re.compile(
    rf"(?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\2\d{{2,4}}"
    rf"|\d{{1,2}}[- ]{_MONTH}[- ]\d{{4}}|{_MONTH} \d{{1,2}},? \d{{4}})"
    rf"(?:[T ]{_CLOCK}(?:\s?[AaPp][Mm])?\s?(?:Z|UTC|[+-]\d{{2}}(?::?\d{{2}})?)?)?",
    re.I,
)
# 20240131235959: a date without separators, and no number of seconds.
COMPACT = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d[0-5]\d"
)


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line, without quotes and surrounding spaces."""
    if delimiter == " ":
        return line.replace('"', "").split()
    if line.count('"') % 2:  # a quote that is never closed
        line = line.replace('"', "")
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [""])]
    except csv.Error:
        return [cell.strip().strip('"') for cell in line.split(delimiter)]


def is_missing(cell: str) -> bool:
    """Return whether a cell marks a missing value."""
    return cell.strip().lower() in MISSING


def is_number(cell: str, decimal: str = ".") -> bool:
    """Return whether a cell is a number with this decimal sign, with or without grouping."""
    plain, grouped = (POINT, _POINT_GROUPS) if decimal == "." else (COMMA, _COMMA_GROUPS)
    return bool(plain.fullmatch(cell) or grouped.fullmatch(cell))


def is_time(cell: str) -> bool:
    """Return whether a cell is a date, a time of day, or both."""
    return bool(DATE.fullmatch(cell) or TIME_OF_DAY.fullmatch(cell))


def shown(name: str) -> str:
    """Return a column's name for a message."""
    return quoted(name) or "(no name)"


def quoted(text: str) -> str:
    """Return at most 40 characters of a file's text, printable."""
    return brief(text.strip(), QUOTED)

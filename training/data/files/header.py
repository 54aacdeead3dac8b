"""The header of a table: where it is, its units, and the cure if there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from training.data.files.cells import is_missing, is_number, is_time

# Units that tell a row of units from a header, wherever other rows of words precede it.
UNITS = {"s", "ms", "us", "V", "mV", "A", "mA", "g", "mg", "m/s2", "m/s^2", "°C", "C", "K", "Pa"}
UNITS |= {"kPa", "bar", "Hz", "rpm", "%", "m", "mm", "deg", "rad", "W", "kW", "N", "Nm", "sec"}
MOST_NUMBERED = 32  # columns without a name, or named by numbers; more look like one window


@dataclass(frozen=True)
class Layout:
    """Where the parts of a table lie among its lines."""

    header: list[str] | None
    header_at: int | None  # index of the header's line
    units: list[str]
    first: int  # index of the first line of samples


def find_layout(
    cells: list[list[str]], count: int, decimal: str, names: list[str] | None
) -> Layout:
    """Find header, units and first samples among rows of which most have `count` cells.

    `names` is the header of a table whose cells name themselves.
    """
    header, header_at = names, None
    first = next(i for i, c in enumerate(cells) if len(c) == count)
    if names is None and (with_words := _header(cells, count, decimal)) is not None:
        header_at, header = with_words
        if (lower := _below_preamble(cells, header_at, count, decimal)) is not None:
            header_at, header = lower, cells[lower]
        first = header_at + 1
    units = [""] * count
    below = [c for c in cells[first + 1 :] if len(c) == count]
    if header_at is not None and _are_units(cells[first : first + 1], below, count, decimal):
        units, first = [unit.strip("[]()") for unit in cells[first]], first + 1
    return Layout(header, header_at, units, first)


def header_cure(body: list[list[str]], width: int) -> tuple[str, dict[str, Any]]:
    """Return the setting, as text and as value, that makes rows without a header readable."""
    if width > MOST_NUMBERED:
        end = label_end([row[0] for row in body], [row[width - 1] for row in body])
        return "data.row_is_window if each row is one window", {"row_is_window": end}
    names = [f"c{n}" for n in range(1, width + 1)]
    shown = ", ".join(f'"{name}"' for name in names[:4])
    return f"data.header = [{shown}{', ...' if width > 4 else ''}]", {"header": names}


def label_end(first: list[str], last: list[str]) -> str:
    """Return on which end of a row its label stands: the side with few different whole numbers."""
    for column, end in ((first, "label first"), (last, "label last")):
        words = set(column)
        few = len(words) <= max(2, min(20, len(column) // 4))
        if few and all(re.fullmatch(r"-?\d+(?:\.0*)?(?:e\+00)?", word) for word in words):
            return end
    return "no label"


def _header(cells: list[list[str]], count: int, decimal: str) -> tuple[int, list[str]] | None:
    """Return the index of the header and its cells, None if the rows begin with samples."""
    for at, row in enumerate(cells[:-1] or cells):
        if len(row) not in (count, count + 1, count - 1) or (len(row) == 1 and count > 2):
            continue
        below = next((c for c in cells[at + 1 :] if len(c) == count), None)
        if len(row) == count + 1 and row[-1]:
            continue
        if len(row) == count - 1 and count > 1:
            if below is None or any(is_number(c, decimal) for c in row):
                continue
            if not below[-1]:
                return at, [*row, ""]  # every row but the header ends with a delimiter
            if at > 0 or not below[0].isdecimal():
                continue
            return at, ["", *row]  # row numbers without a name
        numbers = [is_number(c, decimal) or is_missing(c) for c in row]
        if len(row) >= 8 and [c for c in row if c.isdecimal()] and _count_up(row):
            return at, row
        if not all(numbers) and not any(is_time(c) for c in row):
            column = [c for c in cells[at + 1 :] if len(c) == count]
            if (
                not column
                or any(
                    not is_number(row[i], decimal)
                    and any(is_number(c[i], decimal) or is_time(c[i]) for c in column[:20])
                    for i in range(count)
                    if i < len(row)
                )
                or not any(numbers)
            ):
                return at, row
        return None
    return None


def _below_preamble(cells: list[list[str]], at: int, count: int, decimal: str) -> int | None:
    """Return the row of words right above the samples, if rows of an instrument's settings precede.

    "Model,MDO3024", "Sample Interval,0.01", "TIME,CH1": the last of them is the header. A row of
    units below the first row of words is none.
    """
    for n, row in enumerate(cells[at + 1 :], at + 1):
        if len(row) == count and all(is_number(c, decimal) or is_missing(c) for c in row):
            return None
        words = len(row) in (count, count + 1) and not any(
            is_number(c, decimal) or is_missing(c) or is_time(c) for c in row
        )
        below = [c for c in cells[n + 1 : n + 9] if len(c) == count]
        samples = len(below) == len(cells[n + 1 : n + 9]) >= 4 and all(
            sum(is_number(c, decimal) or is_time(c) for c in b) > count / 2 for b in below
        )
        if words and samples:
            if any(c.strip("[]()") in UNITS or c[:1] + c[-1:] in ("[]", "()") for c in row):
                return n - 1 if n - 1 > at else None  # the header is above its units
            return n if n > at + 1 or len(row) > count else None
    return None


def _count_up(row: list[str]) -> bool:
    """Return whether a row is 0, 1, 2, ..., except for a few words."""
    numbers = [int(c) for c in row if c.isdecimal()]
    steps = {b - a for a, b in pairwise(numbers)}
    return len(numbers) >= 0.9 * len(row) and numbers[0] in (0, 1) and steps == {1}


def _are_units(rows: list[list[str]], body: list[list[str]], count: int, decimal: str) -> bool:
    """Return whether the first row below the header holds units: words above numbers."""
    if not rows or len(rows[0]) != count or not body:
        return False
    row = rows[0]
    numeric = [
        i for i in range(count) if sum(is_number(b[i], decimal) for b in body) > len(body) / 2
    ]
    words = [row[i] for i in numeric if not is_missing(row[i])]
    return bool(words) and all(len(w) <= 16 and not is_number(w, decimal) for w in words)


def name_and_unit(cell: str) -> tuple[str, str]:
    """Split a header's cell, such as "ecg [mV]" or "ecg (mV)"."""
    match = re.fullmatch(r"(.*?)\s*[\[(]([^\])]*)[\])]", cell)
    return (match[1], match[2]) if match and match[1] else (cell, "")

"""The files of a WFDB record, checked before the package `wfdb` opens them.

The package trusts a header: it opens a pipe or a device that the header names, and allocates what
the header claims. https://wfdb.io/spec describes the header.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from training.bundle.errors import DataError
from training.bundle.regular_file import MEGABYTE, check_regular, read_regular

HEADER = MEGABYTE  # bytes, at most
SIGNAL = 4096 * MEGABYTE  # bytes of a file of samples, at most
ANNOTATIONS = 8 * MEGABYTE  # bytes, at most; a day of heartbeats takes 0.3 MB
SIGNALS = 4096  # of a record, at most
VALUES = 1 << 29  # of a record, at most
DIGITS = 18  # of a number, at most
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?")


def check_record(path: Path) -> None:
    """Check the header `path` and the files that it names.

    Raises:
        DataError: a file is not a regular one beside the header, or the header claims too much.
    """
    lines = _lines(path)
    if not lines or len(lines[0]) < 2 or not lines[0][1].isdecimal():
        raise DataError(
            f"{path}: not a readable WFDB record: its first line lacks the number of signals; copy "
            "the record again"
        )
    record, signals = lines[0][0], _number(path, lines[0][1])
    sized = re.match(r"\d+", lines[0][3]) if len(lines[0]) > 3 else None
    frames = _number(path, sized[0]) if sized else 0
    rate = re.match(r"[\d.eE+-]+", lines[0][2]) if len(lines[0]) > 2 else None
    if rate is not None and not _is_rate(rate[0]):
        raise DataError(f"{path}: its sample rate is {lines[0][2][:40]}, must be a positive number")
    if signals > SIGNALS or signals * frames > VALUES:
        raise DataError(
            f"{path}: claims {signals} signals of {frames} samples; a record has at most "
            f"{SIGNALS} signals and {VALUES} values"
        )
    if "/" in record:
        for words in lines[1:]:
            if words[0] != "~":
                _check_signals(_beside(path, f"{words[0]}.hea"))
    else:
        _check_signals(path)


def _is_rate(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def check_annotations(path: Path) -> bool:
    """Return whether annotations exist. Raises DataError if they are not a regular file."""
    check_regular(path, ANNOTATIONS, DataError)
    return path.exists()


def _check_signals(path: Path) -> None:
    for words in _lines(path)[1:]:
        if words[0] == "~":
            continue
        check_regular(_beside(path, words[0]), SIGNAL, DataError)
        form = _FORMAT.fullmatch(words[1]) if len(words) > 1 else None
        numbers = [_number(path, number or "0") for number in form.groups()] if form else []
        if numbers and max(numbers) > 1 << 24:
            raise DataError(f"{path}: its format {words[1][:40]} has a number that is too large")


def _number(path: Path, text: str) -> int:
    """Read the digits of a header. Python refuses to read thousands of them."""
    if len(text) > DIGITS:
        raise DataError(
            f"{path}: has the number {text[:DIGITS]}..., must have at most {DIGITS} digits; copy "
            "the record again"
        )
    return int(text)


def _lines(path: Path) -> list[list[str]]:
    text = read_regular(path, HEADER, DataError).decode("utf-8", "replace")
    return [line.split() for line in text.splitlines() if line.strip() and line[0] != "#"]


def _beside(path: Path, name: str) -> Path:
    if Path(name).name != name:
        raise DataError(f"{path}: names {name[:80]!r}, which is not a file beside it")
    return path.with_name(name)

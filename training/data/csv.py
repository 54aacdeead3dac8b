"""A user's own sensor, from a CSV file.

    # rate_hz: 250
    time,ecg [mV],label
    0.000,0.12,0
    0.004,0.15,

The first line that is no comment names the columns; a unit may follow in brackets. Every column
is a channel, but for the label's and those called time, timestamp, date or index. A label is 0
(normal), 1 (abnormal) or empty (not known). Rate and units may stand in the file, as above, or in
the settings, which win.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from training.bundle.errors import DataError
from training.bundle.validation import Strict, nearest
from training.data.recording import INT16, UNKNOWN, Dataset, Recording

NOT_CHANNELS = {"time", "timestamp", "date", "datetime", "index"}
LABELS = {"0": 0, "1": 1, "-1": UNKNOWN, "": UNKNOWN, "0.0": 0, "1.0": 1}


class Settings(Strict):
    """Where the file is and how to read it."""

    name: Literal["csv"] = "csv"
    path: str
    # A file of its own to test on; without one, the last `test_share` of `path` is held back.
    test_path: str | None = None
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    channels: list[str] | None = None  # columns to use; all that are no time or label
    label: str | None = None  # the label's column; "label" if there is one
    rate_hz: Annotated[float, Field(gt=0)] | None = None  # frames per second
    units: list[str] | None = None  # one a channel
    # Counts per unit, one a channel. Without it whole numbers stay as they are, and others get
    # the power of two that leaves as much room above the largest value as below it.
    gain: list[Annotated[float, Field(gt=0)]] | None = None

    @model_validator(mode="after")
    def _one_entry_a_channel(self) -> Self:
        for what in ("units", "gain"):
            given = getattr(self, what)
            if given is not None and self.channels is not None and len(given) != len(self.channels):
                raise ValueError(f"{what} must have one entry for each of {self.channels}")
        return self


@dataclass(frozen=True)
class Table:
    """A CSV file's columns, still in their units."""

    path: Path
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate_hz: float | None
    values: NDArray[np.float64]  # [frames, channels]
    labels: NDArray[np.int8]  # [frames]
    lines: NDArray[np.int64]  # [frames]: line of the file, counted from 1


def load(settings: Settings) -> Dataset:
    """The file, or two, as a data set; DataError names file, row and column."""
    train = read_table(Path(settings.path), settings)
    test = None
    if settings.test_path is not None:
        test = read_table(Path(settings.test_path), settings)
        if test.channels != train.channels:
            raise DataError(
                f"{test.path}: channels {', '.join(test.channels)}, but {train.path} has "
                f"{', '.join(train.channels)}; name the ones to use with 'channels'"
            )
    gain = _gains(train, settings)
    whole = _recording(train, gain, settings)
    if test is not None:
        return Dataset("csv", whole.description, whole, _recording(test, gain, settings))
    cut = round(whole.frames * (1 - settings.test_share))
    parts = whole.part(0, cut), whole.part(cut, whole.frames)
    return Dataset("csv", whole.description, *parts)


def read_table(path: Path, settings: Settings) -> Table:
    """Read one file; DataError, one line: file, row (line of the file), column, what to do."""
    lines = _rows(path)
    comments: dict[str, str] = {}
    header: list[str] = []
    body: list[tuple[int, list[str]]] = []
    for number, cells in lines:
        if not cells or (len(cells) == 1 and not cells[0].strip()):
            continue
        if cells[0].startswith("#"):
            key, _, value = ",".join(cells).lstrip("# ").partition(":")
            comments[key.strip()] = value.strip()
        elif not header:
            header = [cell.strip() for cell in cells]
        else:
            body.append((number, cells))
    if not header:
        raise DataError(f"{path}: is empty; the first line must name the columns")
    names, units = zip(*(_name_and_unit(cell) for cell in header), strict=True)
    if all(_is_number(name) for name in names):
        raise DataError(f"{path}: row 1 holds numbers; the first line must name the columns")
    if not body:
        raise DataError(f"{path}: has a header and no rows")
    channels, label = _columns(path, names, settings)
    for number, cells in body:
        if len(cells) != len(header):
            at = names[len(cells)] if len(cells) < len(header) else f"number {len(header) + 1}"
            raise DataError(
                f"{path}: row {number}, column {at}: {len(cells)} cells, but the header names "
                f"{len(header)}"
            )
    values = np.empty((len(body), len(channels)))
    for c, column in enumerate(channels):
        values[:, c] = [_number(path, n, names[column], cells[column]) for n, cells in body]
        if len(body) > 1 and (values[:, c] == values[0, c]).all():
            raise DataError(
                f"{path}: column {names[column]} is {values[0, c]:g} in every row; a constant "
                "channel tells nothing: leave it out with 'channels'"
            )
    labels = np.full(len(body), UNKNOWN, np.int8)
    if label is not None:
        labels[:] = [_label(path, n, names[label], cells[label]) for n, cells in body]
    return Table(
        path=path,
        channels=tuple(names[c] for c in channels),
        units=tuple(units[c] for c in channels),
        rate_hz=_rate(path, comments),
        values=values,
        labels=labels,
        lines=np.array([number for number, _ in body]),
    )


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                yield reader.line_num, cells
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path}: not a readable CSV file: {problem}") from None


def _name_and_unit(cell: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.*?)\s*[\[(]([^\])]*)[\])]", cell)
    return (match[1], match[2]) if match and match[1] else (cell, "")


def _columns(
    path: Path, names: tuple[str, ...], settings: Settings
) -> tuple[list[int], int | None]:
    """Column numbers of the channels and of the label."""
    label = None
    if settings.label is not None or "label" in names:
        label = _column(path, names, settings.label or "label")
    if settings.channels is not None:
        channels = [_column(path, names, name) for name in settings.channels]
    else:
        channels = [
            c for c, name in enumerate(names) if c != label and name.lower() not in NOT_CHANNELS
        ]
    if not channels:
        raise DataError(f"{path}: no channel among the columns {', '.join(names)}")
    if label in channels:
        raise DataError(f"{path}: column {names[label or 0]} is both label and channel")
    for c in channels:
        _column(path, names, names[c])  # two of one name could not be told apart
    for what in ("units", "gain"):
        given = getattr(settings, what)
        if given is not None and len(given) != len(channels):
            raise DataError(
                f"{path}: {len(channels)} channels ({', '.join(names[c] for c in channels)}), "
                f"but '{what}' has {len(given)} entries"
            )
    return channels, label


def _column(path: Path, names: tuple[str, ...], name: str) -> int:
    if name not in names:
        raise DataError(f"{path}: no column {name}{nearest(name, names)}")
    if names.count(name) > 1:
        raise DataError(f"{path}: row 1: two columns are called {name}")
    return names.index(name)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(path: Path, row: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        what = f"'{text.strip()}' is no number" if text.strip() else "is empty"
        raise DataError(f"{path}: row {row}, column {column}: {what}") from None
    if not np.isfinite(value):
        raise DataError(
            f"{path}: row {row}, column {column}: {text.strip()} is not a finite number; fill the "
            "gap, or cut the file there"
        )
    return value


def _label(path: Path, row: int, column: str, text: str) -> int:
    try:
        return LABELS[text.strip()]
    except KeyError:
        raise DataError(
            f"{path}: row {row}, column {column}: a label is 0 (normal), 1 (abnormal) or empty, "
            f"not '{text.strip()}'"
        ) from None


def _rate(path: Path, comments: dict[str, str]) -> float | None:
    text = comments.get("rate_hz")
    if text is None:
        return None
    if not _is_number(text) or not 0 < float(text) < float("inf"):
        raise DataError(f"{path}: rate_hz is '{text}', must be a positive number")
    return float(text)


def _gains(table: Table, settings: Settings) -> tuple[float, ...]:
    if settings.gain is not None:
        return tuple(settings.gain)
    gains = []
    for name, column in zip(table.channels, table.values.T, strict=True):
        at = int(np.abs(column).argmax())
        largest = abs(column[at])
        if (column == np.rint(column)).all() and largest <= INT16.max:
            gains.append(1.0)
            continue
        with np.errstate(over="ignore"):
            gain = float(2.0 ** np.floor(np.log2(INT16.max / 2 / largest)))
        apart = np.abs(column - np.median(column))
        # Half of what differs at all would not differ by one count.
        if not np.isfinite(gain) or np.median(apart[apart > 0]) * gain < 0.5:
            raise DataError(
                f"{table.path}: row {table.lines[at]}, column {name}: with {column[at]:g} in the "
                "range of int16 most other values would become one and the same count; correct "
                "that row, or set 'gain'"
            )
        gains.append(gain)
    return tuple(gains)


def _recording(table: Table, gain: tuple[float, ...], settings: Settings) -> Recording:
    counts = np.rint(table.values * np.asarray(gain))
    outside = np.argwhere((counts < INT16.min) | (counts > INT16.max))
    if len(outside):
        frame, c = outside[0]
        raise DataError(
            f"{table.path}: row {table.lines[frame]}, column {table.channels[c]}: "
            f"{table.values[frame, c]:g} x gain {gain[c]:g} does not fit int16 ({INT16.min} to "
            f"{INT16.max}); set a smaller 'gain'"
        )
    return Recording(
        name=table.path.name,
        description=f"{table.path.name}: {', '.join(table.channels)}",
        counts=counts.astype(np.int16),
        labels=table.labels,
        channels=table.channels,
        units=tuple(settings.units) if settings.units is not None else table.units,
        gain=gain,
        offset=(0,) * len(table.channels),
        rate_hz=settings.rate_hz if settings.rate_hz is not None else table.rate_hz,
    )

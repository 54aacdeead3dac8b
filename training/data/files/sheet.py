"""The result of every format reader: named columns of equal length, not yet interpreted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.bundle.validation import brief
from training.data.files.options import SettingNeededError

MOST_VALUES = 250_000_000  # cells that a file may hold: 2 GB as float64
MOST_COLUMNS = 4096
FEW_TEXTS = 0.05  # share of the rows
QUOTED = 40  # characters of a file that a message may repeat


@dataclass(frozen=True)
class BadCells:
    """Cells in a column of numbers that are neither numbers nor missing."""

    row: int  # of the first
    text: str
    count: int


@dataclass(frozen=True, eq=False)
class Column:
    """One column.

    values  float64 [frames], NaN where the cell is missing. Seconds since 1970 for kind "time",
            seconds since midnight for "time of day", an index into `words` for "words"
    """

    name: str
    values: NDArray[np.float64]
    unit: str = ""
    kind: Literal["number", "time", "time of day", "words"] = "number"
    words: tuple[str, ...] = ()
    bad: BadCells | None = None


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a file.

    breaks     int64 [k]: frames at which a new recording begins (a header repeated in mid-file)
    rate_hz    frames per second, if the file states it
    row_start  the frames from which row numbers count up, and the row of each of them
    notes      sentences about what the reader did, each for a line on screen
    """

    path: Path
    columns: tuple[Column, ...]
    rate_hz: float | None = None
    breaks: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    row_start: tuple[tuple[int, ...], tuple[int, ...]] = ((0,), (1,))
    notes: tuple[str, ...] = ()
    window: int | None = None  # frames per row, if each row was a window

    @property
    def frames(self) -> int:
        """Number of rows."""
        return len(self.columns[0].values) if self.columns else 0

    def row(self, frame: int) -> int:
        """Return the row of the file, counted from 1, that holds `frame`."""
        starts, rows = self.row_start
        at = int(np.searchsorted(starts, frame, side="right")) - 1
        return rows[at] + (frame - starts[at]) // (self.window or 1)

    def require_numbers(self, column: Column) -> None:
        """Raise DataError if a cell of the column is not a number."""
        if column.kind == "words" and column.words:
            frame = int(np.flatnonzero(~np.isnan(column.values))[0])
            row, text = self.row(frame), column.words[int(column.values[frame])]
            cure = "correct it, or name the columns of numbers with 'channels'"
        elif column.bad is not None:
            row, text = column.bad.row, column.bad.text
            cure = "correct it, or set data.skip_text = true to leave such rows out"
        else:
            return
        infinite = text.strip().lower().lstrip("+-").startswith("inf")
        message = (
            f"{self.path}: row {row}, column {brief(column.name, QUOTED)}: '{brief(text, QUOTED)}' "
            f"is not a {'finite number' if infinite else 'number'}; {cure}"
        )
        if column.bad is not None and column.bad.count <= FEW_TEXTS * self.frames:
            raise SettingNeededError(message, skip_text=True)
        raise DataError(message)


def check_size(path: Path, values: int) -> None:
    """Raise DataError if a file holds more values than fit in memory."""
    if values > MOST_VALUES:
        raise DataError(
            f"{path}: holds more than {MOST_VALUES // 1_000_000} million values; split the file, "
            "or save fewer columns"
        )

"""Tables in long form: each row holds the value of one sensor, which another column names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.data.files.cells import shown
from training.data.files.clock import Clock
from training.data.files.sheet import Column, Sheet

MOST_SENSORS = 64
SAMPLE = 20_000  # rows
REGULAR = 0.9  # share of the rows


def refuse_interleaved(sheet: Sheet, clock: Clock | None, columns: Sequence[Column]) -> None:
    """Raise DataError if the rows of several sensors alternate, or follow each other in blocks.

    Such a table would be read as one channel that jumps from sensor to sensor.
    """
    for column in columns:
        if column.kind not in ("words", "number") or sheet.frames < 16:
            continue
        named = column.kind == "words"
        if _alternates(column.values, clock, named) or (named and _in_blocks(column, clock)):
            names = [shown(word) for word in column.words[:3]]
            listed = f" ({', '.join(names)})" if names else ""
            raise DataError(
                f"{sheet.path}: each row holds the value of one sensor, and column "
                f"{shown(column.name)} names the sensor{listed}; save a table with one column per "
                "sensor (a pivot table)"
            )


def _alternates(values: NDArray[np.float64], clock: Clock | None, named: bool) -> bool:
    """Return whether k values come in turn, in words or (of numbers) at the same times."""
    values = values[:SAMPLE]
    if np.isnan(values[: 2 * MOST_SENSORS]).any():
        return False
    kinds = len(np.unique(values))
    if not 2 <= kinds <= MOST_SENSORS or len(values) < 4 * kinds:
        return False
    turns = values[kinds:] == values[:-kinds]
    other = values[1:] != values[:-1]
    if turns.mean() < REGULAR or other.mean() < REGULAR:
        return False
    if named:
        return True
    if clock is None or clock.seconds is None:
        return False
    same = np.diff(clock.seconds[:SAMPLE]) == 0
    return bool(abs(same.mean() - (1 - 1 / kinds)) < (1 - REGULAR) / kinds)


def _in_blocks(column: Column, clock: Clock | None) -> bool:
    """Return whether the dates begin again wherever another word begins."""
    if clock is None or clock.seconds is None or not clock.absolute:
        return False
    borders = np.flatnonzero(np.diff(column.values) != 0)
    kinds = len(column.words)
    if kinds < 2 or len(borders) != kinds - 1:
        return False
    return bool((np.diff(clock.seconds)[borders] < 0).all())

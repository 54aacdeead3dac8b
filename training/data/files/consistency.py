"""Checks of files that are read together: one rate, one unit per channel, no file twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.bundle.errors import DataError
from training.data.files.cells import shown
from training.data.files.clock import describe_rate
from training.data.files.table import Table

NO_UNIT = {"", "count", "nu", "nd"}  # recordings and WFDB files name no unit by these
SPELLINGS = {"µ": "u", "μ": "u", "²": "^2", "°": "deg", " ": "_"}


def same_unit(one: str, other: str) -> bool:
    """Return whether two units are one, such as m/s² and m/s^2, or one of them is not known."""
    first, second = _normalized(one), _normalized(other)
    return first == second or bool({first.lower(), second.lower()} & NO_UNIT)


def _normalized(unit: str) -> str:
    for before, after in SPELLINGS.items():
        unit = unit.replace(before, after)
    return unit


def check_alike(tables: Sequence[Table], units: Sequence[str] | None) -> None:
    """Check that rates, within 5 %, and units are those of the first file.

    Args:
        units: that replace those of the files, or None.

    Raises:
        DataError: a rate or a unit differs.
    """
    first = tables[0]
    for table in tables[1:]:
        if first.rate_hz and table.rate_hz and abs(table.rate_hz / first.rate_hz - 1) > 0.05:
            raise DataError(
                f"{table.path}: {describe_rate(table.rate_hz)}, but {first.path} has "
                f"{describe_rate(first.rate_hz)}; set data.resample_hz"
            )
        for channel, unit, wanted in zip(table.channels, table.units, first.units, strict=False):
            if units is None and not same_unit(unit, wanted):
                raise DataError(
                    f"{table.path}: channel {shown(channel)} is in {shown(unit)}, but "
                    f"{first.path} has it in {shown(wanted)}; convert its values and name the unit "
                    f"{shown(wanted)}, or set data.units if the header is wrong"
                )


def check_apart(train: Sequence[Table], others: Sequence[Table], setting: str) -> None:
    """Check that no file of `others`, which `setting` names, is trained on; DataError if one is."""
    trained = {table.path.resolve() for table in train}
    for table in others:
        if table.path.resolve() in trained:
            raise DataError(
                f"{table.path}: is among the files of both data.path and {setting}: the model "
                "would be tested on what it was trained on; name it in one of them only"
            )


def note_copies(tables: Sequence[Table], before: Sequence[Table] = ()) -> list[Table]:
    """Add a note to each table that holds the same samples as an earlier one, or one of `before`.

    Tables of one value alone are passed over.
    """
    known: dict[tuple[tuple[int, ...], bytes], list[Table]] = {}
    result = []
    for n, table in enumerate([*before, *tables]):
        values = table.values
        key = (values.shape, np.ascontiguousarray(values[:256]).tobytes())
        alike = known.setdefault(key, [])
        if n >= len(before):
            copies = [t for t in alike if np.array_equal(t.values, values, equal_nan=True)]
            if copies and (values != values[0]).any():
                note = f"holds the same samples as {copies[0].path.name}: leave one of them out"
                table = replace(table, notes=(*table.notes, note))
            result.append(table)
        alike.append(table)
    return result


def note_order(tables: Sequence[Table]) -> list[Table]:
    """Add a note to each table whose dates begin before those of the table before it end."""
    result: list[Table] = []
    last = -np.inf
    for table in tables:
        clock, noted = table.clock, table
        if clock is not None and clock.absolute and clock.seconds is not None:
            if np.nanmin(clock.seconds) < last:
                note = "begins before the file before it ends: name the files in the order of time"
                noted = replace(table, notes=(*table.notes, note))
            last = float(np.nanmax(clock.seconds))
        result.append(noted)
    return result

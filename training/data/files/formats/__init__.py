"""File formats of recordings, one module each, found by file name.

A format's module holds

    SUFFIXES                     endings of file names, in lower case
    sniff(head: bytes) -> bool   whether a file that begins so is of this format
    read(path, options) -> Sheet

The contents decide; the suffix decides between formats that the contents do not
distinguish.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from training.bundle.errors import DataError
from training.data.files.cells import shown
from training.data.files.options import Options
from training.data.files.sheet import MOST_COLUMNS, Sheet
from training.data.files.text import HEAD, open_file, read_bytes

TEXT = "delimited"  # the format of a file that is none of the others


@cache
def formats() -> dict[str, ModuleType]:
    """Return every format's module by its name."""
    modules = (m.name for m in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in sorted(modules)}


def suffixes() -> tuple[str, ...]:
    """Return the endings of the files that can be read."""
    return tuple(suffix for module in formats().values() for suffix in module.SUFFIXES)


def read_sheet(path: Path, options: Options) -> Sheet:
    """Read a file in the format that its contents show.

    Raises DataError: cannot be read, of a format that is not known, or damaged.
    """
    with open_file(path) as file:
        head = read_bytes(path, file, HEAD)
    others = {name: module for name, module in formats().items() if name != TEXT}
    matching = [module for module in others.values() if module.sniff(head)]
    named = [m for m in others.values() if path.name.lower().endswith(m.SUFFIXES)]
    if named and not matching and not head:
        raise DataError(f"{path}: is empty")
    record = path.with_suffix(".hea")
    if not matching and record != path and path.suffix in (".dat", ".atr") and record.is_file():
        raise DataError(f"{path}: is part of a WFDB record; name its header, {record.name}")
    module = next(iter([m for m in named if m in matching] + matching), formats()[TEXT])
    try:
        sheet: Sheet = module.read(path, options)
    except MemoryError:
        raise DataError(f"{path}: does not fit in memory; split it") from None
    if not sheet.columns:
        raise DataError(f"{path}: holds no column of numbers")
    if sheet.frames == 0:
        raise DataError(f"{path}: holds no samples")
    if len(sheet.columns) > MOST_COLUMNS:
        raise DataError(f"{path}: has more than {MOST_COLUMNS} columns")
    if sheet.rate_hz is not None and not 1e-9 <= sheet.rate_hz <= 1e9:
        raise DataError(
            f"{path}: states a rate of {sheet.rate_hz:g} Hz; correct it there, or save it as CSV"
        )
    return _without_infinite(sheet)


def _without_infinite(sheet: Sheet) -> Sheet:
    """Mark infinite values as missing, with a note. (A text table refuses them, with their row.)"""
    notes = []
    columns = list(sheet.columns)
    for n, column in enumerate(columns):
        infinite = np.isinf(column.values)
        if infinite.any():
            columns[n] = replace(column, values=np.where(infinite, np.nan, column.values))
            count = int(infinite.sum())
            values = f"{count} infinite values are" if count > 1 else "1 infinite value is"
            notes.append(f"column {shown(column.name)}: {values} taken for missing")
    return replace(sheet, columns=tuple(columns), notes=(*sheet.notes, *notes))

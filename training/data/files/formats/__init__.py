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
from functools import cache
from pathlib import Path
from types import ModuleType

from training.bundle.errors import DataError
from training.data.files.options import Options
from training.data.files.sheet import Sheet
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
    module = next(iter([m for m in named if m in matching] + matching), formats()[TEXT])
    try:
        sheet: Sheet = module.read(path, options)
    except MemoryError:
        raise DataError(f"{path}: does not fit in memory; split it") from None
    if sheet.frames == 0 or not sheet.columns:
        raise DataError(f"{path}: holds no samples")
    return sheet

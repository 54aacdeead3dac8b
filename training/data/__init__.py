"""Data sets, one file each.

A data set's module holds

    class Settings(Strict)      with the field `name: Literal["<name>"]`
    load(settings) -> Dataset   int16 counts with gain, offset, units, rate, labels; DataError
                                says what is wrong with a file, UnavailableError that there is none

and, where they are known before anything is loaded,

    CHANNELS                    how many there are
    piece(settings)             frames of what lies end to end (beats, images), each a window by
                                itself
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from training.bundle.errors import DataError
from training.bundle.validation import Strict, nearest, validate
from training.data.recording import Dataset, Recording

__all__ = ["DATA_SETS", "Dataset", "Recording", "load", "load_settings", "settings_types"]

DATA_SETS = (
    "activity",
    "csv",
    "ecg5000",
    "mitdb",
    "mnist",
    "nab",
    "simulated",
    "sines",
    "vibration",
)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def settings_types() -> dict[str, type[Strict]]:
    """Every data set's settings by its name."""
    return {name: _module(name).Settings for name in DATA_SETS}


def channels_of(settings: Strict) -> int | None:
    """How many channels these data have; None where only the file tells."""
    return getattr(_module(getattr(settings, "name")), "CHANNELS", None)  # noqa: B009


def piece_of(settings: Strict) -> int | None:
    """Frames of the pieces that lie end to end in these data; None for a stream."""
    piece = getattr(_module(getattr(settings, "name")), "piece", None)  # noqa: B009
    return None if piece is None else int(piece(settings))


def load(name: str, **settings: Any) -> Dataset:
    """Load the data set of that name.

    Raises DataError: no such data set, a wrong setting, or files that do not hold what they
    should; its subclass UnavailableError where the files cannot be had at all.
    """
    if name not in DATA_SETS:
        raise DataError(f"no data set '{name}'{nearest(name, DATA_SETS)}")
    module = _module(name)
    values = {"name": name, **settings}
    return load_settings(validate(module.Settings, values, f"data set '{name}'", DataError))


def load_settings(settings: Strict) -> Dataset:
    """Load the data set that validated settings describe."""
    dataset: Dataset = _module(getattr(settings, "name")).load(settings)  # noqa: B009
    return dataset

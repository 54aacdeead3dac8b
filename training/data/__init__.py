"""Data sets, one file each; a data set is found by its file name.

The module of a data set holds

    class Settings(DataSettings)    with the field `name: Literal["<module name>"]`
    load(settings) -> Dataset       raises DataError for a file with the wrong contents, and
                                    UnavailableError if there is no file and no download

and, where they are known before the files are read,

    CHANNELS                        number of channels
    piece(settings)                 frames of the pieces (beats, images) that lie end to end
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from training.bundle.errors import DataError
from training.bundle.validation import Strict, nearest, validate
from training.data.recording import Dataset, Recording

__all__ = ["DataSettings", "Dataset", "Recording", "load", "load_dataset", "settings_types"]

_SHARED = {"download", "recording"}  # modules that hold no data set


class DataSettings(Strict):
    """Base of the settings of a data set."""

    name: str


def names() -> list[str]:
    """List the names of the data sets."""
    modules = {module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg}
    return sorted(modules - _SHARED)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def settings_types() -> dict[str, type[DataSettings]]:
    """Map the name of each data set to its settings class."""
    return {name: _module(name).Settings for name in names()}


def channels_of(settings: DataSettings) -> int | None:
    """Return the number of channels, or None if only the file tells."""
    return getattr(_module(settings.name), "CHANNELS", None)


def piece_of(settings: DataSettings) -> int | None:
    """Return the frames of the pieces that lie end to end, or None for a stream."""
    piece = getattr(_module(settings.name), "piece", None)
    return None if piece is None else int(piece(settings))


def load(name: str, **settings: Any) -> Dataset:
    """Load a data set by name, with its settings as keywords.

    Raises:
        UnavailableError: there are no files and no download.
        DataError: the name or a setting is wrong, or a file has the wrong contents.
    """
    if name not in names():
        raise DataError(f"no data set '{name}'{nearest(name, names())}")
    values = {"name": name, **settings}
    return load_dataset(validate(_module(name).Settings, values, f"data set '{name}'", DataError))


def load_dataset(settings: DataSettings) -> Dataset:
    """Load the data set that validated settings describe; raises as `load`."""
    dataset: Dataset = _module(settings.name).load(settings)
    return dataset

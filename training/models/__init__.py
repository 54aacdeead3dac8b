"""Families of autoencoders, one file each.

A family's module is named for it and holds

    class Settings(Strict)      with the field `family: Literal["<module name>"]`
    build(settings, window, channels, seed) -> keras.Model
                                flat [batch, window * channels] in and out, float32, with the
                                layer that gives the code named "code"
and, where a shape can fail to fit a window,

    check(settings, window, channels)
                                RecipeError, naming the key and the fix; asked before data are
                                loaded where a data set says how many channels it has

That is all that a new family needs: it is found by its file.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from training.bundle.validation import Strict


def families() -> list[str]:
    """Names of the families at hand."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def family(name: str) -> ModuleType:
    """The module of one family."""
    return importlib.import_module(f"{__name__}.{name}")


def settings_types() -> dict[str, type[Strict]]:
    """Every family's settings by its name."""
    return {name: family(name).Settings for name in families()}

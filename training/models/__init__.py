"""Families of autoencoders, one file each; a family is found by its file name.

The module of a family holds

    class Settings(FamilySettings)  with the field `family: Literal["<module name>"]`
    build(settings, window, channels, seed) -> keras.Model
                                    float32 [batch, window * channels] in and out; the layer
                                    whose output is the code is named "code"

and, if not every shape fits every window,

    check(settings, window, channels)
                                    raises RecipeError that names the key and the fix; called
                                    before the data are loaded if their channels are known
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

from training.bundle.validation import Strict

if TYPE_CHECKING:
    from training.tensorflow_setup import keras

_SHARED = {"layers", "recurrent", "weight_limit"}  # modules that hold no family


class FamilySettings(Strict):
    """Base of the settings of a family."""

    family: str


def families() -> list[str]:
    """List the names of the families."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - _SHARED)


def family(name: str) -> ModuleType:
    """Import the module of a family."""
    return importlib.import_module(f"{__name__}.{name}")


def build(settings: FamilySettings, window: int, channels: int, seed: int) -> keras.Model:
    """Build a model of any family.

    Raises:
        ConvertError: it has more weights than any board has memory for.
    """
    # Imported here because it loads Keras.
    from training.models.weight_limit import weight_limit

    with weight_limit(f"[model] of family '{settings.family}'"):
        return family(settings.family).build(settings, window, channels, seed)


def settings_types() -> dict[str, type[FamilySettings]]:
    """Map the name of each family to its settings class."""
    return {name: family(name).Settings for name in families()}

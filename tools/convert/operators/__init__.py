"""Operators, one file per group: options, steps of the compiled engine, TFLM registration.

Every module with a table `KINDS` is found by its file; a new operator needs no other entry.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from tools.convert.operator_kind import OperatorKind


@functools.cache
def kinds() -> Mapping[str, OperatorKind]:
    """All operator types by the name that TensorFlow Lite's schema gives them."""
    modules = [
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    ]
    return {name: kind for module in modules for name, kind in getattr(module, "KINDS", {}).items()}

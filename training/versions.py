"""Versions of everything on which the bytes of a bundle depend."""

from __future__ import annotations

import platform
from importlib import metadata

_DISTRIBUTIONS = {
    "vigil": "vigil-tinyml",
    "tensorflow": "tensorflow",
    "keras": "keras",
    "numpy": "numpy",
    "tflite_micro": "tflite-micro",
}


def versions() -> dict[str, str]:
    """Return the versions of Python and of each package, by name."""
    packages = {name: metadata.version(package) for name, package in _DISTRIBUTIONS.items()}
    return {"python": platform.python_version(), **packages}

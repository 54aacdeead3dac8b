"""Versions of everything on which the bytes of a bundle depend."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

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


def code_hash(packages: Sequence[str]) -> str:
    """Hash the code of packages, in hexadecimal: Python, compiled modules and tables of JSON.

    Between releases it tells apart what has the same version.
    """
    digest = hashlib.sha256()
    for package in packages:
        spec = find_spec(package)
        assert spec is not None and spec.submodule_search_locations is not None
        [root] = map(Path, spec.submodule_search_locations)
        for path in sorted(root.rglob("*")):
            if path.name.endswith((".py", ".json", EXTENSION_SUFFIXES[0])):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{package} {path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()

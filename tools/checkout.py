"""The checkout that this program runs from, and its folders."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware"
LIBRARIES = FIRMWARE / "lib"
GENERATED = FIRMWARE / "generated"
DOCS = ROOT / "docs"


def shown(path: Path) -> Path:
    """`path` relative to the working directory where that is shorter to read."""
    with suppress(ValueError):
        return path.resolve().relative_to(Path.cwd())
    return path

"""Where the steps find and leave things."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "firmware" / "generated"
BASELINE = ROOT / "benchmarks" / "budget-baseline.json"


def shown(path: Path) -> Path:
    """Relative to here where that is shorter to read."""
    with suppress(ValueError):
        return path.resolve().relative_to(Path.cwd())
    return path

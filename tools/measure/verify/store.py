"""Keeps the result of verify beside the bundle, for the report."""

from __future__ import annotations

from pathlib import Path

from tools.measure.verify.result import VerifyResult
from training.bundle import read_bundle

RESULT = "verify.json"


def save(result: VerifyResult, bundle_dir: Path) -> Path:
    """Write `result` beside the bundle."""
    path = Path(bundle_dir) / RESULT
    path.write_text(result.to_json())
    return path


def load(bundle_dir: Path) -> VerifyResult | None:
    """Return the saved result; None if there is none, or if it belongs to an older bundle."""
    path = Path(bundle_dir) / RESULT
    if not path.is_file():
        return None
    try:
        result = VerifyResult.from_json(path.read_text())
    except ValueError:
        return None
    return result if result.bundle == read_bundle(bundle_dir).hash8.hex() else None

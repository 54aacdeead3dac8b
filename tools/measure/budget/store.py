"""Budgets kept beside the bundle whose model they hold, for the report."""

from __future__ import annotations

from pathlib import Path

from tools.measure.budget.budget import Budget


def save(budget: Budget, bundle_dir: Path, environment: str) -> Path:
    """Keep `budget` of the image built for `environment` (PlatformIO's name)."""
    path = Path(bundle_dir) / f"budget-{environment}.json"
    path.write_text(budget.to_json())
    return path


def load(bundle_dir: Path, bundle: str) -> tuple[Budget, ...]:
    """The budgets kept in `bundle_dir` that are of the bundle with hash `bundle`, by file name.

    What is of an older bundle, or cannot be read, is passed over.
    """
    found = []
    for path in sorted(Path(bundle_dir).glob("budget-*.json")):
        try:
            budget = Budget.from_json(path.read_text())
        except (ValueError, KeyError, TypeError):
            continue
        if budget.bundle == bundle:
            found.append(budget)
    return tuple(found)

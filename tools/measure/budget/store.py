"""Keeps budgets beside their bundle, for the report."""

from __future__ import annotations

from pathlib import Path

from tools.measure.budget.budget import Budget


def save(budget: Budget, bundle_dir: Path, environment: str) -> Path:
    """Write the budget of the image of a PlatformIO environment beside the bundle."""
    path = Path(bundle_dir) / f"budget-{environment}.json"
    path.write_text(budget.to_json())
    return path


def load(bundle_dir: Path, bundle: str) -> tuple[Budget, ...]:
    """Return the budgets in `bundle_dir` of the bundle with hash `bundle`, sorted by file name.

    Budgets of an older bundle and unreadable files are skipped.
    """
    budgets = []
    for path in sorted(Path(bundle_dir).glob("budget-*.json")):
        try:
            budget = Budget.from_json(path.read_text())
        except ValueError:
            continue
        if budget.bundle == bundle:
            budgets.append(budget)
    return tuple(budgets)

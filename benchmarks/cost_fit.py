"""Fit the instructions of each part of a program to counts of whole runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROUNDS, LEAST = 20, 0.0005  # of the fit, and the relative difference that counts as none


def fit_costs(
    works: Sequence[Mapping[str, float]],
    target: NDArray[np.float64],
    counted: NDArray[np.float64],
    before: Mapping[str, float],
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Return the cost of each part, none negative, and the relative residuals of the runs.

    Parts that the runs do not tell apart change least: a fit to the same counts changes nothing.

    Args:
        works: how often each part runs, for each run.
        target: float64 [runs], the instructions that the parts account for.
        counted: float64 [runs], all instructions, to which the residuals are relative.
        before: the costs until now; 0 for a part that is new.
    """
    parts = sorted({part for work in works for part in work if work[part]})
    matrix = np.array([[work.get(part, 0) for part in parts] for work in works])
    start = np.array([before.get(part, 0.0) for part in parts])
    kept = np.arange(len(parts))
    residuals = np.ones(len(works))
    for _ in range(ROUNDS):
        # Least absolute relative differences, as some runs' branches depend on their values.
        weights = 1 / (counted + 50) / np.sqrt(np.maximum(abs(residuals), LEAST))
        while True:
            known = matrix[:, kept] @ start[kept]
            changes, *_ = np.linalg.lstsq(
                matrix[:, kept] * weights[:, None], (target - known) * weights
            )
            costs = start[kept] + changes
            if costs.min() >= 0:
                break
            kept = np.delete(kept, costs.argmin())
        residuals = (matrix[:, kept] @ costs - target) / counted
    fitted = np.zeros(len(parts))
    fitted[kept] = costs
    return dict(zip(parts, map(float, fitted.round(3)), strict=True)), residuals


def summary(costs: Mapping[str, float], residuals: NDArray[np.float64]) -> str:
    """Return the number of parts and the largest relative residuals of a fit."""
    largest = ", ".join(f"{each:.1%}" for each in np.sort(abs(residuals))[-5:])
    return f"{len(costs)} parts; largest residuals {largest}"


def write_costs(path: Path, costs: Mapping[str, float]) -> None:
    """Write the table that tools.convert.work.costs() reads."""
    path.write_text(json.dumps(costs, indent=1, sort_keys=True) + "\n", encoding="utf-8")

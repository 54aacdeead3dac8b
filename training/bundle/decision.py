"""The decision that a manifest describes: its table of calibration scores, and the C++ object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.bundle.manifest import AlarmLevels, Decision, Manifest
from training.native import Decision as NativeDecision

POINTS = 64  # calibration scores in the table of an image, at 8 bytes each


def table(scores: Sequence[float], points: int = POINTS) -> list[tuple[float, int]]:
    """Choose calibration scores for a board: the largest, and quantiles of the rest.

    The largest decide about small p-values, so half of the points are theirs.

    Args:
        scores: all calibration scores, ascending.
        points: most points to return.

    Returns:
        Scores, ascending and distinct, each with the number of greater ones.
    """
    n = len(scores)
    if n <= points:
        kept = np.arange(n)
    else:
        rest = n - points // 2
        below = np.linspace(0, rest - 1, points - points // 2).round().astype(int)
        kept = np.concatenate([below, np.arange(rest, n)])
    values = np.asarray(scores, np.float32)
    return [
        (float(v), n - int(np.searchsorted(values, v, side="right")))
        for v in np.unique(values[kept])
    ]


def make_decision(
    settings: Decision, scores: Sequence[float], threshold: float = 1.0
) -> NativeDecision:
    """Build the C++ decision.

    Args:
        scores: all calibration scores, ascending.
        threshold: that was chosen from them.
    """
    return NativeDecision(
        table(scores),
        len(scores),
        settings.alarm.kind,
        settings.alarm.windows,
        settings.alarm.raise_level,
        settings.alarm.clear_level,
        settings.drift.block,
        settings.drift.limit,
        threshold,
    )


def decision_of(m: Manifest) -> NativeDecision | None:
    """Build the decision of a bundle; None if it decides window by window."""
    if not isinstance(m.decision, Decision):
        return None
    return make_decision(m.decision, m.threshold.calibration_scores, m.threshold.value)


def alarm_text(alarm: AlarmLevels) -> str:
    """Say in words what raises and clears an alarm."""
    high, low, n = alarm.raise_level, alarm.clear_level, alarm.windows
    if alarm.kind == "count":
        return f"{high:g} of {n} windows flagged (cleared below {low:.3g})"
    return f"mean of {n} scores {high:.3g} x the threshold (cleared below {low:.3g} x)"

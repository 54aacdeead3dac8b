"""Checks of a fitted model: simple detectors beside it, known disturbances, float against int8."""

from __future__ import annotations

import numpy as np
from scipy import stats

from training import metrics
from training.baselines import baseline_scores
from training.bundle import manifest
from training.bundle.chain import is_judged, make_gate
from training.challenge import challenges, count_challenges
from training.evaluation import Evaluated, Fitted, int8_scores
from training.threshold import choices

MOST_MACS = 1_000_000_000  # multiply-accumulates that the challenge set may take


def run_checks(fitted: Fitted, evaluated: Evaluated) -> manifest.Checks:
    """Run the checks that the recipe asks for."""
    settings = fitted.recipe.checks
    return manifest.Checks(
        baselines=_baselines(fitted) if settings.baselines else {},
        challenge=_challenge(fitted, evaluated, settings.challenge),
        agreement=_agreement(fitted, evaluated),
    )


def _baselines(fitted: Fitted) -> dict[str, manifest.Stage]:
    parts, recipe = fitted.parts, fitted.recipe
    counts = {
        "calibration": parts.calibration.counts,
        "abnormal": parts.abnormal.counts,
        "test": parts.test.counts,
    }
    return {
        name: metrics.stage(
            scores["test"],
            parts.test.labels,
            choices(recipe.threshold, scores["calibration"], scores["abnormal"])[
                recipe.threshold.method
            ].value,
            fitted.dataset.test,
            parts.test.spacing(recipe.windows.hop),
        )
        for name, scores in baseline_scores(parts.train.counts, counts, recipe.seed).items()
    }


def _challenge(fitted: Fitted, evaluated: Evaluated, windows: int) -> list[manifest.Caught]:
    most = MOST_MACS // (count_challenges() * max(fitted.info.macs, 1))
    windows = min(windows, max(most, 10))
    if not windows:
        return []
    normal, seed = fitted.parts.calibration, fitted.recipe.seed
    disturbed = challenges(normal.counts, windows, seed)
    # The gate judges samples before the filter: the same disturbances of these.
    raw = disturbed if normal.raw is normal.counts else challenges(normal.raw, windows, seed)
    gate = make_gate(fitted.gate)
    scored = int8_scores(fitted, evaluated.score, [each.counts for each in disturbed])
    threshold = np.float32(evaluated.threshold.value)
    caught = []
    for each, before, (scores, _) in zip(disturbed, raw, scored, strict=True):
        judged = is_judged(gate(before.counts), scores, float(threshold))
        caught.append(
            manifest.Caught(
                kind=each.kind,
                size=each.size,
                unit=each.unit,
                windows=len(scores),
                flagged=int((judged & (scores > threshold)).sum()),
                not_judged=int((~judged).sum()),
            )
        )
    return caught


def _agreement(fitted: Fitted, evaluated: Evaluated) -> manifest.Agreement:
    quantized = fitted.quantizer.quantize(fitted.parts.calibration.counts)
    a, b = evaluated.keras.test, evaluated.int8.test
    varies = len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0
    return manifest.Agreement(
        rank_correlation=float(stats.spearmanr(a, b).statistic) if varies else None,
        saturated=float(((quantized == -128) | (quantized == 127)).mean()),
    )

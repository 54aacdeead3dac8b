"""Choose the score above which a window is an anomaly.

`conformal` is split conformal prediction (Vovk et al. 2005; Lei et al. 2018): with n held-out
normal scores, the k-th smallest, k = ceil((n + 1)(1 - rate)), is exceeded by a new exchangeable
normal score with probability at most `rate`, whatever the scores' distribution. When n is too
small for the rate (k > n) the largest score is taken, which promises 1 / (n + 1) and no less.

The others promise nothing: `percentile` is the plain quantile, `sigma` mean + k standard
deviations, `best_f1` the threshold of the best F1 between held-out normals and the training
recording's abnormal windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from training import recipe
from training.bundle import manifest
from training.bundle.errors import DataError
from training.evaluate import at_threshold

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """One threshold."""

    method: manifest.Method
    setting: float | None
    value: np.float32
    guaranteed_rate: float | None
    guarantee: str


def conformal(calibration: Scores, rate: float) -> Choice:
    """Split conformal threshold for a false-alarm rate of at most `rate` (0 to 1)."""
    n = len(calibration)
    k = math.ceil((n + 1) * (1 - rate) - 1e-9)  # exact products must not round up
    promised = rate if k <= n else 1 / (n + 1)
    k = min(k, n)
    value = np.float32(np.sort(calibration)[k - 1])
    # Given the calibration scores, the rate is Beta(n + 1 - k, k) over calibration sets.
    low, high = stats.beta.ppf((0.025, 0.975), n + 1 - k, k)
    text = (
        f"A new normal window scores above the threshold with probability at most {promised:.2%}, "
        f"if it is exchangeable with the {n} calibration windows. For 95 of 100 such calibration "
        f"sets the long-run rate lies between {low:.2%} and {high:.2%}."
    )
    if promised > rate:
        need = math.ceil(1 / rate - 1e-9) - 1
        text = (
            f"Asked for {rate:.2%}, which takes {need} calibration windows; with {n} the threshold "
            f"is their largest score. {text}"
        )
    return Choice("conformal", rate, value, promised, text)


def departure(m: manifest.Manifest) -> str | None:
    """In a sentence, that the test windows do not keep the guarantee; None where they may.

    For exchangeable windows the number flagged of t normal test windows is beta-binomial, with
    (n + 1 - k, k) from n calibration scores of which the threshold is the k-th smallest. What would
    come in less than one of a thousand such runs is told of.
    """
    flagged = m.metrics.int8.confusion.false_positive
    normals = flagged + m.metrics.int8.confusion.true_negative
    promised = m.threshold.guaranteed_rate
    if promised is None or not normals:
        return None
    scores = np.asarray(m.threshold.calibration_scores)
    k = int((scores <= m.threshold.value).sum())
    if stats.betabinom.sf(flagged - 1, normals, len(scores) + 1 - k, k) > 1e-3:
        return None
    return (
        f"But {flagged / normals:.2%} of the normal test windows are flagged, more than chance "
        f"explains: they are not exchangeable with the calibration windows (another patient or "
        "machine, drift, overlap), and the guarantee does not hold for them. `vigil calibrate` "
        "sets a threshold for one patient or machine from a stretch of its own normal signal."
    )


def percentile(calibration: Scores, rate: float) -> Choice:
    """The (1 - rate) quantile of the calibration scores, linearly interpolated."""
    value = np.float32(np.quantile(calibration.astype(np.float64), 1 - rate))
    text = "None: a quantile of the calibration scores falls short for new windows."
    return Choice("percentile", rate, value, None, text)


def sigma(calibration: Scores, k: float) -> Choice:
    """Mean plus k standard deviations of the calibration scores."""
    scores = calibration.astype(np.float64)
    text = "None: scores are not Gaussian, so k standard deviations stand for no certain rate."
    return Choice("sigma", k, np.float32(scores.mean() + k * scores.std()), None, text)


def best_f1(calibration: Scores, abnormal: Scores) -> Choice:
    """The score that parts calibration normals from abnormal windows with the best F1.

    DataError if there are no abnormal scores.
    """
    if not len(abnormal):
        raise DataError(
            "threshold method best_f1 needs abnormal windows in the training recording; choose "
            "another method"
        )
    scores = np.concatenate([calibration, abnormal])
    candidates = np.unique(scores)
    hit = len(abnormal) - np.searchsorted(np.sort(abnormal), candidates, side="right")
    false = len(calibration) - np.searchsorted(np.sort(calibration), candidates, side="right")
    f1 = 2 * hit / (hit + false + len(abnormal))
    text = "None: chosen for F1 on the training recording's labels, not for a rate."
    return Choice("best_f1", None, np.float32(candidates[np.argmax(f1)]), None, text)


def choices(
    settings: recipe.ThresholdChoice, calibration: Scores, abnormal: Scores
) -> dict[manifest.Method, Choice]:
    """Every threshold that the data allow, by method."""
    offered: dict[manifest.Method, Choice] = {
        "conformal": conformal(calibration, settings.false_alarm_rate),
        "percentile": percentile(calibration, settings.false_alarm_rate),
        "sigma": sigma(calibration, settings.sigma),
    }
    if len(abnormal) or settings.method == "best_f1":
        offered["best_f1"] = best_f1(calibration, abnormal)
    return offered


def choose(
    settings: recipe.ThresholdChoice,
    calibration: Scores,
    abnormal: Scores,
    test: Scores,
    labels: NDArray[np.int8],
) -> manifest.Threshold:
    """The recipe's threshold, with all that were offered and what each gives on the test set."""
    offered = choices(settings, calibration, abnormal)
    chosen = offered[settings.method]
    rows = []
    for choice in offered.values():
        found = at_threshold(test, labels, choice.value)
        rows.append(
            manifest.Offer(
                method=choice.method,
                setting=choice.setting,
                value=manifest.float32_text(choice.value),
                false_alarm_rate=found.false_alarm_rate,
                recall=found.recall,
                precision=found.precision,
                f1=found.f1,
            )
        )
    return manifest.Threshold(
        value=manifest.float32_text(chosen.value),
        method=chosen.method,
        false_alarm_rate=settings.false_alarm_rate,
        guaranteed_rate=chosen.guaranteed_rate,
        guarantee=chosen.guarantee,
        calibration_scores=[manifest.float32_text(s) for s in np.sort(calibration)],
        offered=rows,
    )

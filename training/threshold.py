"""Choose the threshold: a window whose score is above it is an anomaly.

`conformal` is split conformal prediction (Vovk et al. 2005; Lei et al. 2018). The threshold is the
k-th smallest of n calibration scores, k = ceil((n + 1)(1 - rate)). A new exchangeable normal score
exceeds it with probability at most `rate`, for any distribution of the scores. If n is too small
for the rate (k > n), the threshold is the largest score, which guarantees 1 / (n + 1).

The other methods guarantee nothing. `percentile` is the plain quantile, `sigma` is the mean plus k
standard deviations, and `best_f1` is the threshold with the best F1 between the calibration windows
and the abnormal windows of the training recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from training import sections
from training.bundle import manifest
from training.bundle.errors import DataError
from training.metrics import at_threshold
from training.native import Calibration

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """One threshold with its guarantee.

    `setting` is the rate (conformal, percentile), the number of deviations (sigma) or None.
    """

    method: manifest.Method
    setting: float | None
    value: np.float32
    guaranteed_rate: float | None
    guarantee: str


def conformal(calibration: Scores, rate: float) -> Choice:
    """Choose the split conformal threshold for a false-alarm rate of at most `rate` (0 to 1)."""
    n = len(calibration)
    k = math.ceil((n + 1) * (1 - rate) - 1e-9)  # exact products must not round up
    guaranteed = rate if k <= n else 1 / (n + 1)
    k = min(k, n)
    value = np.float32(np.sort(calibration)[k - 1])
    # Over calibration sets, the false-alarm rate of the threshold is Beta(n + 1 - k, k).
    low, high = stats.beta.ppf((0.025, 0.975), n + 1 - k, k)
    text = (
        f"A new normal window scores above the threshold with probability at most {guaranteed:.2%},"
        f" if it is exchangeable with the {n} calibration windows. For 95 of 100 such calibration "
        f"sets the long-run rate lies between {low:.2%} and {high:.2%}."
    )
    if guaranteed > rate:
        needed = math.ceil(1 / rate - 1e-9) - 1
        text = (
            f"A rate of {rate:.2%} needs {needed} calibration windows; with {n} the threshold is "
            f"their largest score. {text}"
        )
    return Choice("conformal", rate, value, guaranteed, text)


def tolerant(calibration: Scores, rate: float, tolerated: float) -> Choice:
    """Choose the threshold as a board's own calibration does (firmware/lib/signal/calibration.h).

    Args:
        calibration: float32 [n], scores of which a few may be abnormal.
        rate: false-alarm rate, rounded to millionths if `tolerated` is not 0.
        tolerated: largest share of abnormal scores; 0: `conformal`.

    Raises:
        DataError: a board cannot keep the scores that this takes.
    """
    if tolerated == 0:
        return conformal(calibration, rate)
    n = len(calibration)
    try:
        twin = Calibration(n, round(1e6 * rate), round(1e6 * tolerated))
    except ValueError as problem:
        raise DataError(
            f"a calibration from {n} windows that tolerates {tolerated:g}: {problem}"
        ) from None
    twin.push(calibration)
    kept = np.sort(calibration)[: n - twin.set_aside]
    chosen = conformal(kept, rate)
    notes = f"{twin.set_aside} of {n} windows were set aside as abnormal. {chosen.guarantee}"
    return replace(
        chosen,
        value=np.float32(twin.threshold),
        guarantee=f"{notes} {tolerance_note(n, rate, tolerated)}",
    )


def tolerance_note(windows: int, rate: float, tolerated: float) -> str:
    """Say what tolerating abnormal windows does to the guarantee of a calibration.

    With t windows that may be set aside and the threshold at rank a of the others, it is at least
    the (t + a)-th largest of all scores, which a new normal window exceeds with probability at most
    (t + a) / (windows + 1).
    """
    aside = math.floor(windows * tolerated + 1e-9)
    rank = max(1, math.floor((windows - aside + 1) * rate + 1e-9))
    worst = (aside + rank) / (windows + 1)
    return (
        f"If all {windows} windows were normal, a new normal window scores above the threshold "
        f"with probability at most {worst:.2%}."
    )


def departure(m: manifest.Manifest) -> str | None:
    """Describe in a sentence that the test windows violate the guarantee; None if they do not.

    If the threshold is the k-th smallest of n calibration scores, the number of flagged windows
    among exchangeable normal test windows is beta-binomial with (n + 1 - k, k). A count with a
    probability below 0.001 is reported. Test windows without any label are taken for normal.
    """
    flagged = m.metrics.int8.confusion.false_positive
    normals = flagged + m.metrics.int8.confusion.true_negative
    labelled = normals + m.metrics.int8.confusion.true_positive
    labelled += m.metrics.int8.confusion.false_negative
    if not labelled:
        normals = m.data.windows.test_unknown
        flagged = round((m.metrics.int8.flagged or 0.0) * normals)
    if m.threshold.guaranteed_rate is None or not normals:
        return None
    scores = np.asarray(m.threshold.calibration_scores)
    k = int((scores <= m.threshold.value).sum())
    if stats.betabinom.sf(flagged - 1, normals, len(scores) + 1 - k, k) > 1e-3:
        return None
    if not labelled:
        return (
            f"{flagged / normals:.1%} flagged is more than chance explains: either such windows "
            "are abnormal, or normal operation has changed since the training part, and the "
            "guarantee does not hold. If they are normal, train on a recording that covers all "
            "states of operation, or set a threshold with `vigil calibrate`."
        )
    return (
        f"However, {flagged / normals:.2%} of the normal test windows are flagged, more than "
        "chance explains. They are not exchangeable with the calibration windows (another patient "
        "or machine, drift, overlap), and the guarantee does not hold for them. `vigil calibrate` "
        "sets a threshold for one patient or machine from a stretch of its own normal signal."
    )


def percentile(calibration: Scores, rate: float) -> Choice:
    """Choose the (1 - rate) quantile of the calibration scores, linearly interpolated."""
    value = np.float32(np.quantile(calibration.astype(np.float64), 1 - rate))
    text = "None: new windows exceed a quantile of the calibration scores more often than the rate."
    return Choice("percentile", rate, value, None, text)


def sigma(calibration: Scores, k: float) -> Choice:
    """Choose the mean plus k standard deviations of the calibration scores."""
    scores = calibration.astype(np.float64)
    text = "None: scores are not Gaussian, so k standard deviations correspond to no fixed rate."
    return Choice("sigma", k, np.float32(scores.mean() + k * scores.std()), None, text)


def best_f1(calibration: Scores, abnormal: Scores) -> Choice:
    """Choose the score that separates calibration from abnormal windows with the best F1.

    Raises:
        DataError: there are no abnormal scores.
    """
    if not len(abnormal):
        raise DataError(
            "threshold.method 'best_f1' needs abnormal windows in the training recording: choose "
            "another method"
        )
    scores = np.concatenate([calibration, abnormal])
    candidates = np.unique(scores)
    hit = len(abnormal) - np.searchsorted(np.sort(abnormal), candidates, side="right")
    false = len(calibration) - np.searchsorted(np.sort(calibration), candidates, side="right")
    f1 = 2 * hit / (hit + false + len(abnormal))
    text = "None: the threshold maximizes F1 on the labels of the training recording."
    return Choice("best_f1", None, np.float32(candidates[np.argmax(f1)]), None, text)


def fixed(value: float) -> Choice:
    """Take the recipe's own threshold."""
    text = "None: the recipe sets the threshold (threshold.value)."
    return Choice("fixed", None, np.float32(value), None, text)


def choices(
    settings: sections.ThresholdChoice, calibration: Scores, abnormal: Scores
) -> dict[manifest.Method, Choice]:
    """Compute the threshold of each method that the data allow."""
    offered: dict[manifest.Method, Choice] = {
        "conformal": conformal(calibration, settings.false_alarm_rate),
        "percentile": percentile(calibration, settings.false_alarm_rate),
        "sigma": sigma(calibration, settings.sigma),
    }
    if len(abnormal) or settings.method == "best_f1":
        offered["best_f1"] = best_f1(calibration, abnormal)
    if settings.value is not None:
        offered["fixed"] = fixed(settings.value)
    return offered


def chosen_method(settings: sections.ThresholdChoice) -> manifest.Method:
    """Return the method whose threshold the bundle gets."""
    return settings.method if settings.value is None else "fixed"


def choose(
    settings: sections.ThresholdChoice,
    calibration: Scores,
    abnormal: Scores,
    test: Scores,
    labels: NDArray[np.int8],
) -> manifest.Threshold:
    """Choose the recipe's threshold, and list those of all methods with their test figures.

    Args:
        calibration: float32 [n], int8 scores of the calibration windows.
        abnormal: float32 [a], scores of the training recording's abnormal windows.
        test: float32 [t], scores of the test windows.
        labels: int8 [t], labels of the test windows.
    """
    offered = choices(settings, calibration, abnormal)
    chosen = offered[chosen_method(settings)]
    rows = []
    for choice in offered.values():
        figures = at_threshold(test, labels, choice.value)
        rows.append(
            manifest.Offer(
                method=choice.method,
                setting=choice.setting,
                value=manifest.float32_text(choice.value),
                false_alarm_rate=figures.false_alarm_rate,
                recall=figures.recall,
                precision=figures.precision,
                f1=figures.f1,
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

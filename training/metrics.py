"""Figures of detection: how well scores separate normal from abnormal windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.labels import ABNORMAL, NORMAL
from training.data.recording import Recording

Scores = NDArray[np.float32]
Labels = NDArray[np.int8]


@dataclass(frozen=True)
class AtThreshold:
    """Figures at one threshold; a figure is None if its denominator is zero."""

    confusion: manifest.Confusion
    false_alarm_rate: float | None  # share of the normal windows that are flagged
    recall: float | None  # share of the abnormal windows that are flagged
    precision: float | None  # share of the flagged windows that are abnormal
    f1: float | None


def at_threshold(scores: Scores, labels: Labels, threshold: float | np.float32) -> AtThreshold:
    """Flag each score above `threshold` and count by label; unknown labels are left out.

    Args:
        scores: float32 [n].
        labels: int8 [n].
        threshold: compared in single precision, as on the board.
    """
    flag = scores > np.float32(threshold)
    normal, abnormal = labels == NORMAL, labels == ABNORMAL
    tp, fn = int((flag & abnormal).sum()), int((~flag & abnormal).sum())
    fp, tn = int((flag & normal).sum()), int((~flag & normal).sum())

    def ratio(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    # Without abnormal windows, precision and F1 would be 0 for every model.
    return AtThreshold(
        confusion=manifest.Confusion(
            true_positive=tp, false_positive=fp, true_negative=tn, false_negative=fn
        ),
        false_alarm_rate=ratio(fp, fp + tn),
        recall=ratio(tp, tp + fn),
        precision=ratio(tp, tp + fp) if tp + fn else None,
        f1=ratio(2 * tp, 2 * tp + fp + fn) if tp + fn else None,
    )


@dataclass(frozen=True)
class ClassFigures:
    """Figures of one class; a figure is None if its denominator is zero."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    windows: int


def classification(confusion: manifest.Confusion) -> tuple[ClassFigures, ClassFigures]:
    """Compute precision, recall and F1 with each of the two classes as the positive one."""
    c = confusion

    def figures(name: str, hit: int, false: int, missed: int) -> ClassFigures:
        return ClassFigures(
            name,
            hit / (hit + false) if hit + false else None,
            hit / (hit + missed) if hit + missed else None,
            2 * hit / (2 * hit + false + missed) if hit + false + missed else None,
            hit + missed,
        )

    return (
        figures("normal", c.true_negative, c.false_negative, c.false_positive),
        figures("abnormal", c.true_positive, c.false_positive, c.false_negative),
    )


def auroc(scores: Scores, labels: Labels) -> float | None:
    """Compute the area under the ROC curve; None unless both labels occur."""
    return _ranking(scores, labels)[0]


def average_precision(scores: Scores, labels: Labels) -> float | None:
    """Compute the step-wise area under the precision-recall curve, or None as `auroc`."""
    return _ranking(scores, labels)[1]


def stage(
    scores: Scores, labels: Labels, threshold: float | np.float32, test: Recording, hop: float
) -> manifest.Stage:
    """Compute all figures of one stage of the model on the test windows.

    Args:
        scores: float32 [n].
        labels: int8 [n].
        threshold: of this stage.
        test: the test recording; false alarms per hour need its real rate.
        hop: mean number of frames from one window to the next.
    """
    figures = at_threshold(scores, labels, threshold)
    area, precision = _ranking(scores, labels)
    per_hour = None
    if figures.false_alarm_rate is not None and test.rate_hz and not test.rate_is_nominal:
        per_hour = figures.false_alarm_rate * 3600 * test.rate_hz / hop
    return manifest.Stage(
        auroc=area,
        average_precision=precision,
        threshold=manifest.float32_text(threshold),
        false_alarm_rate=figures.false_alarm_rate,
        recall=figures.recall,
        precision=figures.precision,
        f1=figures.f1,
        confusion=figures.confusion,
        false_alarms_per_hour=per_hour,
        flagged=float((scores > np.float32(threshold)).mean()) if len(scores) else None,
    )


def _ranking(scores: Scores, labels: Labels) -> tuple[float | None, float | None]:
    # scikit-learn takes a second to start; programs that only choose a threshold do without it.
    from sklearn.metrics import average_precision_score, roc_auc_score

    known = (labels == NORMAL) | (labels == ABNORMAL)
    truth = labels[known] == ABNORMAL
    if truth.all() or not truth.any():
        return None, None
    return (
        float(roc_auc_score(truth, scores[known])),
        float(average_precision_score(truth, scores[known])),
    )

"""Personal scores: the windows of a recording, judged against what is normal for their wearer.

A recording may hold several wearers, separated by cuts. Each is learned anew, in the order of time,
from its first beats; those beats are not judged.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.chain import CLIPPED, is_scored, make_gate, make_wearer
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data.recording import Recording
from training.evaluation import (
    Fitted,
    Personal,
    StageScores,
    int8_scores,
    keras_errors,
    score_of_fit,
)
from training.windows import Windows

Scores = NDArray[np.float32]


def personal_scores(
    settings: manifest.Wearer,
    gate: manifest.NoGate | manifest.GateLimits,
    recording: Recording,
    windows: Windows,
    errors: Scores,
) -> Scores:
    """Judge all windows of a recording, in the order of time.

    Args:
        windows: all beats of the recording, also those that the gate rejects.
        errors: float32 [n], the model's error; anything with settings.score = "template".

    Returns:
        float32 [n], NaN where a beat is not judged: rejected by the gate, or learned from.
    """
    scores = np.full(len(windows), np.nan, np.float32)
    reasons = make_gate(gate)(windows.raw)
    passes = is_scored(reasons)
    for start, stop in recording.stretches():
        inside = (windows.first >= start) & (windows.first < stop) & passes
        if inside.any():
            wearer = make_wearer(settings, windows.counts.shape[1], windows.counts.shape[2])
            scores[inside] = wearer.judge(
                np.ascontiguousarray(windows.counts[inside]),
                windows.intervals[inside],
                errors[inside],
                clipped=reasons[inside] == CLIPPED,
            )
    return scores


def judge_wearers(fitted: Fitted) -> Fitted:
    """Score the parts that set or test the threshold by wearer, and drop what is not judged.

    Raises:
        DataError: no calibration window is left.
    """
    settings = fitted.recipe.wearer
    if not isinstance(settings, manifest.Wearer):
        raise TypeError("the recipe has no wearer")
    parts = fitted.parts

    def personal(recording: Recording, windows: Windows, errors: Scores) -> Scores:
        return personal_scores(settings, fitted.gate, recording, windows, errors)

    def of_stage(errors: tuple[Scores, Scores]) -> tuple[Scores, Scores]:
        train, test = fitted.dataset.train, fitted.dataset.test
        return personal(train, parts.stream, errors[0]), personal(test, parts.test, errors[1])

    if settings.score == "template":  # no model is involved
        nothing = (np.zeros(len(parts.stream), np.float32), np.zeros(len(parts.test), np.float32))
        keras = int8 = of_stage(nothing)
    else:
        score = score_of_fit(fitted)
        stream, test = (keras_errors(fitted, score, p) for p in (parts.stream, parts.test))
        keras = of_stage((stream, test))
        counts = (parts.stream.counts, parts.test.counts)
        stream, test = (errors for errors, _ in int8_scores(fitted, score, counts))
        int8 = of_stage((stream, test))

    known = np.flatnonzero(~np.isnan(int8[0]))
    calibration, abnormal = (
        np.intersect1d(np.searchsorted(parts.stream.first, part.first), known)
        for part in (parts.calibration, parts.abnormal)
    )
    if not len(calibration):
        raise DataError(
            "all calibration beats belong to the first minutes, from which a wearer is learned; "
            "make a longer recording, or set a smaller wearer.learn"
        )
    judged = ~np.isnan(int8[1])

    def stage(scores: tuple[Scores, Scores]) -> StageScores:
        return StageScores(scores[0][calibration], scores[0][abnormal], scores[1][judged])

    return replace(
        fitted,
        parts=replace(
            parts,
            calibration=parts.stream[calibration],
            abnormal=parts.stream[abnormal],
            test=parts.test[judged],
        ),
        not_judged=_with(fitted.not_judged, parts.test.labels[~judged]),
        personal=Personal(stage(keras), stage(int8)),
    )


def _with(counts: manifest.NotJudged, labels: NDArray[np.int8]) -> manifest.NotJudged:
    return manifest.NotJudged(
        normal=counts.normal + int((labels == NORMAL).sum()),
        abnormal=counts.abnormal + int((labels == ABNORMAL).sum()),
        unknown=counts.unknown + int((labels == UNKNOWN).sum()),
    )

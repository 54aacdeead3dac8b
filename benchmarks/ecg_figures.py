"""Figures of judged beats: AUROC, thresholds and alarms; for benchmarks/ecg.py and its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics import auroc

N, S, V, F = range(4)
Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Judged:
    """The beats of a record that count, with their scores."""

    name: str
    scores: Scores  # float32 [n]
    classes: NDArray[np.int16]  # int16 [n]
    peaks: NDArray[np.int64]  # int64 [n], frame of R
    hours: float


def area(records: Iterable[Judged], kinds: Sequence[int]) -> float | None:
    """Compute the AUROC of classes `kinds` against N, pooled over records; None without either."""
    some = list(records)
    scores = np.concatenate([each.scores for each in some])
    classes = np.concatenate([each.classes for each in some])
    kept = np.isin(classes, (N, *kinds))
    labels = (classes[kept] != N).astype(np.int8)
    if labels.min() == labels.max():
        return None
    value = auroc(scores[kept], labels)
    return None if value is None else float(value)


def threshold(records: Iterable[Judged], rate: float) -> float:
    """Compute the conformal threshold of the normal beats of `records`."""
    normal = np.sort(np.concatenate([each.scores[each.classes == N] for each in records]))
    rank = min(len(normal), int(np.ceil((len(normal) + 1) * (1 - rate))))
    return float(normal[rank - 1])


def left_out(records: Sequence[Judged], rate: float) -> dict[str, float]:
    """Compute for each record the threshold that the other records give."""
    return {
        each.name: threshold((other for other in records if other is not each), rate)
        for each in records
    }


def alarms(scores: Scores, classes: NDArray[np.int16], limit: float) -> tuple[int, int, int]:
    """Count runs of three V, those that an alarm of 3 in 5 finds, and false episodes."""
    flags = np.concatenate([np.zeros(4, int), scores > limit])
    active = np.array([flags[i : i + 5].sum() >= 3 for i in range(len(scores))])
    runs = found = start = 0
    for i in range(len(classes) + 1):
        if i < len(classes) and classes[i] == V:
            continue
        if i - start >= 3:
            runs += 1
            found += bool(active[start : i + 4].any())
        start = i + 1
    false = 0
    for begin in np.flatnonzero(active & ~np.concatenate([[False], active[:-1]])):
        false += not (classes[max(0, begin - 4) : begin + 1] != N).any()
    return runs, found, false

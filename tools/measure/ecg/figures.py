"""Figures of judged beats: AUROC, thresholds, alarms, and their intervals over records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.measure.ecg.records import Judged, N, Scores, V
from training.metrics import auroc

DRAWS = 2000  # of records with replacement, for an interval
INTERVAL = (2.5, 97.5)  # percentiles
Interval = tuple[float, float]
Limits = Mapping[str, float]
"""Threshold by name of record."""


def area(records: Iterable[Judged], kinds: Sequence[int]) -> float | None:
    """Compute the AUROC of classes `kinds` against N, pooled over records; None without either."""
    some = list(records)
    scores = np.concatenate([each.scores for each in some])
    classes = np.concatenate([each.classes for each in some])
    kept = np.isin(classes, (N, *kinds))
    labels = (classes[kept] != N).astype(np.int8)
    if not labels.any() or labels.all():
        return None
    value = auroc(scores[kept], labels)
    return None if value is None else float(value)


def area_interval(records: Sequence[Judged], kinds: Sequence[int]) -> Interval | None:
    """Compute the interval of `area` when records are drawn with replacement.

    Beats of one record resemble one another, so that records are drawn, not beats. None if fewer
    than three records have beats of `kinds`.
    """
    abnormal = [r.scores[np.isin(r.classes, kinds)] for r in records]
    normal = [np.sort(r.scores[r.classes == N]) for r in records]
    if sum(len(each) > 0 for each in abnormal) < 3:
        return None
    # wins[i, j]: pairs in which a beat of record i scores above a normal beat of record j.
    wins = np.array(
        [
            [
                (np.searchsorted(b, a, "left") + np.searchsorted(b, a, "right")).sum() / 2
                for b in normal
            ]
            for a in abnormal
        ]
    )
    sizes = (np.array([len(a) for a in abnormal]), np.array([len(b) for b in normal]))
    weights = _draws(len(records))
    pairs = (weights @ sizes[0]) * (weights @ sizes[1])
    areas = np.einsum("di,ij,dj->d", weights, wins, weights)[pairs > 0] / pairs[pairs > 0]
    return _percentiles(areas)


def rate_interval(flagged: Sequence[int], beats: Sequence[int]) -> Interval:
    """Compute the interval of `sum(flagged) / sum(beats)` when records are drawn likewise."""
    weights = _draws(len(beats))
    below = weights @ np.array(beats)
    return _percentiles((weights @ np.array(flagged))[below > 0] / below[below > 0])


def _draws(records: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    return rng.multinomial(records, np.full(records, 1 / records), DRAWS).astype(np.float64)


def _percentiles(values: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(values, INTERVAL)
    return float(low), float(high)


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


def flagged(records: Sequence[Judged], limits: Limits, kind: int) -> tuple[list[int], list[int]]:
    """Count flagged beats and all beats of class `kind`, by record."""
    rows = [(r.classes == kind, r.scores > limits[r.name]) for r in records]
    return [int((of & above).sum()) for of, above in rows], [int(of.sum()) for of, _ in rows]


@dataclass(frozen=True)
class Alarms:
    """Alarms of 3 flagged beats in 5."""

    runs: int  # of three ventricular beats or more
    found: int  # of them with an alarm during the run or up to two beats after it
    false: int  # alarms that begin on five normal beats
    hours: float


def alarms(records: Sequence[Judged], limits: Limits) -> Alarms:
    """Count runs of three ventricular beats, those that an alarm finds, and false alarms."""
    counts = [_alarms(r.scores > limits[r.name], r.classes) for r in records]
    runs, found, false = (sum(column) for column in zip(*counts, strict=True))
    return Alarms(runs, found, false, sum(r.hours for r in records))


def _alarms(flags: NDArray[np.bool_], classes: NDArray[np.int16]) -> tuple[int, int, int]:
    if not len(flags):
        return 0, 0, 0
    recent = np.convolve(flags.astype(int), np.ones(5, int))[: len(flags)]
    active = recent >= 3
    edges = np.diff(np.concatenate([[0], classes == V, [0]]).astype(int))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = stops - starts >= 3
    found = [active[a : b + 2].any() for a, b in zip(starts[long], stops[long], strict=True)]
    begins = np.flatnonzero(active & ~np.concatenate([[False], active[:-1]]))
    false = [not (classes[max(0, at - 4) : at + 1] != N).any() for at in begins]
    return int(long.sum()), int(sum(found)), int(sum(false))


def share(counts: tuple[Sequence[int], Sequence[int]]) -> float:
    """Compute the pooled share of `flagged`; NaN without a beat."""
    return sum(counts[0]) / sum(counts[1]) if sum(counts[1]) else float("nan")


def scores_of(records: Sequence[Judged], kind: int) -> Scores:
    """Return the scores of all beats of class `kind`."""
    return np.concatenate([r.scores[r.classes == kind] for r in records])

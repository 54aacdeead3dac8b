"""The study of the recipe mitdb: beats cut at their annotations, an autoencoder of other patients.

No wearer is learned: a beat's score is the error of the autoencoder alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.measure.ecg.autoencoder import FOLDS, STAGES, errors_by_stage, join
from tools.measure.ecg.figures import Limits, left_out, threshold
from tools.measure.ecg.records import Judged, N, Scores
from training.bundle.errors import DataError
from training.data import mitdb
from training.recipe import Recipe
from training.windows import Windows

Beats = dict[str, tuple[NDArray[np.int16], NDArray[np.int16]]]
"""Beats int16 [n, 128] and AAMI classes int16 [n] by record."""


@dataclass(frozen=True, eq=False)
class Annotated:
    """Every beat of both sets with its score, by set, stage and seed."""

    name: str
    rate: float  # of false alarms, which the recipe asks for
    judged: dict[tuple[str, str], list[list[Judged]]]  # by set and stage; records by seed

    def limits(self, part: str, stage: str, seed: int) -> Limits:
        """Compute thresholds: for a record of DS1 from the others, for DS2 from all of DS1."""
        ds1 = self.judged["DS1", stage][seed]
        if part == "DS1":
            return left_out(ds1, self.rate)
        return dict.fromkeys(
            (r.name for r in self.judged[part, stage][seed]), threshold(ds1, self.rate)
        )


def evaluate_annotated(
    recipe: Recipe, seeds: int, say: Callable[[str], None] = lambda _: None
) -> Annotated:
    """Train a recipe without each quarter of DS1, and on all of DS1, for DS2.

    Args:
        seeds: number of seeds, from 1.
        say: called with a line on what is being done.

    Raises:
        VigilError: a record cannot be used, or there are too few.
    """
    settings = mitdb.Settings()
    say("reading the records")
    ds1, ds2 = mitdb.read_patients(settings.train), mitdb.read_patients(settings.test)
    if len(ds1) < FOLDS:
        raise DataError(f"the study needs {FOLDS} records of DS1 or more, but has {len(ds1)}")
    judged: dict[tuple[str, str], list[list[Judged]]] = {
        (part, stage): [] for part in ("DS1", "DS2") for stage in STAGES
    }
    names = list(ds1)
    for seed in range(1, seeds + 1):
        say(f"autoencoders of seed {seed} of {seeds}")
        of_seed = recipe.model_copy(update={"seed": seed})
        errors: dict[str, tuple[Scores, Scores]] = {}
        for fold in range(FOLDS):
            test = names[fold::FOLDS]
            train = {name: ds1[name] for name in names if name not in test}
            errors |= errors_by_stage(
                _normal(train), {n: _windows(*ds1[n]) for n in test}, (mitdb.GAIN,), of_seed
            )
        beats = {name: _windows(*each) for name, each in ds2.items()}
        errors |= errors_by_stage(_normal(ds1), beats, (mitdb.GAIN,), of_seed)
        for part, records in (("DS1", ds1), ("DS2", ds2)):
            for at, stage in enumerate(STAGES):
                judged[part, stage].append(
                    [_judged(name, errors[name][at], records[name][1]) for name in records]
                )
    return Annotated(recipe.name, recipe.threshold.false_alarm_rate, judged)


def _normal(records: Beats) -> Windows:
    return join(
        [_windows(beats[kinds == N], kinds[kinds == N]) for beats, kinds in records.values()]
    )


def _windows(beats: NDArray[np.int16], classes: NDArray[np.int16]) -> Windows:
    n = len(beats)
    counts = np.ascontiguousarray(beats[..., None])
    labels = (classes != N).astype(np.int8)
    first = np.arange(n, dtype=np.int64) * beats.shape[1]
    return Windows(counts, labels, first, np.zeros(n, np.uint32), counts)


def _judged(name: str, scores: NDArray[np.float32], classes: NDArray[np.int16]) -> Judged:
    return Judged(name, scores, classes, np.arange(len(classes)), 0.0)

"""What the autoencoder adds to the wearer's forms: scores by family, stage and seed.

The autoencoder is trained on normal beats of other people: for a record of DS1 on three quarters
of the other records, for one of DS2 on all of DS1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tools.measure.ecg.autoencoder import FOLDS, STAGES, errors_by_stage, join
from tools.measure.ecg.records import Chain, Judged, N, Record, Scores
from training.recipe import Recipe, make_recipe


@dataclass(frozen=True, eq=False)
class Run:
    """Both sets, judged once."""

    ds1: list[Judged]
    ds2: list[Judged]

    def of(self, name: str) -> list[Judged]:
        """Return the records of "DS1" or "DS2"."""
        return self.ds1 if name == "DS1" else self.ds2


Families = dict[tuple[str, str], list[Run]]
"""Runs by family and stage, one per seed; `template` has the stage "host" and no seed."""


def compare_families(
    ds1: Sequence[Record],
    ds2: Sequence[Record],
    chain: Chain,
    settings: dict[str, Any],
    seeds: int,
    say: Callable[[str], None],
) -> Families:
    """Judge both sets by each family of scores, with autoencoders of `seeds` seeds.

    Args:
        settings: the recipe of the autoencoders, as a manifest holds it.
    """
    families: Families = {
        ("template", "host"): [
            Run(*([chain.judge(r, score="template") for r in part] for part in (ds1, ds2)))
        ]
    }
    for seed in range(1, seeds + 1):
        recipe = make_recipe(settings | {"seed": seed})
        say(f"autoencoders of seed {seed} of {seeds}")
        errors: dict[str, tuple[Scores, Scores]] = {}
        for fold in range(FOLDS):
            test = ds1[fold::FOLDS]
            train = [record for record in ds1 if record not in test]
            if train and test:
                errors |= _errors(train, test, recipe)
        if ds2:
            errors |= _errors(ds1, ds2, recipe)
        for kind in ("autoencoder", "both"):
            for at, stage in enumerate(STAGES):
                run = Run(
                    *(
                        [chain.judge(r, errors[r.name][at], kind) for r in part]
                        for part in (ds1, ds2)
                    )
                )
                families.setdefault((kind, stage), []).append(run)
    return families


def _errors(
    train: Sequence[Record], test: Sequence[Record], recipe: Recipe
) -> dict[str, tuple[Scores, Scores]]:
    normal = join([record.windows[record.classes == N] for record in train])
    beats = {record.name: record.windows for record in test}
    return errors_by_stage(normal, beats, train[0].recording.gain, recipe)

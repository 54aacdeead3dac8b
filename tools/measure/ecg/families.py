"""What the autoencoder adds to the wearer's forms: scores by family, stage and seed.

The autoencoder is trained on normal beats of other people: for a record of DS1 on three quarters
of the other records, for one of DS2 on all of DS1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.measure.ecg.records import Chain, Judged, N, Record, Scores
from training.recipe import Recipe, make_recipe
from training.windows import Parts, Windows

FOLDS = 4
STAGES = ("float", "int8")


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
    """Fit the recipe's autoencoder to normal beats of `train`; errors of `test` by record.

    Returns:
        float32 [n] of the float model and of the int8 model, for the beats of each record.
    """
    # TensorFlow takes seconds to import, and only this function needs it.
    from training.bundle.chain import make_score
    from training.bundle.interpreter import Interpreter
    from training.evaluation import predict
    from training.input_quantization import fit_input_quantizer
    from training.quantize import read_model_info, to_int8
    from training.score import fold_reconstruction, real_score
    from training.train import fit_model

    kind = recipe.score.kind
    assert kind in ("mse", "mae"), "the wearer takes a reconstruction error"
    normal = _join([record.windows[record.classes == N] for record in train])
    last = np.arange(len(normal)) % 10 == 0
    parts = Parts(normal[~last], normal[last], *(normal[:0] for _ in range(4)))
    gain = train[0].recording.gain
    quantizer = fit_input_quantizer(recipe.scaler, parts.train.counts, gain)
    model, _ = fit_model(recipe, parts, quantizer, progress=False)
    flatbuffer = to_int8(model, quantizer.quantize(parts.train.counts), quantizer)
    info = read_model_info(flatbuffer)
    score = fold_reconstruction(kind, info.input, info.output)
    native, interpreter = make_score(score, info.input, info.output), Interpreter(flatbuffer)
    result = {}
    for record in test:
        scaled = quantizer.quantize(record.windows.counts)
        real = quantizer.dequantize(scaled)
        of_float = real_score(score, real, predict(model, real), float(quantizer.scale))
        result[record.name] = (of_float, native.score(scaled, interpreter.run(scaled)))
    return result


def _join(parts: Sequence[Windows]) -> Windows:
    counts = np.concatenate([each.counts for each in parts])
    return Windows(
        counts,
        np.concatenate([each.labels for each in parts]),
        np.concatenate([each.first for each in parts]),
        np.concatenate([each.intervals for each in parts]),
        counts,
    )

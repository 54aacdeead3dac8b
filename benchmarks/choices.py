"""Choose settings of ECG5000's fit by the abnormal beats of TRAIN, without the test set.

    python -m benchmarks.choices [power | abnormal]

`power` prints the AUROC between TRAIN's 208 abnormal beats, which the fit does not use, and the
calibration beats, for each `fit.power` and `score.kind`. Models are float, with seeds 1 to 5, each
with its own split. Takes half a minute on two idle cores.

`abnormal` cross-validates `fit.abnormal` with the recipe `ecg5000_labelled`: for each seed, each
quarter of the abnormal beats is held out once, and the fit sees the others, 4 of them or none. The
AUROC is that between calibration beats and held-out ones. The disturbances are those of `vigil
train`'s checks, injected into calibration beats; the threshold is that of the int8 scores. The last
row is a logistic regression on the beats, without an autoencoder. Takes five minutes of processor
time.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.bundle.labels import ABNORMAL, NORMAL
from training.bundle.manifest import NoGate, NotJudged
from training.challenge import challenges
from training.data.recording import Dataset
from training.evaluation import Fitted, int8_scores, keras_errors, predict, score_of_fit
from training.input_quantization import InputQuantizer, fit_input_quantizer
from training.metrics import auroc
from training.precheck import FEW_ABNORMAL
from training.quantize import read_model_info, to_int8
from training.recipe import Recipe, read_recipe
from training.score import reconstruction_error
from training.threshold import conformal
from training.train import fit_model
from training.windows import Parts, Windows, divide, load_data

POWERS = (1, 2, 3, 4)
SEEDS = range(1, 6)
FOLDS = 4
MARGINS = ((0.0, 0), (0.02, None), (0.05, None), (0.1, None), (0.1, FEW_ABNORMAL))
"""fit.abnormal, and how many of the abnormal beats the fit sees; None for all."""

DISTURBED = 50  # calibration beats for each disturbance

Values = NDArray[np.float32]


def prepare(name: str, changes: Sequence[str]) -> tuple[Recipe, Dataset, Parts, InputQuantizer]:
    """Divide the data of a recipe with these changes, and choose the input quantization."""
    recipe, dataset = load_data(read_recipe(name, changes))
    parts = divide(dataset, recipe.windows, recipe.split, recipe.seed)
    quantizer = fit_input_quantizer(recipe.scaler, parts.train.counts, dataset.train.gain)
    return recipe, dataset, parts, quantizer


def area(normal: Values, abnormal: Values) -> float:
    """Return the AUROC between the scores of normal and of abnormal windows."""
    labels = np.repeat([NORMAL, ABNORMAL], [len(normal), len(abnormal)]).astype(np.int8)
    value = auroc(np.concatenate([normal, abnormal]), labels)
    assert value is not None
    return value


def spread(areas: Sequence[float]) -> str:
    """Return the mean AUROC, and the lowest to the highest."""
    return f"{np.mean(areas):.4f} ({min(areas):.4f} to {max(areas):.4f})"


def compare_powers() -> None:
    """Print a row for each power: the AUROC with both distances."""
    areas: dict[tuple[int, str], list[float]] = {}
    for power, seed in itertools.product(POWERS, SEEDS):
        recipe, _, parts, quantizer = prepare("ecg5000", [f"fit.power={power}", f"seed={seed}"])
        model, _ = fit_model(recipe, parts, quantizer, progress=False)
        real = [
            quantizer.dequantize(quantizer.quantize(p.counts))
            for p in (parts.calibration, parts.abnormal)
        ]
        for kind in ("mse", "mae"):
            scores = (reconstruction_error(kind, each, predict(model, each)) for each in real)
            areas.setdefault((power, kind), []).append(area(*scores))
    for power in POWERS:
        figures = ", ".join(f"{kind} {spread(areas[power, kind])}" for kind in ("mse", "mae"))
        print(f"power {power}: {figures}")


def folds(abnormal: Windows, seed: int) -> list[tuple[Windows, Windows]]:
    """Divide abnormal windows, in random order, into those of the fit and those held out."""
    order = np.random.default_rng(seed).permutation(len(abnormal))
    return [
        (abnormal[np.delete(order, np.s_[fold::FOLDS])], abnormal[order[fold::FOLDS]])
        for fold in range(FOLDS)
    ]


def score_fold(margin: float, most: int | None, seed: int, fold: int) -> tuple[float, ...]:
    """Fit one model; return its AUROC in int8 and in float, the share flagged, and its error.

    The share is that of the injected disturbances, the error the mean one of calibration beats.
    """
    changes = [f"fit.abnormal={margin}", f"seed={seed}"]
    recipe, dataset, parts, quantizer = prepare("ecg5000_labelled", changes)
    fitted_to, held_out = folds(parts.abnormal, seed)[fold]
    own = replace(parts, abnormal=fitted_to[:most])
    model, history = fit_model(recipe, own, quantizer, progress=False)
    flatbuffer = to_int8(model, quantizer.quantize(parts.train.counts), quantizer)
    gate, info = NoGate(kind="none"), read_model_info(flatbuffer)
    fitted = Fitted(
        recipe, dataset, own, gate, NotJudged(), quantizer, model, history, flatbuffer, info
    )
    score = score_of_fit(fitted)
    disturbed = challenges(parts.calibration.counts, DISTURBED, seed)
    counts = [parts.calibration.counts, held_out.counts, *(each.counts for each in disturbed)]
    normal, abnormal, *others = (scores for scores, _ in int8_scores(fitted, score, counts))
    threshold = conformal(normal, recipe.threshold.false_alarm_rate).value
    return (
        area(normal, abnormal),
        area(*(keras_errors(fitted, score, each) for each in (parts.calibration, held_out))),
        float(np.mean([(each > threshold).mean() for each in others])),
        float(normal.mean()),
    )


def regress_fold(seed: int, fold: int) -> float:
    """Return the AUROC of a logistic regression on the same beats."""
    _, _, parts, quantizer = prepare("ecg5000_labelled", [f"seed={seed}"])
    fitted_to, held_out = folds(parts.abnormal, seed)[fold]
    train, abnormal, *tested = (
        quantizer.dequantize(quantizer.quantize(each.counts))
        for each in (parts.train, fitted_to, parts.calibration, held_out)
    )
    labels = np.repeat([NORMAL, ABNORMAL], [len(train), len(abnormal)])
    regression = LogisticRegression(max_iter=1000).fit(np.concatenate([train, abnormal]), labels)
    return area(*(regression.decision_function(each).astype(np.float32) for each in tested))


def compare_margins() -> None:
    """Print a row for each margin, for few abnormal beats, and for the logistic regression."""
    cases = list(itertools.product(SEEDS, range(FOLDS)))
    for margin, most in MARGINS:
        rows = [score_fold(margin, most, *case) for case in cases]
        int8, keras, flagged, error = zip(*rows, strict=True)
        print(
            f"abnormal {margin}, {'all' if most is None else most} abnormal beats: "
            f"int8 {spread(int8)}, float {spread(keras)}, "
            f"disturbances flagged {np.mean(flagged):.1%}, "
            f"error of calibration beats {np.mean(error):.3f}",
            flush=True,
        )
    print(f"logistic regression: {spread([regress_fold(*case) for case in cases])}")


def main() -> None:
    """Read which setting to compare, and compare it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("setting", nargs="?", choices=("power", "abnormal"), default="power")
    compare = {"power": compare_powers, "abnormal": compare_margins}
    compare[parser.parse_args().setting]()


if __name__ == "__main__":
    main()

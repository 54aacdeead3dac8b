"""Continuous ECG by wearer: AUROC, false alarms, alarms and noise on MIT-BIH; writes docs/ecg.md.

Run `python -m benchmarks.ecg` with VIGIL_DATA set; 27 records and five seeds take some minutes.
Beats are those that the firmware's detector finds. A beat belongs to an annotation within 150 ms;
the first five minutes of a record, ventricular flutter and beats without an annotation are left
out. DS1 is evaluated by leaving records out: threshold and autoencoder come from the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ecg_figures import F, Judged, N, Scores, V, area, left_out, threshold
from benchmarks.ecg_page import PICTURE, page
from benchmarks.ecg_pictures import draw_missed
from training.bundle.interpreter import Interpreter
from training.bundle.manifest import NoGate, Wearer
from training.bundle.wearer_schema import WearerScore
from training.data import ecg
from training.data.recording import Recording
from training.recipe import Recipe, read_recipe
from training.wearers import personal_scores
from training.windows import Windows, cut, segmenter

START = 300  # s of each record that are left out, as EC57 requires
FOLDS = 4


@dataclass(frozen=True, eq=False)
class Record:
    """The beats of one record."""

    name: str
    recording: Recording
    windows: Windows
    peaks: NDArray[np.int64]  # int64 [n], frame of each R
    classes: NDArray[np.int16]  # int16 [n], of each beat
    used: NDArray[np.bool_]  # bool [n], after START and annotated N, S, V or F


def prepare(recording: Recording, recipe: Recipe) -> Record:
    """Find the beats of a record."""
    settings = segmenter(recipe.windows, recording.rate_hz)
    windows = cut(recording, settings)
    assert recording.classes is not None and recording.rate_hz is not None
    peaks = windows.first + (recipe.windows.before or 0)
    classes = recording.classes[peaks]
    used = (peaks >= START * recording.rate_hz) & (classes <= F)
    return Record(recording.name, recording, windows, peaks, classes, used)


def judged(record: Record, wearer: Wearer, errors: Scores | None = None) -> Judged:
    """Score the beats of a record by wearer, and keep those that count."""
    if errors is None:
        errors = np.zeros(len(record.windows), np.float32)
    scores = personal_scores(wearer, NoGate(), record.recording, record.windows, errors)
    kept = record.used & ~np.isnan(scores)
    hours = (record.recording.seconds or 0) / 3600 - START / 3600
    return Judged(record.name, scores[kept], record.classes[kept], record.peaks[kept], hours)


def errors_of(
    train: Sequence[Record], test: Sequence[Record], recipe: Recipe, seed: int
) -> dict[str, Scores]:
    """Fit the recipe's autoencoder to normal beats of `train`; int8 errors of `test` by record."""
    # TensorFlow takes seconds to import, and only this function needs it.
    from training.bundle.chain import make_score
    from training.input_quantization import fit_input_quantizer
    from training.quantize import read_model_info, to_int8
    from training.score import fold_reconstruction
    from training.train import fit_model
    from training.windows import Parts

    recipe = recipe.model_copy(update={"seed": seed})
    normal = [record.windows[record.classes == N] for record in train]
    windows = Windows(
        np.concatenate([each.counts for each in normal]),
        np.concatenate([each.labels for each in normal]),
        np.concatenate([each.first for each in normal]),
        np.concatenate([each.intervals for each in normal]),
        np.concatenate([each.raw for each in normal]),
    )
    validation = windows[np.arange(len(windows)) % 10 == 0]
    windows = windows[np.arange(len(windows)) % 10 != 0]
    gain = train[0].recording.gain
    quantizer = fit_input_quantizer(recipe.scaler, windows.counts, gain)
    parts = Parts(windows, validation, windows[:0], windows[:0], windows[:0], windows[:0])
    model, _ = fit_model(recipe, parts, quantizer, progress=False)
    flatbuffer = to_int8(model, quantizer.quantize(windows.counts), quantizer)
    info = read_model_info(flatbuffer)
    kind = recipe.score.kind
    assert kind in ("mse", "mae"), "the wearer takes a reconstruction error"
    score = fold_reconstruction(kind, info.input, info.output)
    native, interpreter = make_score(score, info.input, info.output), Interpreter(flatbuffer)
    result = {}
    for record in test:
        scaled = quantizer.quantize(record.windows.counts)
        result[record.name] = native.score(scaled, interpreter.run(scaled))
    return result


def compare_families(
    ds1: Sequence[Record], ds2: Sequence[Record], recipe: Recipe, seeds: int
) -> dict[WearerScore, list[tuple[list[Judged], list[Judged]]]]:
    """Judge both sets by each family of scores, once per seed; "template" has no seed."""
    results: dict[WearerScore, list[tuple[list[Judged], list[Judged]]]] = {
        "template": [
            (
                [judged(r, _wearer(recipe, "template")) for r in ds1],
                [judged(r, _wearer(recipe, "template")) for r in ds2],
            )
        ],
        "autoencoder": [],
        "both": [],
    }
    for seed in range(1, seeds + 1):
        errors: dict[str, Scores] = {}
        for fold in range(FOLDS):
            test = ds1[fold::FOLDS]
            train = [record for record in ds1 if record not in test]
            errors |= errors_of(train, test, recipe, seed)
        errors |= errors_of(ds1, ds2, recipe, seed)
        for kind in ("autoencoder", "both"):
            wearer = _wearer(recipe, kind)
            results[kind].append(
                (
                    [judged(record, wearer, errors[record.name]) for record in ds1],
                    [judged(record, wearer, errors[record.name]) for record in ds2],
                )
            )
        print(f"seed {seed} of {seeds}")
    return results


def _wearer(recipe: Recipe, score: WearerScore) -> Wearer:
    assert isinstance(recipe.wearer, Wearer)
    return recipe.wearer.model_copy(update={"score": score})


Noise = Callable[[int, float, np.random.Generator], NDArray[np.float64]]


def _wander(frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(frames) / rate
    waves = (np.sin(2 * np.pi * (f * time + rng.uniform())) for f in (0.15, 0.3, 0.45))
    return np.asarray(sum(waves))


def _muscle(frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    bursts = np.repeat(rng.random(frames // int(rate) + 1) < 0.5, int(rate))[:frames]
    return np.asarray(rng.standard_normal(frames) * bursts)


def _hum(frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(np.sin(2 * np.pi * (50 / rate * np.arange(frames) + rng.uniform())))


def _steps(frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    from scipy.signal import lfilter

    kicks = np.where(rng.random(frames) < 0.5 / rate, rng.standard_normal(frames), 0.0)
    return np.asarray(lfilter([1.0], [1.0, -np.exp(-1 / rate)], kicks))


NOISES: Mapping[str, Noise] = {
    "wander": _wander,
    "muscle": _muscle,
    "hum": _hum,
    "electrode steps": _steps,
}


def noisy(recording: Recording, kind: str, decibels: float) -> Recording:
    """Add noise at a ratio of the beats' power (about the record's mean) to the noise's."""
    counts = recording.counts.astype(np.float64)
    rng = np.random.default_rng(int(decibels) + sum(map(ord, recording.name + kind)))
    added = NOISES[kind](len(counts), recording.rate_hz or 1.0, rng)
    added *= np.sqrt(counts.var() / added.var() / 10 ** (decibels / 10))
    dirty = np.clip(np.rint(counts + added[:, None]), -32768, 32767).astype(np.int16)
    return replace(recording, counts=dirty)


def main() -> None:
    """Evaluate and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/ecg.md"))
    options = parser.parse_args()
    recipe = read_recipe("ecg")
    folder, settings = ecg.find_folder(), ecg.Settings()
    sets = [
        [
            prepare(ecg.read_record(folder / name), recipe)
            for name in names
            if (folder / f"{name}.hea").is_file()
        ]
        for names in (settings.train, settings.test)
    ]
    families = compare_families(sets[0], sets[1], recipe, options.seeds)
    ds1, ds2 = families["template"][0]
    clean = threshold(ds1, 0.02)
    noise: dict[tuple[str, float], tuple[float | None, float]] = {}
    wearer = _wearer(recipe, "template")
    for kind in NOISES:
        for decibels in (24, 18, 12, 6, 0):
            some = [
                judged(prepare(noisy(record.recording, kind, decibels), recipe), wearer)
                for record in sets[0][::3]
            ]
            flagged = np.concatenate([r.scores[r.classes == N] > clean for r in some])
            noise[kind, decibels] = (area(some, (V, F)), float(flagged.mean()))
    draw_missed(
        {record.name: record.recording for record in sets[0]},
        ds1,
        left_out(ds1, 0.01),
        options.out.parent / PICTURE,
    )
    options.out.write_text(page(families, ds1, ds2, noise, wearer.learn), encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()

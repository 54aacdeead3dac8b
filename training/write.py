"""Write the bundle of a fitted and evaluated model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle import Bundle, crc32, manifest, pack_arrays, sha256, write_bundle
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.encoder import encoder_of
from training.evaluation import Evaluated, Fitted, predict
from training.filters import filter_of
from training.imported.source import Source
from training.models.layers import deployed_parameters
from training.tensorflow_setup import keras
from training.versions import versions
from training.windows import segmenter

GOLDEN_WINDOWS = 16
EVALUATION_WINDOWS = 5000  # test windows whose input and reconstruction a report can show


def write(
    fitted: Fitted,
    evaluated: Evaluated,
    checks: manifest.Checks,
    path: Path,
    add_files: Callable[[Path], None] | None = None,
) -> Bundle:
    """Write the bundle to `path`, with the files that `add_files` writes into its folder.

    Raises:
        DataError: there are too few test windows for golden.npz.
    """
    chosen = choose_golden(evaluated.int8.test, fitted.parts.test.labels)
    golden = pack_arrays(_golden_arrays(fitted, evaluated, chosen))
    contents = manifest.Manifest(
        name=fitted.recipe.name,
        data=_data(fitted),
        signal=_signal(fitted),
        filter=filter_of(fitted.recipe.filter, fitted.dataset.train.rate_hz),
        segmenter=segmenter(fitted.recipe.windows, fitted.dataset.train.rate_hz),
        gate=fitted.gate,
        scaler=fitted.quantizer.scaler,
        features=fitted.quantizer.features,
        model=_model_file(fitted),
        score=evaluated.score,
        wearer=fitted.recipe.wearer,
        threshold=evaluated.threshold,
        decision=evaluated.decision,
        metrics=evaluated.metrics,
        checks=checks,
        golden=manifest.Golden(
            file="golden.npz", bytes=len(golden), sha256=sha256(golden), windows=len(chosen)
        ),
        recipe=fitted.recipe.as_json(),
        seed=fitted.recipe.seed,
        versions=versions(),
    )
    evaluation = pack_arrays(_evaluation_arrays(fitted, evaluated))
    return write_bundle(path, contents, fitted.flatbuffer, golden, evaluation, add_files)


def choose_golden(scores: NDArray[np.float32], labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Choose the golden windows: of each label alike, from the lowest to the highest score.

    Args:
        scores: float32 [n], int8 scores of the test windows.
        labels: int8 [n].

    Returns:
        int64 [g], indices of at most GOLDEN_WINDOWS windows.

    Raises:
        DataError: there are too few windows.
    """
    groups = [np.flatnonzero(labels == label) for label in (NORMAL, ABNORMAL, UNKNOWN)]
    groups = [group for group in groups if len(group)]
    golden = np.concatenate(
        [
            _spread(group[np.argsort(scores[group], kind="stable")], GOLDEN_WINDOWS // len(groups))
            for group in groups
        ]
    )
    if len(golden) < 4:
        raise DataError(
            f"the test part has {len(scores)} windows, too few (4 at least); make a longer "
            "recording"
        )
    return golden


def _spread(items: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Select `count` evenly spaced items with the first and the last, or all if there are fewer."""
    if len(items) <= count:
        return items
    return np.asarray(items[np.linspace(0, len(items) - 1, count).round().astype(int)])


def _data(fitted: Fitted) -> manifest.Data:
    dataset, parts = fitted.dataset, fitted.parts
    labels = parts.test.labels
    return manifest.Data(
        name=dataset.name,
        description=dataset.description,
        simulated=dataset.simulated,
        sha256=dataset.sha256,
        windows=manifest.WindowCounts(
            train=len(parts.train),
            validation=len(parts.validation),
            calibration=len(parts.calibration),
            test_normal=int((labels == NORMAL).sum()),
            test_abnormal=int((labels == ABNORMAL).sum()),
            test_unknown=int((labels == UNKNOWN).sum()),
            not_judged=fitted.not_judged,
        ),
    )


def _signal(fitted: Fitted) -> manifest.Signal:
    recording = fitted.dataset.train
    return manifest.Signal(
        rate_hz=recording.rate_hz,
        rate_is_nominal=recording.rate_is_nominal,
        channels=list(recording.channels),
        units=list(recording.units),
        gain=list(recording.gain),
        offset=list(recording.offset),
    )


def _model_file(fitted: Fitted) -> manifest.ModelFile:
    return manifest.ModelFile(
        file="model.tflite",
        bytes=len(fitted.flatbuffer),
        sha256=sha256(fitted.flatbuffer),
        crc32=crc32(fitted.flatbuffer),
        family=fitted.recipe.model.family,
        parameters=_parameters(fitted.model),
        macs=fitted.info.macs,
        operators=fitted.info.operators,
        input=fitted.info.input,
        output=fitted.info.output,
    )


def _parameters(model: keras.Model | Source) -> int:
    return model.parameters if isinstance(model, Source) else deployed_parameters(model)


def _code(model: keras.Model | Source, real: NDArray[np.float32]) -> NDArray[np.float32]:
    return model.code(real) if isinstance(model, Source) else predict(encoder_of(model), real)


def _golden_arrays(
    fitted: Fitted, evaluated: Evaluated, chosen: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    windows = fitted.parts.test[chosen]
    return {
        "counts": windows.counts,
        "input": fitted.quantizer.quantize(windows.counts),
        "output": evaluated.test_output[chosen],
        "score": evaluated.test_error[chosen],
        "label": windows.labels,
    }


def _evaluation_arrays(fitted: Fitted, evaluated: Evaluated) -> dict[str, NDArray[Any]]:
    """Collect what a report shows (docs/training.md)."""
    test = fitted.parts.test
    shown = _spread(np.arange(len(test)), EVALUATION_WINDOWS)
    counts = test.counts[shown]
    scaled = fitted.quantizer.quantize(counts)
    arrays: dict[str, NDArray[Any]] = {
        "labels": test.labels,
        "history_loss": fitted.history.loss,
        "history_validation": fitted.history.validation,
        "history_best_epoch": np.array(fitted.history.best_epoch),
        "shown": shown,
        "counts": counts,
        "input": scaled,
        "output": evaluated.test_output[shown],
        "code": _code(fitted.model, fitted.quantizer.dequantize(scaled)),
    }
    classes = fitted.dataset.test.classes
    if classes is not None:
        middle = test.first[shown] + fitted.recipe.windows.length // 2
        arrays["classes"] = np.asarray(classes[middle])
    for name, scores in (("keras", evaluated.keras), ("int8", evaluated.int8)):
        arrays[f"{name}_test"] = scores.test
        arrays[f"{name}_calibration"] = scores.calibration
    return arrays

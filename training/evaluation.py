"""Evaluation of a fitted model: scores of the float and the int8 stage, threshold and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import metrics
from training.bundle import manifest
from training.bundle.chain import make_score
from training.bundle.interpreter import Interpreter
from training.data.recording import Dataset
from training.decision import Stretch, fit_decision
from training.fit import History
from training.imported.source import Source
from training.input_quantization import InputQuantizer
from training.quantize import ModelInfo
from training.recipe import Recipe
from training.score import Reference, fit_score, real_score
from training.tensorflow_setup import keras
from training.threshold import choices, choose, chosen_method
from training.windows import Parts, Windows

REFERENCE_WINDOWS = 4000
"""Most training windows to which a score is fitted."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model as a Keras model and as an int8 flatbuffer, with its recipe and data.

    The parts hold no window that the gate rejects, except those for training and validation.
    """

    recipe: Recipe
    dataset: Dataset
    parts: Parts
    gate: manifest.NoGate | manifest.GateLimits
    not_judged: manifest.NotJudged
    quantizer: InputQuantizer
    model: keras.Model | Source
    history: History
    flatbuffer: bytes
    info: ModelInfo
    personal: Personal | None = None  # with a wearer: the scores of the windows that are judged


@dataclass(frozen=True, eq=False)
class StageScores:
    """Scores of one stage, the float or the int8 model; float32 [n] for each part."""

    calibration: NDArray[np.float32]
    abnormal: NDArray[np.float32]
    test: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Personal:
    """Scores relative to what is normal for each wearer (training.wearers)."""

    keras: StageScores
    int8: StageScores


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Scores, threshold and figures of a fitted model."""

    score: manifest.Score  # parameters of the board's score
    keras: StageScores  # scores of the float model
    int8: StageScores  # scores of the int8 model in the TFLM interpreter
    test_error: NDArray[np.float32]  # float32 [t], the int8 model's error; without a wearer, int8
    test_output: NDArray[np.int8]  # int8 [t, size], the int8 model's outputs for the test windows
    threshold: manifest.Threshold  # from the int8 scores
    decision: manifest.Decision | manifest.NoDecision  # over windows
    metrics: manifest.Metrics  # figures of both stages


def evaluate(fitted: Fitted) -> Evaluated:
    """Score all parts at both stages, choose the threshold, and compute the figures."""
    parts, settings = fitted.parts, fitted.recipe.threshold
    score = score_of_fit(fitted)
    counts = [part.counts for part in (parts.calibration, parts.abnormal, parts.test)]
    calibration, abnormal, test = int8_scores(fitted, score, counts)
    if fitted.personal is None:
        board_scores = StageScores(calibration[0], abnormal[0], test[0])
        keras_scores = StageScores(
            *(
                keras_errors(fitted, score, p)
                for p in (parts.calibration, parts.abnormal, parts.test)
            )
        )
    else:
        keras_scores, board_scores = fitted.personal.keras, fitted.personal.int8
    labels = parts.test.labels
    threshold = choose(
        settings, board_scores.calibration, board_scores.abnormal, board_scores.test, labels
    )
    keras_choice = choices(settings, keras_scores.calibration, keras_scores.abnormal)[
        chosen_method(settings)
    ]
    rate_hz = None if fitted.dataset.train.rate_is_nominal else fitted.dataset.train.rate_hz
    windows, intervals = fitted.recipe.windows, parts.calibration.intervals
    stretch = Stretch(
        scores=board_scores.calibration,
        first=parts.calibration.first,
        hop=windows.hop if windows.kind == "fixed" else intervals.astype(np.int64),
        seconds=None if rate_hz is None else parts.calibration.spacing(windows.hop) / rate_hz,
        ordered=fitted.recipe.split.order == "time",
    )
    decision = fit_decision(
        fitted.recipe.alarm, stretch, np.float32(threshold.value), settings.false_alarm_rate
    )

    def stage(scores: StageScores, value: np.float32) -> manifest.Stage:
        spacing = parts.test.spacing(windows.hop)
        return metrics.stage(scores.test, labels, value, fitted.dataset.test, spacing)

    return Evaluated(
        score=score,
        keras=keras_scores,
        int8=board_scores,
        test_error=test[0],
        test_output=test[1],
        threshold=threshold,
        decision=decision,
        metrics=manifest.Metrics(
            keras=stage(keras_scores, keras_choice.value),
            int8=stage(board_scores, np.float32(threshold.value)),
        ),
    )


def predict(model: keras.Model | Source, real: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a float model on float32 [n, size]; n may be 0."""
    if not len(real):
        return np.empty_like(real)
    return np.asarray(model.predict(real, batch_size=1024, verbose=0), np.float32)


def score_of_fit(fitted: Fitted) -> manifest.Score:
    """Fit the recipe's score to the training windows."""
    quantizer, train = fitted.quantizer, fitted.parts.train.counts
    kind = fitted.recipe.score.kind
    inputs = quantizer.quantize(reference_windows(kind, train))
    outputs = Interpreter(fitted.flatbuffer).run(inputs) if kind == "join" else inputs[:0]
    reference = Reference(inputs, outputs, quantizer.raw_size, quantizer.channels)
    return fit_score(kind, fitted.info.input, fitted.info.output, reference)


def reference_windows(kind: str, train: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return the training windows to which a score of this kind is fitted, evenly spaced."""
    needed = 0 if kind in ("mse", "mae") else min(len(train), REFERENCE_WINDOWS)
    return train[np.linspace(0, len(train) - 1, needed).round().astype(np.int64)]


def keras_errors(fitted: Fitted, score: manifest.Score, windows: Windows) -> NDArray[np.float32]:
    """Compute the float model's score of each window, float32 [n]."""
    real = fitted.quantizer.dequantize(fitted.quantizer.quantize(windows.counts))
    return real_score(score, real, predict(fitted.model, real), float(fitted.quantizer.scale))


def int8_scores(
    fitted: Fitted, score: manifest.Score, parts: Sequence[NDArray[np.int16]]
) -> list[tuple[NDArray[np.float32], NDArray[np.int8]]]:
    """Compute scores [n] and outputs [n, size] of each part, counts int16 [n, window, channels]."""
    native_score = make_score(score, fitted.info.input, fitted.info.output)
    interpreter = Interpreter(fitted.flatbuffer)
    results = []
    for windows in parts:
        scaled = fitted.quantizer.quantize(windows)
        output = interpreter.run(scaled)
        scores = native_score.score(scaled, output) if len(windows) else np.empty(0, np.float32)
        results.append((scores, output))
    return results

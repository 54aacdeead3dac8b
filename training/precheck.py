"""Warnings before the fit: too few windows, and a code that can hold a copy of the window."""

from __future__ import annotations

import math

import numpy as np

from training import sections
from training.encoder import encoder_of
from training.recipe import Recipe
from training.tensorflow_setup import keras
from training.windows import Parts, Windows

FEW_INDEPENDENT = 8
"""Training windows without common frames, below which their spread is a guess."""

FEW_ABNORMAL = 4
"""Fewest labelled abnormal windows with which fit.abnormal was measured (docs/training.md)."""


def warnings_before_fit(recipe: Recipe, parts: Parts, channels: int) -> list[str]:
    """Return one sentence, with the setting to change, for each doubt about the fit."""
    lines = [
        few_training_windows(parts.train, recipe.windows.length),
        few_calibration_windows(len(parts.calibration), recipe.threshold),
        few_abnormal_windows(len(parts.abnormal), recipe.fit),
        wide_code(recipe, channels),
    ]
    return [line for line in lines if line is not None]


def independent(windows: Windows, length: int) -> int:
    """Count the windows of `length` frames without common frames that fit into `windows`."""
    count, end = 0, -1
    for first in np.sort(windows.first).tolist():
        if first >= end:
            count, end = count + 1, first + length
    return count


def few_training_windows(train: Windows, length: int) -> str | None:
    """Warn of fewer than FEW_INDEPENDENT training windows without common frames."""
    count = independent(train, length)
    if count >= FEW_INDEPENDENT:
        return None
    return (
        f"Too few training windows: {len(train)}, of which {count} have no frame in common. With "
        f"fewer than {FEW_INDEPENDENT} the model cannot learn how normal windows vary: record for "
        "longer, or set a shorter windows.length."
    )


def few_calibration_windows(count: int, threshold: sections.ThresholdChoice) -> str | None:
    """Warn of fewer calibration windows than the false-alarm rate needs."""
    needed = math.ceil(1 / threshold.false_alarm_rate - 1e-9) - 1
    if threshold.method != "conformal" or count >= needed:
        return None
    return (
        f"Too few calibration windows: {count}. A false-alarm rate of "
        f"{threshold.false_alarm_rate:.2%} needs {needed}, so the threshold will be their largest "
        f"score, with a rate of {1 / (count + 1):.2%}: record for longer, set a smaller "
        "windows.hop, a larger split.calibration, or a larger threshold.false_alarm_rate."
    )


def few_abnormal_windows(count: int, fit: sections.Fit) -> str | None:
    """Warn of fewer than FEW_ABNORMAL windows for fit.abnormal; none at all is an error later."""
    if not fit.abnormal or not 0 < count < FEW_ABNORMAL:
        return None
    return (
        f"Few labelled abnormal windows: {count}. With fewer than {FEW_ABNORMAL}, the model may "
        "learn those windows and not their kind: label more, or set fit.abnormal to 0."
    )


def wide_code(recipe: Recipe, channels: int) -> str | None:
    """Warn of a code with as many values as the window, unless a penalty or noise limits it."""
    if recipe.model.family == "sparse" or recipe.corruption != sections.Corruption():
        return None
    keras.backend.clear_session()
    model = recipe.build_model(channels)
    code, size = (math.prod(each.shape[1:]) for each in (encoder_of(model).output, model.input))
    if code < size:
        return None
    return (
        f"The code has {code} values and the window {size}: the model can copy its input, faults "
        "included. Set a smaller model.code."
    )

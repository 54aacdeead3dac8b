"""Warnings before the fit: each is given where it applies, and only there."""

import numpy as np
import pytest

from tests.support.training import small_recipe
from training import sections
from training.precheck import (
    few_abnormal_windows,
    few_calibration_windows,
    few_training_windows,
    independent,
    wide_code,
)
from training.windows import Windows


def windows_at(first: list[int]) -> Windows:
    n = len(first)
    counts = np.zeros((n, 4, 1), np.int16)
    labels, intervals = np.zeros(n, np.int8), np.zeros(n, np.uint32)
    return Windows(counts, labels, np.array(first, np.int64), intervals, counts)


def test_windows_without_common_frames_are_counted():
    assert independent(windows_at([0, 1, 2, 3, 4, 8, 11]), 4) == 3
    assert independent(windows_at([9, 0, 4]), 4) == 3


def test_too_few_training_windows():
    assert few_training_windows(windows_at(list(range(0, 32, 4))), 4) is None
    said = few_training_windows(windows_at(list(range(28))), 4)
    assert said is not None and "28, of which 7 have no frame in common" in said
    assert "windows.length" in said


@pytest.mark.parametrize(("count", "warns"), [(99, False), (98, True)])
def test_too_few_calibration_windows(count: int, warns: bool):
    said = few_calibration_windows(count, sections.ThresholdChoice(false_alarm_rate=0.01))
    assert (said is not None) == warns
    if said is not None:
        assert "needs 99" in said and "1.01%" in said and "windows.hop" in said


def test_a_threshold_without_a_guarantee_needs_no_number_of_windows():
    assert few_calibration_windows(5, sections.ThresholdChoice(method="percentile")) is None


@pytest.mark.parametrize(("count", "warns"), [(0, False), (1, True), (3, True), (4, False)])
def test_few_abnormal_windows_for_a_fit_that_uses_them(count: int, warns: bool):
    said = few_abnormal_windows(count, sections.Fit(abnormal=0.1))
    assert (said is not None) == warns
    if said is not None:
        assert f"windows: {count}. With fewer than 4" in said and "fit.abnormal" in said
    assert few_abnormal_windows(count, sections.Fit()) is None


def test_a_code_as_wide_as_the_window():
    layers = {"family": "conv1d", "encoder": [[8, 5]], "code": [2, 3], "decoder": []}
    recipe = small_recipe(model=layers)
    said = wide_code(recipe, 1)
    assert said is not None and "has 64 values and the window 64" in said
    assert wide_code(small_recipe(model={**layers, "code": [1, 3]}), 1) is None
    noisy = recipe.model_copy(update={"corruption": sections.Corruption(gaussian=0.1)})
    assert wide_code(noisy, 1) is None

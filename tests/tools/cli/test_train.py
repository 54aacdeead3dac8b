"""Lines that `vigil train` prints beside its tables."""

from pathlib import Path

import numpy as np
import pytest

from tools.cli import train
from tools.measure.bench.small_bundle import small_bundle
from training.bundle import Bundle


def test_the_mean_score_is_of_the_normal_test_windows_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small_bundle(tmp_path / "b")
    labels, scores = np.array([0, 1, -1, 0], np.int8), np.array([1, 9, 9, 2], np.float32)
    arrays = {"labels": labels, "keras_test": scores, "int8_test": scores + 1}
    monkeypatch.setattr(Bundle, "evaluation", lambda _: arrays)
    line = "mean score of the normal test windows: int8 2.5, float 1.5"
    assert train._mean_score(bundle) == line
    labels[:] = -1
    assert train._mean_score(bundle) is None

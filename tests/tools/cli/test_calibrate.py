"""A threshold chosen from one recording, with the guarantee that holds for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.cli.calibrate import calibrate_threshold
from tools.measure.bench.small_bundle import WINDOW, small_bundle
from training.bundle import Bundle
from training.bundle.errors import DataError
from training.bundle.reference import compute
from training.threshold import conformal


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("build") / "waves")


def recording(path: Path, bundle: Bundle, loud: float, labels: np.ndarray | None = None) -> Path:
    """The bundle's test windows end to end, `loud` times as loud, in physical units."""
    signal = bundle.manifest.signal
    counts = bundle.evaluation()["counts"].reshape(-1, 1)
    values = loud * (counts[:, 0] - signal.offset[0]) / signal.gain[0]
    frames = np.zeros(len(values)) if labels is None else np.repeat(labels, WINDOW)
    lines = [f"{v:.6f},{int(y)}" for v, y in zip(values, frames, strict=True)]
    path.write_text(f"{signal.channels[0]},label\n" + "\n".join(lines) + "\n")
    return path


def test_the_threshold_is_the_conformal_one_of_the_recordings_own_scores(bundle, tmp_path):
    source = recording(tmp_path / "patient.csv", bundle, 1.3)
    result = calibrate_threshold(bundle.path, source, 0.05)
    windows = bundle.evaluation()["counts"].astype(np.float64)
    scores = compute(bundle, np.rint(1.3 * windows).astype(np.int16)).score
    assert result.windows == len(scores) and result.left_out == 0
    assert result.choice.value == conformal(scores, 0.05).value
    assert (scores > result.choice.value).mean() <= 0.05
    assert result.flagged_before == (scores > np.float32(result.before)).sum()
    assert result.flagged_before > (scores > result.choice.value).sum()  # louder than trained on


def test_windows_labelled_abnormal_are_left_out(bundle, tmp_path):
    labels = bundle.evaluation()["labels"]
    result = calibrate_threshold(bundle.path, recording(tmp_path / "p.csv", bundle, 1.0, labels))
    assert (result.windows, result.left_out) == ((labels == 0).sum(), (labels == 1).sum())
    with pytest.raises(DataError, match="every window is labelled abnormal"):
        everything = np.ones_like(labels)
        calibrate_threshold(bundle.path, recording(tmp_path / "q.csv", bundle, 1.0, everything))


def test_a_file_that_cannot_be_used_is_one_line(bundle, tmp_path):
    (tmp_path / "two.csv").write_text("a,b\n" + "1,2\n2,1\n" * 100)
    with pytest.raises(DataError, match="2 channels"):
        calibrate_threshold(bundle.path, tmp_path / "two.csv")

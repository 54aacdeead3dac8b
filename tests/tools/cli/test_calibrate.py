"""A threshold chosen from one recording, with the guarantee that holds for it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tools.cli.calibrate import calibrate_threshold
from tools.cli.calibrate_board import calibrate_board, forget_calibration
from tools.cli.program import app
from tools.measure.bench.small_bundle import WINDOW, small_bundle
from tools.monitor.controls import Calibrate
from tools.monitor.settings import File, InProcess, MonitorSettings, Streamed
from training.bundle import Bundle
from training.bundle.errors import DataError
from training.bundle.reference import compute
from training.native import Calibration
from training.threshold import conformal, tolerant


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


def test_tolerated_windows_are_set_aside_as_on_a_board(bundle, tmp_path):
    source = recording(tmp_path / "patient.csv", bundle, 1.3)
    result = calibrate_threshold(bundle.path, source, 0.05, 0.02)
    windows = bundle.evaluation()["counts"].astype(np.float64)
    scores = compute(bundle, np.rint(1.3 * windows).astype(np.int16)).score
    twin = Calibration(len(scores), 50_000, 20_000)
    twin.push(scores)
    assert result.choice.value == np.float32(twin.threshold)
    assert f"{twin.set_aside} of 160 windows were set aside" in result.choice.guarantee
    assert "probability at most 6.21%" in result.choice.guarantee  # (3 + 7) / 161
    with pytest.raises(DataError, match="from 4001 windows that tolerates"):
        tolerant(np.resize(scores, 4001), 0.05, 0.02)


def board_settings(bundle: Bundle, source: Path) -> MonitorSettings:
    return MonitorSettings(bundle.path, (InProcess(),), Streamed(File(source)), "plain")


def test_a_board_chooses_the_threshold_of_the_recording(bundle, tmp_path):
    source = recording(tmp_path / "patient.csv", bundle, 1.3)
    out = Console(file=io.StringIO(), width=200)
    calibrate_board(board_settings(bundle, source), Calibrate(160, 0.05, 0.02), out)
    text = out.file.getvalue()
    expected = calibrate_threshold(bundle.path, source, 0.05, 0.02).choice.value
    assert f"threshold {expected:.4g}" in text and "board's calibration, 160 windows, 5 %" in text
    assert "160/160" in text and "at most 6.21%" in text


def test_the_return_to_the_images_threshold_needs_no_data(bundle, tmp_path):
    out = Console(file=io.StringIO(), width=200)
    forget_calibration(board_settings(bundle, tmp_path / "none.csv"), out)
    assert out.file.getvalue() == f"threshold {bundle.manifest.threshold.value:.4g}: bundle\n"


def test_a_calibration_that_cannot_end_is_one_line(bundle, tmp_path):
    source = recording(tmp_path / "patient.csv", bundle, 1.3)
    out = Console(file=io.StringIO())
    with pytest.raises(DataError, match="has 160 windows, fewer than 161"):
        calibrate_board(board_settings(bundle, source), Calibrate(161, 0.05), out)
    with pytest.raises(DataError, match="not calibrated: "):
        calibrate_board(board_settings(bundle, source), Calibrate(160, 0.9, 0.4), out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give a recording of normal signal, or --board"),
        (["--board"], "--board needs normal signal"),
        (["--board", "a.csv", "ecg5000"], "give the recording with --source"),
        (["a.csv", "--rate", "2"], "a share between 0 and 1"),
        (["a.csv", "--tolerate", "0.5"], "a share from 0 to 0.5"),
    ],
)
def test_options_without_a_meaning_are_refused(arguments, said):
    result = CliRunner().invoke(app, ["calibrate", *arguments])
    assert result.exit_code != 0
    assert said in str(result.exception) + result.output

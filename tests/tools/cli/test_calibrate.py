"""A threshold chosen from one recording, with the guarantee that holds for it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.support.ecg import ecg, regular_peaks, worn_bundle
from tests.support.images import emulated_image
from tools.boards.emulated import EmulatedBoard
from tools.cli import calibrate as command
from tools.cli.calibrate_board import calibrate_board, forget_calibration
from tools.cli.calibrate_recording import calibrate_threshold
from tools.link.session import Session
from tools.measure.bench.small_bundle import WINDOW, small_bundle
from tools.monitor.boards.link_board import LinkBoard
from tools.monitor.controls import Calibrate, Controls, RenewWearer
from tools.monitor.events import CalibrationStatus, WearerStatus
from tools.monitor.settings import File, InProcess, MonitorSettings, Streamed
from tools.monitor.stream import Stream
from tools.recordings.load import of_file
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
    result = CliRunner().invoke(command.app, ["calibrate", *arguments])
    assert result.exit_code != 0
    assert said in str(result.exception) + result.output


RATE, LEARN = 180.0, 24


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return worn_bundle(tmp_path_factory.mktemp("build") / "worn", LEARN)


def heart(path: Path, bundle: Bundle, seconds: int) -> Path:
    """An ECG in physical units."""
    signal = bundle.manifest.signal
    counts = ecg(regular_peaks(RATE, seconds, jitter=0.05), RATE, int(seconds * RATE), noise=0.04)
    values = (counts - signal.offset[0]) / signal.gain[0]
    lines = [f"{value:.6f}" for value in values]
    path.write_text(f"# rate_hz: {RATE}\n{signal.channels[0]}\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.toolchain
def test_a_recording_gives_the_bits_of_a_board_that_learns_its_wearer(worn, tmp_path):
    source = heart(tmp_path / "heart.csv", worn, 90)
    host = calibrate_threshold(worn.path, source, 0.05, 0.02)
    assert host.windows > 60 and host.wearer.beats == LEARN
    played = of_file(source, worn)
    with (
        EmulatedBoard(emulated_image(worn, tmp_path)) as board,
        Session.open(board.port) as session,
    ):
        linked = LinkBoard(session, worn, played, watch=False)
        controls, events = Controls(), []
        controls.ask(RenewWearer())
        controls.ask(Calibrate(host.windows, 0.05, 0.02))
        Stream(linked, played, controls, events.append).run()
    calibrated = [e for e in events if isinstance(e, CalibrationStatus)][-1]
    assert calibrated.source == "calibration"
    assert np.float32(calibrated.threshold) == np.float32(host.choice.value)
    known = [e for e in events if isinstance(e, WearerStatus)][-1]
    # The board says what it knows at the end of learning, the host at the end of the recording.
    same = {"memory": "none", "per_minute": None}
    assert replace(known, **same) == replace(host.wearer, **same)


def test_a_recording_too_short_for_its_wearer_is_one_line(worn, tmp_path):
    with pytest.raises(DataError, match=r"heartbeats; the wearer is learned from 24, and beats"):
        calibrate_threshold(worn.path, heart(tmp_path / "heart.csv", worn, 20))


def test_a_recording_of_noise_is_no_wearers(worn, tmp_path):
    values = np.random.default_rng(1).standard_normal(int(60 * RATE))
    source, lines = tmp_path / "noise.csv", "\n".join(f"{value:.4f}" for value in values)
    source.write_text(f"# rate_hz: {RATE}\n{worn.manifest.signal.channels[0]}\n{lines}\n")
    with pytest.raises(DataError, match="too few of its beats resemble one another"):
        calibrate_threshold(worn.path, source, 0.05, 0.02)


def test_the_command_says_what_it_learned(worn, tmp_path):
    source = heart(tmp_path / "heart.csv", worn, 90)
    done = CliRunner().invoke(command.app, ["calibrate", str(source), str(worn.path)])
    assert done.exit_code == 0, done.output
    assert "learned from 24 beats; wearer: 1 form, 72 beats per minute" in done.output
    assert f"vigil monitor {worn.path} --threshold " in done.output


def test_a_board_learns_a_new_wearer_before_it_calibrates(worn, tmp_path):
    source, out = heart(tmp_path / "heart.csv", worn, 90), io.StringIO()
    settings = MonitorSettings(worn.path, (InProcess(),), Streamed(File(source)), "plain")
    calibrate_board(settings, Calibrate(30, 0.05), Console(file=out, width=200))
    assert "wearer: 1 form" in out.getvalue() and "30 windows" in out.getvalue()
    short = MonitorSettings(
        worn.path,
        (InProcess(),),
        Streamed(File(heart(tmp_path / "short.csv", worn, 20))),
        "plain",
    )
    with pytest.raises(DataError, match="from which the wearer is learned"):
        calibrate_board(short, Calibrate(3, 0.05), Console(file=io.StringIO()))

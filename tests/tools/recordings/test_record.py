"""Recordings: what was recorded replays, to the sample and to the label."""

from __future__ import annotations

import csv
import re
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tests.support.recorded import bundle, record, samples_of
from tools.monitor.controls import Controls, Mark, Reset, SetRecording
from tools.monitor.events import RecordingChanged, WindowScored
from tools.monitor.recorder import Recorder
from tools.monitor.stream import Stream
from tools.recordings.csv import samples_path
from tools.recordings.load import of_file


@pytest.mark.parametrize("name", ["run.csv", "run.npz"])
def test_what_was_recorded_replays(tmp_path: Path, name: str) -> None:
    path, what = tmp_path / name, source(30)
    events = record(path, what, FakeBoard())
    replay = of_file(samples_path(path) if path.suffix == ".csv" else path, bundle())
    assert np.array_equal(replay.counts, what.counts)
    assert np.array_equal(replay.labels, what.labels)
    assert replay.facts.rate_hz == what.facts.rate_hz
    assert replay.facts.simulated
    again = record(tmp_path / "again.csv", replay, FakeBoard())
    scores = [[e.score for e in run if isinstance(e, WindowScored)] for run in (events, again)]
    assert len(scores[0]) == 30 and scores[0] == scores[1]


def test_the_score_file_has_a_row_a_window(tmp_path: Path) -> None:
    path, board = tmp_path / "run.csv", FakeBoard()
    board.lose = {3}
    events = record(path, source(20), board, Mark("here"))
    rows = list(csv.DictReader(path.open()))
    scored = [row for row in rows if row["score"]]
    assert [int(row["window"]) for row in scored] == [k for k in range(20) if k != 3]
    expected = [e.score for e in events if isinstance(e, WindowScored)]
    assert [np.float32(row["score"]) for row in scored] == [np.float32(s) for s in expected]
    assert [row["label"] for row in scored[:4]] == ["0", "0", "0", "1"]
    notes = {row["note"]: row["window"] for row in rows if row["note"]}
    assert notes["lost: engine"] == "3"
    assert "mark: here" in notes


def test_an_npz_holds_scores_and_losses(tmp_path: Path) -> None:
    path, board = tmp_path / "run.npz", FakeBoard()
    board.lose = {3}
    record(path, source(20), board)
    with np.load(path) as file:
        assert file["window"].tolist() == [k for k in range(20) if k != 3]
        assert file["lost"].tolist() == [3]
        assert file["flag"].tolist() == [k % 5 == 4 for k in range(20) if k != 3]
        assert file["score"].dtype == np.float32
        assert bool(file["simulated"])
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("name", ["run.csv", "run.npz"])
def test_a_recording_begins_at_a_window(tmp_path: Path, name: str) -> None:
    path, what = tmp_path / name, source(30)
    record(path, what, FakeBoard(resume_frame=5 * WINDOW - 3))
    assert np.array_equal(samples_of(path), what.counts[5 * WINDOW :])


@pytest.mark.parametrize("name", ["run.csv", "run.npz", "run.hea"])
def test_a_reset_begins_a_new_file_and_touches_no_other(tmp_path: Path, name: str) -> None:
    path, what = tmp_path / name, source(30)
    precious = tmp_path / f"run-2{path.suffix}"
    precious.write_text("an earlier recording")
    record(path, what, FakeBoard(), Reset())
    assert precious.read_text() == "an earlier recording"
    before = samples_of(path)
    assert 11 * WINDOW <= len(before) < len(what.counts)
    assert np.array_equal(before, what.counts[: len(before)])
    assert np.array_equal(samples_of(tmp_path / f"run-3{path.suffix}"), what.counts)


def test_a_recording_of_the_middle_holds_its_own_windows(tmp_path: Path, monkeypatch) -> None:
    """Started and stopped by the user; the file is named after model and time."""
    monkeypatch.chdir(tmp_path)
    what = source(30)
    events = record(None, what, FakeBoard(), SetRecording(True), SetRecording(True))
    (path,) = (file for file in Path().iterdir() if ".samples" not in file.name)
    assert re.fullmatch(r"\w+-\w+-\d{8}-\d{6}\.csv", path.name)
    first = len(what.counts) - len(samples_of(path))
    assert first % WINDOW == 0 and first > 10 * WINDOW
    windows = [int(row["window"]) for row in csv.DictReader(path.open()) if row["score"]]
    assert windows == list(range(first // WINDOW, 30))
    assert [(e.on, e.file) for e in events if isinstance(e, RecordingChanged)] == [
        (True, path.name)
    ]


def test_a_recording_that_is_stopped_grows_no_more(tmp_path: Path) -> None:
    path, what = tmp_path / "run.csv", source(30)
    events = record(path, what, FakeBoard(), SetRecording(False))
    said = [e for e in events if isinstance(e, RecordingChanged)]
    assert [(e.on, e.reason) for e in said] == [(True, ""), (False, "stopped")]
    assert 11 * WINDOW <= len(samples_of(path)) < len(what.counts)


def test_a_csv_recording_is_whole_before_it_is_closed(tmp_path: Path) -> None:
    path, what = tmp_path / "run.csv", source(10)
    view = Recorder(path, what.frame_labels)
    Stream(FakeBoard(), what, Controls(), view.handle).run()
    assert len(path.read_text().splitlines()) == 11
    assert np.array_equal(of_file(samples_path(path), bundle()).counts, what.counts)


@pytest.mark.parametrize("name", ["run.csv", "run.npz", "run.hea"])
def test_a_recording_holds_the_time_of_day(tmp_path: Path, name: str) -> None:
    path, before = tmp_path / name, time.time()
    record(path, source(20), FakeBoard())
    after = time.time() + 0.001  # stamps are rounded to milliseconds
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            began, stamps = arrays["began"] / 1000, arrays["ts"] / 1000
            assert len(stamps) == len(arrays["score"]) == 20
    else:
        stamps = np.array(
            [int(row["ts"]) / 1000 for row in csv.DictReader(path.with_suffix(".csv").open())]
        )
        text = (samples_path(path) if path.suffix == ".csv" else path).read_text()
        (word,) = re.findall(r"^# began: (.*)$", text, re.MULTILINE)
        began = datetime.fromisoformat(word).timestamp()
    if path.suffix == ".hea":
        base = pytest.importorskip("wfdb").rdheader(str(path.with_suffix(""))).base_datetime
        assert base.timestamp() == pytest.approx(began, abs=2e-3)
    # Of the first frame: it is older than the run in which it arrived, and no other frame is older.
    assert before - 1 <= began <= after and began - 2e-3 <= stamps[0] <= stamps[-1] <= after

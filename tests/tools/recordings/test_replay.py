"""WFDB recordings, read by PhysioNet's own reader; and replay, which must give the same scores."""

from __future__ import annotations

import csv
import io
import struct
from pathlib import Path

import numpy as np
import pytest
import wfdb

from tests.support.monitor_board import WINDOW, FakeBoard, recording, source
from tests.support.recorded import bundle as facts_of
from tests.support.recorded import record
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.board_run import ReplayError
from tools.monitor.comparison import Comparison
from tools.monitor.controls import Mark, Reset
from tools.monitor.events import WindowsLost
from tools.monitor.recorder import Recorder
from tools.monitor.run import run
from tools.monitor.settings import (
    File,
    InProcess,
    Input,
    MonitorSettings,
    RecordingOptions,
    Replay,
    Streamed,
)
from tools.recordings.load import of_file
from tools.recordings.registry import read_scores
from tools.recordings.source import of_recording
from training.bundle import Bundle
from training.bundle.errors import DataError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "sines")


@pytest.fixture(scope="module")
def signal(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise for the small bundle, as a CSV in its units."""
    path = tmp_path_factory.mktemp("csv") / "sensor.csv"
    values = np.random.default_rng(3).normal(0, 0.5, 50 * bundle.manifest.segmenter.hop)
    path.write_text("ecg\n" + "\n".join(map(repr, values.tolist())) + "\n")
    return path


# --- WFDB -----------------------------------------------------------------------------------------


def test_physionets_reader_finds_the_signal_in_its_units(tmp_path):
    what = source()
    record(tmp_path / "run.hea", what, FakeBoard())
    read = wfdb.rdrecord(str(tmp_path / "run"), physical=False)
    assert (read.d_signal == what.counts).all()
    assert (read.fs, read.units, read.sig_name) == (100, ["mV"], ["ecg"])
    assert (read.adc_gain, read.baseline) == ([200.0], [0])
    assert "simulated signal" in read.comments
    physical = wfdb.rdrecord(str(tmp_path / "run"))
    assert np.allclose(physical.p_signal, what.counts / 200.0)
    checksum = struct.unpack("<h", struct.pack("<H", int(what.counts.astype(int).sum()) & 0xFFFF))
    assert read.checksum == list(checksum)


def test_flags_losses_and_marks_are_annotations_at_their_frames(tmp_path):
    board = FakeBoard()
    board.lose = {7}
    events = record(tmp_path / "run.hea", source(), board, Mark("she coughed"))
    (marked,) = (e.frame for e in events if type(e).__name__ == "Marked")
    notes = wfdb.rdann(str(tmp_path / "run"), "flag")
    said = dict(zip(notes.sample.tolist(), notes.aux_note, strict=True))
    flagged = [at for at, text in said.items() if text.startswith("ANOMALY")]
    assert flagged == [n * WINDOW for n in range(4, 30, 5)]
    assert said[7 * WINDOW] == "LOST 1 window: engine"
    assert said[marked] == "MARK she coughed"
    labels = wfdb.rdann(str(tmp_path / "run"), "label")
    assert labels.aux_note[:3] == ["(NORMAL", "(ABNORMAL", "(NORMAL"]
    assert labels.sample[:3].tolist() == [0, 4 * WINDOW, 5 * WINDOW]


@pytest.mark.parametrize(("again", "name"), [((), "run.hea"), ((Reset(),), "run-2.hea")])
def test_a_record_replays_to_the_count_and_to_the_label(tmp_path, again, name):
    what = source()
    record(tmp_path / "run.hea", what, FakeBoard(), *again)
    back = of_file(tmp_path / name, facts_of())
    assert (back.counts == what.counts).all() and back.counts.dtype == np.int16
    assert (back.labels == what.labels).all()
    assert back.facts.simulated and back.facts.rate_hz == 100.0


def test_no_sample_rate_is_said_and_not_made_up(tmp_path):
    record(tmp_path / "run.hea", of_recording(recording(rate_hz=None)), FakeBoard())
    assert of_file(tmp_path / "run.hea", facts_of(rate_hz=None)).facts.rate_hz is None


def test_a_foreign_record_comes_by_way_of_its_units(tmp_path):
    wfdb.wrsamp(
        "other",
        fs=360,
        units=["mV", "mV"],
        sig_name=["V1", "ecg"],
        d_signal=np.column_stack([np.zeros(100, int), np.arange(100)]),
        fmt=["16", "16"],
        adc_gain=[100.0, 100.0],
        baseline=[0, 50],
        write_dir=str(tmp_path),
    )
    with pytest.raises(DataError, match="360 frames per second, but the model's samples have 100"):
        of_file(tmp_path / "other.hea", facts_of())
    with pytest.raises(DataError, match="channel ecg is in mV, but the model was trained on z"):
        of_file(tmp_path / "other.hea", facts_of(rate_hz=360.0, units=["z"]))
    back = of_file(tmp_path / "other.hea", facts_of(rate_hz=360.0))
    # (n - 50) / 100 mV at 200 counts a mV
    assert back.counts[:, 0].tolist() == [2 * (n - 50) for n in range(100)]
    assert back.facts.rate_hz == 360


def test_what_is_no_record_is_one_clear_line(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        of_file(tmp_path / "none.hea", facts_of())
    (tmp_path / "bad.hea").write_text("nonsense\n")
    with pytest.raises(DataError, match="not a readable WFDB record"):
        of_file(tmp_path / "bad.hea", facts_of())
    with pytest.raises(DataError, match="letters, digits"):
        Recorder(tmp_path / "two words.hea", source().frame_labels)


@pytest.mark.parametrize("suffix", ["csv", "npz", "hea"])
def test_a_recording_at_another_rate_is_not_streamed(tmp_path, suffix):
    record(tmp_path / f"run.{suffix}", source(), FakeBoard())
    samples = tmp_path / ("run.samples.csv" if suffix == "csv" else f"run.{suffix}")
    with pytest.raises(DataError, match="100 frames per second, but the model's samples have 250"):
        of_file(samples, facts_of(rate_hz=250.0))


# --- replay ---------------------------------------------------------------------------------------


def in_process(
    bundle: Bundle, given: Input, record: Path | None = None, windows: int | None = None
) -> str:
    out = io.StringIO()
    recording = None if record is None else RecordingOptions(record)
    run(
        MonitorSettings(
            bundle.path, (InProcess(),), given, "plain", windows=windows, recording=recording
        ),
        out,
    )
    return out.getvalue()


@pytest.mark.parametrize("suffix", ["csv", "npz", "hea"])
def test_the_same_scores_come_again(bundle, signal, tmp_path, suffix):
    path = tmp_path / f"run.{suffix}"
    in_process(bundle, Streamed(File(signal)), path)
    recorded = read_scores(path)
    assert len(recorded.scores) > 30 and len(set(recorded.scores.tolist())) > 30
    said = in_process(bundle, Replay(recorded))
    n = len(recorded.scores)
    assert f"{n} of {n} windows scored as recorded, bit for bit" in said.replace("beat", "window")


def test_one_bit_of_one_score_is_seen(bundle, signal, tmp_path):
    path = tmp_path / "run.csv"
    in_process(bundle, Streamed(File(signal)), path)
    rows = list(csv.reader(path.open()))
    score = np.float32(rows[5][2])
    rows[5][2] = np.format_float_positional(np.nextafter(score, np.float32(9)), trim="0")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    recorded = read_scores(path)
    failed = f"run.samples.csv: 1 of {len(recorded.scores)} beats did not score as recorded; "
    with pytest.raises(ReplayError, match=failed + "first beat 4: recorded .*, now ") as failure:
        in_process(bundle, Replay(recorded))
    assert "bit for bit" not in str(failure.value)


def test_a_window_that_does_not_come_again_is_missing(bundle, signal, tmp_path):
    path = tmp_path / "run.npz"
    in_process(bundle, Streamed(File(signal)), path)
    recorded = read_scores(path)
    n = len(recorded.scores)
    failed = f"{n - 2} of {n} windows did not score as recorded; first window 2: .*, not scored now"
    with pytest.raises(ReplayError, match=failed):
        in_process(bundle, Replay(recorded), windows=2)


@pytest.mark.parametrize("suffix", ["csv", "npz", "hea"])
def test_another_model_is_named(bundle, signal, tmp_path, suffix):
    path = tmp_path / f"run.{suffix}"
    in_process(bundle, Streamed(File(signal)), path)
    recorded = read_scores(path)
    assert recorded.model == f"{bundle.hash8.hex()} sines"
    other = small_bundle(tmp_path / "other", per_window=True)
    named = f"another model, {bundle.hash8.hex()} sines, not {other.hash8.hex()} other: "
    with pytest.raises(ReplayError, match=named + r"\d+ of \d+ (beat|window)s did not score"):
        in_process(other, Replay(recorded))


@pytest.mark.parametrize("suffix", ["csv", "npz", "hea"])
def test_a_recording_of_before_models_were_named_replays(bundle, signal, tmp_path, suffix):
    path = tmp_path / f"run.{suffix}"
    in_process(bundle, Streamed(File(signal)), path)
    if suffix == "npz":
        with np.load(path) as file:
            arrays = {name: file[name] for name in file if name != "model"}
        np.savez(path, **arrays)
    else:
        named = read_scores(path).samples
        lines = named.read_text().splitlines(keepends=True)
        named.write_text("".join(line for line in lines if "# model" not in line))
    recorded = read_scores(path)
    assert recorded.model == ""
    assert "bit for bit" in in_process(bundle, Replay(recorded))


@pytest.mark.parametrize("suffix", ["csv", "npz", "hea"])
def test_a_recording_without_a_score_proves_nothing(bundle, signal, tmp_path, suffix):
    path = tmp_path / f"run.{suffix}"
    in_process(bundle, Streamed(File(signal)), path)
    if suffix == "npz":
        with np.load(path) as file:
            arrays = {name: file[name] for name in file}
        np.savez(path, **{**arrays, "window": arrays["window"][:0], "score": arrays["score"][:0]})
    else:
        scores = path.with_suffix(".csv")
        scores.write_text(scores.read_text().splitlines()[0] + "\n")
    with pytest.raises(DataError, match="no window was scored"):
        read_scores(path)


def test_windows_are_counted_from_the_recordings_first(tmp_path):
    """A monitor that took up a stream records from there; its replay begins at 0."""
    board = FakeBoard(resume_frame=10 * WINDOW)
    board.lose = {10, 12}
    events = record(tmp_path / "run.npz", source(), board)
    recorded = read_scores(tmp_path / "run.npz")
    assert recorded.windows.tolist() == [1, *range(3, 20)]
    back = of_file(tmp_path / "run.npz", facts_of())
    again = record(tmp_path / "again.npz", back, FakeBoard())
    comparison = Comparison(recorded)
    for event in again:
        comparison.handle(event)
    assert comparison.same and comparison.equal == 18
    assert sum(isinstance(e, WindowsLost) for e in events) == 2


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("run.txt", "", "a recording is"),
        ("run.csv", "a,b\n1,2\n", "no samples to play"),
        ("run.hea", "", "is no recording of the monitor"),
        ("run.npz", "PK", "not a recording"),
    ],
)
def test_what_cannot_be_replayed_is_one_clear_line(tmp_path, name, text, complaint):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=complaint):
        read_scores(tmp_path / name)

"""Recordings and sources: what was recorded replays, to the sample and to the label."""

from __future__ import annotations

import csv
import dataclasses
import re
import time
import zipfile
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.support.monitor_board import WINDOW, FakeBoard, recording, source
from tools.monitor.boards.dequantize import to_counts
from tools.monitor.controls import Controls, Mark, Reset, SetRecording
from tools.monitor.events import Event, RecordingChanged, WindowScored
from tools.monitor.recorder import Recorder
from tools.monitor.stream import Stream
from tools.recordings.csv import samples_path
from tools.recordings.load import of_bundle, of_file
from tools.recordings.registry import check_target
from tools.recordings.source import Source, of_recording, with_gaps
from training.bundle.errors import DataError
from training.bundle.manifest import Affine, Grid, PerWindow, Segmenter, Signal, Tensor
from training.data.recording import Recording
from training.native import core


def bundle(**signal: Any) -> Any:
    """As much of a bundle as a source looks at."""
    facts = {
        "rate_hz": 100.0,
        "rate_is_nominal": False,
        "channels": ["ecg"],
        "units": ["mV"],
        "gain": [200.0],
        "offset": [0],
    }
    manifest = SimpleNamespace(
        name="noise",
        signal=Signal(**{**facts, **signal}),
        segmenter=Segmenter(kind="fixed", window=WINDOW, hop=WINDOW),
        grid=Grid(WINDOW, 0, WINDOW, WINDOW),
        recipe={},
    )
    return SimpleNamespace(manifest=manifest)


def record(path: Path | None, what: Source, board: FakeBoard, *commands: Any) -> list[Event]:
    events: list[Event] = []
    view, controls = Recorder(path, what.frame_labels, events.append), Controls()
    waiting = list(commands)

    def emit(event: Event) -> None:
        view.handle(event)
        events.append(event)
        if isinstance(event, WindowScored) and event.index == 10:
            while waiting:
                controls.ask(waiting.pop(0))

    Stream(board, what, controls, emit).run()
    view.close()
    return events


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


def samples_of(path: Path) -> np.ndarray:
    return of_file(samples_path(path) if path.suffix == ".csv" else path, bundle()).counts


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


@pytest.mark.parametrize("name", ["run.txt", "missing/run.csv", "missing/run.npz"])
def test_a_recording_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=name.split("/")[0]):
        Recorder(tmp_path / name, source(1).frame_labels)


@pytest.mark.parametrize(
    ("there", "name"),
    [
        ("run.csv", "run.csv"),
        ("run.samples.csv", "run.csv"),
        ("run.npz", "run.npz"),
        ("run.hea", "run.hea"),
        ("run.dat", "run.hea"),
        ("run.csv", "run.hea"),
        ("run.flag", "run.hea"),
    ],
)
def test_no_recording_takes_the_place_of_another_unasked(
    tmp_path: Path, there: str, name: str
) -> None:
    (tmp_path / there).write_text("hours of work")
    with pytest.raises(DataError, match=rf"{there}: exists; .*--overwrite"):
        check_target(tmp_path / name, None, overwrite=False)
    check_target(tmp_path / name, None, overwrite=True)
    check_target(tmp_path / "other.csv", tmp_path / there, overwrite=False)


@pytest.mark.parametrize(
    ("read", "name"),
    [
        ("run.samples.csv", "run.csv"),
        ("link.csv", "run.csv"),
        ("run.csv", "run.hea"),
        ("run.npz", "run.npz"),
        ("run.hea", "run.csv"),  # beside a record lie its scores
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_no_recording_takes_the_place_of_its_source(
    tmp_path: Path, read: str, name: str, overwrite: bool
) -> None:
    for each in ("run.csv", "run.samples.csv", "run.npz", "run.hea"):
        (tmp_path / each).write_text("what is streamed")
    (tmp_path / "link.csv").symlink_to("run.samples.csv")
    with pytest.raises(DataError, match="is the source of the stream"):
        check_target(tmp_path / name, tmp_path / read, overwrite)


@pytest.mark.parametrize("name", ["run.csv", "run.npz", "run.hea"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_recording_follows_no_symbolic_link(tmp_path: Path, name: str, overwrite: bool) -> None:
    (tmp_path / name).symlink_to("elsewhere")
    with pytest.raises(DataError, match="symbolic link"):
        check_target(tmp_path / name, None, overwrite)


@pytest.mark.parametrize(
    ("recording", "link"),
    [
        ("run.csv", "run.csv"),
        ("run.csv", "run.samples.csv"),
        ("run.hea", "run.csv"),
        ("run.hea", "run.dat"),
    ],
)
def test_a_link_that_appears_after_the_check_is_not_followed(
    tmp_path: Path, recording: str, link: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("hours of work")
    (tmp_path / link).symlink_to(precious)
    with pytest.raises(DataError, match="cannot be written"):
        Recorder(tmp_path / recording, source(1).frame_labels)
    assert precious.read_text() == "hours of work"


# --- sources ------------------------------------------------------------------------------------


def test_a_csv_takes_gain_and_offset_from_the_bundle(tmp_path: Path) -> None:
    path = tmp_path / "sensor.csv"
    path.write_text("time,other,ecg [mV]\n" + "".join(f"{i},9,{i / 100}\n" for i in range(40)))
    what = of_file(path, bundle(gain=[1000.0], offset=[-5]))
    assert what.counts[:, 0].tolist() == [10 * i - 5 for i in range(40)]
    assert what.facts.rate_hz == 100.0
    assert what.label(0, WINDOW) == -1 and not what.facts.labelled


def test_a_csv_is_played_with_its_loud_stretches_gaps_and_missing_values(tmp_path: Path) -> None:
    path = tmp_path / "sensor.csv"
    times = [i / 100 + (0.05 if i >= 20 else 0) for i in range(60)]
    cells = [f"{t:.2f},{'' if i == 30 else 400 if i == 3 else i % 5}" for i, t in enumerate(times)]
    path.write_text("time,ecg\n" + "\n".join(cells) + "\n")
    what = of_file(path, bundle())
    assert what.counts[3, 0] == 32767
    assert what.missing is not None
    assert np.flatnonzero(what.missing).tolist() == [20, 21, 22, 23, 24, 35]
    assert what.gap(20) == 5 and what.gap(35) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ecg\n" + "1\n2\n" * 5, "10 frames are fewer than one window of 20"),
        ("a,b\n" + "1,2\n2,1\n" * 20, "2 channels"),
        ("ecg\n" + "1\n\nx\n" * 20, "row 4, column ecg"),
    ],
)
def test_a_csv_that_cannot_be_streamed(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sensor.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as problem:
        of_file(path, bundle())
    assert "sensor.csv" in str(problem.value)


@pytest.mark.parametrize(
    ("text", "signal", "message"),
    [
        (
            "# rate_hz: 400\necg [mV]\n",
            {},
            "400 frames per second, .* 100: name the model NAME@400",
        ),
        ("# rate_hz: 250\necg\n", {"rate_is_nominal": True}, "250 frames per second"),
        ("ecg [mV]\n", {"units": ["z"]}, "channel ecg is in mV, .* trained on z: convert"),
        # Were it not for the unit, a smaller gain would be asked for, and that is the bundle's.
        (
            "ecg [mg]\n",
            {"units": ["g"], "gain": [8192.0]},
            "channel ecg is in mg, .* trained on g: convert",
        ),
    ],
)
def test_another_rate_or_unit_is_refused(
    tmp_path: Path, text: str, signal: dict[str, Any], message: str
) -> None:
    path = tmp_path / "sensor.csv"
    path.write_text(text + "1\n37\n" * 20)
    with pytest.raises(DataError, match=rf"sensor\.csv: {message}") as problem:
        of_file(path, bundle(**signal))
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("# rate_hz: 100\necg\n", {}),  # no unit: the sensor's, as the manual says
        ("# rate_hz: 257.812\necg [mV]\n", {"rate_hz": 257.8125}),  # as a recording writes it
        ("# rate_hz: 50\necg [mV]\n", {"rate_hz": None}),
        ("ecg [m/s²]\n", {"units": ["m/s^2"]}),
        ("ecg [mV]\n", {"units": [""]}),
    ],
)
def test_the_same_rate_and_unit_may_be_written_otherwise_or_left_out(
    tmp_path: Path, text: str, signal: dict[str, Any]
) -> None:
    path = tmp_path / "sensor.csv"
    path.write_text(text + "1\n37\n" * 20)
    assert len(of_file(path, bundle(**signal)).counts) == 40


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive", b"text"])
def test_an_npz_that_is_no_recording(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "run.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"run\.npz"):
        of_file(path, bundle())


def test_an_npz_of_a_users_arrays_is_a_file_of_samples(tmp_path: Path) -> None:
    values = np.round(np.sin(np.arange(400) / 9), 2)
    np.savez(tmp_path / "mine.npz", ecg=values, fs=np.array(100))
    played = of_file(tmp_path / "mine.npz", bundle())
    assert np.array_equal(played.counts[:, 0], np.rint(200 * values))


def test_an_npz_that_unpacks_to_more_than_its_bytes_is_refused(tmp_path: Path) -> None:
    """An archive may claim any size: nothing is allocated for the claim."""
    header = "{'descr': '<i2', 'fortran_order': False, 'shape': (100000000000, 1)}"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"\0\0"
    path = tmp_path / "run.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("counts.npy", array)
    with pytest.raises(DataError, match="not a recording of the monitor") as problem:
        of_file(path, bundle())
    assert "\n" not in str(problem.value)


def test_control_sequences_in_a_file_reach_no_terminal() -> None:
    clear = "\x1b[2J"
    hostile = dataclasses.replace(
        recording(1), name=f"run{clear}", description=clear, channels=(clear,), units=(clear,)
    )
    facts = of_recording(hostile).facts
    for text in (facts.name, facts.description, *facts.channels, *facts.units):
        assert text.isprintable() and "2J" in text
    facts_of_board = dataclasses.replace(FakeBoard().facts, model=clear)
    assert facts_of_board.model.isprintable()
    assert Mark(f"here{clear}").text.isprintable()


def test_a_label_stands_for_its_window() -> None:
    noise = recording(2)
    noise.labels[:] = [0] * 20 + [-1] * 19 + [1]
    what = of_recording(noise)
    assert [what.label(0, 20), what.label(5, 20), what.label(20, 20), what.label(20, 19)] == [
        0,
        -1,
        1,
        -1,
    ]
    assert what.label(30, 20) == 1
    assert of_recording(recording(2), repeat=True).label(30, 20) == 0


def test_the_bundle_names_its_data_set() -> None:
    what = bundle(channels=["ecg"])
    what.manifest.recipe = {"data": {"name": "nowhere"}}
    with pytest.raises(DataError, match="no data set 'nowhere'"):
        of_bundle(what)


# --- reconstruction -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["affine", "per_window"])
def test_a_perfect_reconstruction_lies_on_the_signal(kind: str) -> None:
    random = np.random.default_rng(3)
    counts = random.normal((300, -200), (900, 50), (32, 2)).astype(np.int16)
    scaler: Affine | PerWindow
    native: Any
    if kind == "affine":
        scaler = Affine(
            kind="affine",
            center=[300, -200],
            multiplier=[2**28, 2**32 // 3],
            shift=34,
            zero_point=-7,
        )
        native = core.AffineScaler(scaler.center, scaler.multiplier, scaler.shift, -7)
        step = [64, 12]
    else:
        scaler = PerWindow(
            kind="per_window", min_deviation=1, steps_per_deviation=30 << 16, zero_point=-7
        )
        native = core.PerWindowScaler(2, 1, 30 << 16, -7)
        step = list(counts.std(axis=0) / 30)
    tensor = Tensor(size=64, scale=0.125, zero_point=-7)
    manifest: Any = SimpleNamespace(
        scaler=scaler,
        raw_size=64,
        grid=Grid(32, 0, 32, 32),
        model=SimpleNamespace(input=tensor, output=tensor),
    )
    output = native.scale(counts[None])[0]
    restored = to_counts(manifest, output, counts)
    assert restored.dtype == np.float32 and restored.shape == counts.shape
    inside = np.abs(output.reshape(32, 2).astype(int)) < 127  # what did not saturate
    error = np.abs(restored - counts)
    for channel in range(2):
        assert error[inside[:, channel], channel].max() <= 0.51 * step[channel] + 1


def test_a_file_is_read_as_those_that_the_model_was_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("".join(f"{i % 7} {-200 if i == 50 else i % 5}\n" for i in range(80)))
    model = bundle(channels=["a", "b"], gain=[1.0, 1.0], offset=[0, 0], units=["", ""])
    with pytest.raises(DataError, match="row 1 holds numbers"):
        of_file(path, model)
    model.manifest.recipe = {"data": {"name": "csv", "header": ["a", "b"], "missing": [-200.0]}}
    what = of_file(path, model)
    assert what.counts[:6, 1].tolist() == [0, 1, 2, 3, 4, 0]
    assert what.missing is not None and np.flatnonzero(what.missing).tolist() == [50]


def test_a_recording_keeps_values_that_would_mean_missing_in_another_file(tmp_path: Path) -> None:
    path = tmp_path / "run.samples.csv"
    rows = [f"{-200 if 40 <= i < 44 else i % 5},0\n" for i in range(80)]
    path.write_text("# a sensor\n# model: 0\necg,label\n" + "".join(rows))
    assert of_file(path, bundle()).missing is None
    path.write_text("ecg,label\n" + "".join(rows))
    missing = of_file(path, bundle()).missing
    assert missing is not None and missing.sum() == 4


def test_a_data_set_with_cuts_has_missing_frames_there() -> None:
    whole = Recording(
        name="torn",
        description="torn",
        counts=np.arange(50, dtype=np.int16)[:, None],
        labels=np.zeros(50, np.int8),
        channels=("x",),
        units=("",),
        gain=(1.0,),
        offset=(0,),
        rate_hz=None,
        cuts=np.array([10, 30]),
    )
    stream, missing = with_gaps(whole, window=8, hop=4)
    assert missing is not None
    assert np.flatnonzero(missing).tolist() == [10, 11, 32, 33, 34, 35]
    assert stream.counts[12, 0] == 10 and stream.counts[36, 0] == 30
    assert not len(stream.cuts) and stream.labels[10] == -1
    rows, none = with_gaps(whole, window=10, hop=10)  # windows end where the stretches do
    assert rows.frames == 50 and none is not None and not none.any()


def test_data_in_another_folder_are_named_by_source(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = bundle()
    model.manifest.recipe = {"data": {"name": "csv", "path": "pump.csv"}}
    with pytest.raises(DataError, match=r"pump\.csv: is not in the current folder, .* --source"):
        of_bundle(model)
    model.manifest.recipe = {}
    with pytest.raises(DataError, match=r"the bundle names no data set; .* --source"):
        of_bundle(model)


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

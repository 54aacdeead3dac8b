"""Sources: files, arrays and data sets that a monitor streams."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.monitor_board import WINDOW, FakeBoard, recording
from tests.support.recorded import bundle
from tools.monitor.controls import Mark
from tools.recordings.load import of_bundle, of_file, trained_on
from tools.recordings.source import of_recording, with_gaps
from training.bundle.errors import DataError
from training.data.recording import Recording


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


def test_a_bundle_whose_settings_of_the_data_are_damaged_is_refused_on_one_line(tmp_path) -> None:
    path = tmp_path / "sensor.csv"
    path.write_text("ecg\n" + "1\n37\n" * 20)
    damaged = bundle()
    damaged.manifest.recipe["data"] = {"name": "csv", "intervals": 7, "path": 7}
    assert not trained_on(path, damaged)
    with pytest.raises(DataError, match=r"recipe\.data: 'intervals") as problem:
        of_file(path, damaged)
    assert "\n" not in str(problem.value)


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

"""Reading a user's sensor: what is accepted, and the one line for each thing that is not."""

from pathlib import Path

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.data import load

GOOD = "time,ecg [mV],label\n" + "".join(
    f"{i / 100},{0.25 * (i % 8)},{1 if i >= 80 else 0}\n" for i in range(100)
)


@pytest.fixture
def write(tmp_path: Path):
    def _write(text: str, name: str = "sensor.csv") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return _write


def test_channels_units_and_labels_come_from_the_header(write):
    dataset = load("csv", path=write("# rate_hz: 100\n" + GOOD), test_share=0.25)
    train, test = dataset.train, dataset.test
    assert (train.channels, train.units, train.rate_hz) == (("ecg",), ("mV",), 100.0)
    assert (train.frames, test.frames) == (75, 25)
    assert train.physical()[:9, 0].tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 0]
    assert train.labels.tolist() == [0] * 75
    assert test.labels.tolist() == [0] * 5 + [1] * 20


def test_whole_numbers_stay_counts_and_fractions_get_a_power_of_two(write):
    dataset = load("csv", path=write("a,b\n1,0.5\n-300,-1.0\n2,3.0\n7,1.0\n"))
    assert dataset.train.gain == (1.0, 4096.0)
    assert dataset.train.counts[:2].tolist() == [[1, 2048], [-300, -4096]]
    assert not dataset.simulated


def test_settings_win_over_the_file(write):
    path = write("# rate_hz: 100\nx [V],y [V],hit\n1,2,0\n2,4,1\n3,6,\n4,8,0\n")
    dataset = load(
        "csv", path=path, channels=["y"], label="hit", rate_hz=50, units=["g"], gain=[10]
    )
    whole = np.concatenate([dataset.train.counts, dataset.test.counts])
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    assert whole.tolist() == [[20], [40], [60], [80]]
    assert labels.tolist() == [0, 1, -1, 0]
    assert dataset.train.units == ("g",)
    assert dataset.train.rate_hz == 50


def test_a_second_file_is_tested_on_at_the_same_gain(write):
    train = write("x\n0.5\n1.0\n0.25\n")
    test = write("x\n0.5\n0.75\n", "test.csv")
    dataset = load("csv", path=train, test_path=test)
    assert dataset.test.physical().tolist() == [[0.5], [0.75]]
    assert dataset.train.gain == dataset.test.gain


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("x\n1\n2\ninf\n", {}, "row 4, column x: 'inf' is not a finite number"),
        ("x,y\n1,2\n2,abc\n", {}, "row 3, column y: 'abc' is not a number"),
        ("x,y\n1,2\n3\n", {}, "row 3, column y: 1 cells, but the header names 2"),
        ("x,y\n1,2\n3,4,5\n", {}, "row 3, column number 3: 3 cells, but the header names 2"),
        ("x,y\n1,2\n2,2\n", {"channels": ["y"]}, "column y is 2 in every row"),
        ("x,y\n1,2\n2,3\n", {"channels": ["z"]}, "no column z"),
        ("accel,y\n1,2\n2,3\n", {"channels": ["acel"]}, "no column acel; did you mean 'accel'?"),
        ("x,label\n1,0\n2,2\n", {}, "row 3, column label: a label is 0"),
        ("x\n1\n2\n", {"label": "hit"}, "no column hit"),
        ("time,label\n1,0\n2,0\n", {}, "no channel among the columns time, label"),
        ("1,2\n3,4\n", {}, "row 1 holds numbers; the first line must name the columns"),
        ("x\n", {}, "has a header and no rows"),
        ("", {}, "is empty"),
        ("# rate_hz: fast\nx\n1\n2\n", {}, "rate_hz is 'fast'"),
        ("x,y\n1,2\n2,3\n", {"units": ["V"]}, "2 channels (x, y), but 'units' has 1 entries"),
        ("x,x\n1,2\n2,3\n", {"channels": ["x"]}, "row 1: two columns are called x"),
        ("x,x\n1,2\n2,3\n", {}, "row 1: two columns are called x"),
        ("x [g],y,x [V]\n1,2,3\n2,3,4\n", {}, "row 1: two columns are called x"),
        ("x\n1\n2\n1e300\n3\n", {}, "row 4, column x: with 1e+300 in the range of int16 most"),
        ("x\n0.1\n-1e9\n0.2\n2e9\n0.3\n0.4\n", {}, "row 5, column x: with 2e+09 in the range"),
        ("x\n1e-320\n2e-320\n", {}, "row 3, column x: with 1.99998e-320"),
    ],
)
def test_bad_input_is_one_line_with_file_row_and_column(write, text, settings, message):
    path = write(text)
    with pytest.raises(DataError) as caught:
        load("csv", path=path, **settings)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize("cell", ["nan", "", "?", "!", "NA", "-nan", "null"])
def test_a_missing_value_cuts_the_recording(write, cell):
    rows = [f"{i % 7},{i % 5}" for i in range(20)]
    rows[6] = f"3,{cell}"
    train = load("csv", path=write("x,y\n" + "\n".join(rows) + "\n"), test_share=0.5).train
    assert train.frames == 10  # half of the 19 rows that are left
    assert train.cuts.tolist() == [6]
    assert train.counts[5:7].tolist() == [[5, 0], [0, 2]]
    assert any("1 row with missing values (y 1; the first is row 8)" in n for n in train.notes)


@pytest.mark.parametrize("text", ["x\n1\n70000\n-70000\n5\n", "# c\n\nx\n0.5\n35000\n-4e4\n1\n"])
def test_values_beyond_int16_are_limited_and_counted(write, text):
    dataset = load("csv", path=write(text), gain=[1.0])
    counts = np.concatenate([dataset.train.counts, dataset.test.counts])[:, 0]
    assert counts[1:3].tolist() == [32767, -32768]
    assert any("channel x: 2 values lie beyond int16" in note for note in dataset.train.notes)


def test_a_constant_channel_is_left_out_with_a_note(write):
    dataset = load("csv", path=write("x,y,z\n1,2,0.5\n2,2,0.5\n3,2,0.25\n"))
    assert dataset.train.channels == ("x", "z")
    assert "column y is constant and left out" in dataset.train.notes


def test_spikes_on_a_flat_line_are_no_mistake(write):
    data = load("csv", path=write("x\n" + "0\n" * 20 + "0.5\n1000.5\n" + "0\n" * 60))
    assert np.abs(data.train.counts).max() > 0


def test_a_missing_file_and_one_that_is_no_text(write, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load("csv", path=str(tmp_path / "none.csv"))
    (tmp_path / "bytes.csv").write_bytes(b"x\n\xff\xfe\x00\n")
    with pytest.raises(DataError, match="row 2 holds NUL bytes"):
        load("csv", path=str(tmp_path / "bytes.csv"))


def test_an_unknown_setting_names_the_right_one(write):
    with pytest.raises(DataError, match="unknown key 'chanels'; did you mean 'channels'"):
        load("csv", path=write(GOOD), chanels=["ecg"])

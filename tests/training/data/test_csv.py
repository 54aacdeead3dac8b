"""Reading a user's sensor: what is accepted, and the one line for each thing that is not."""

from pathlib import Path

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.data import csv, load

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


def wave(count: int, scale: float = 1.0, level: float = 0.0) -> str:
    return "".join(f"{level + scale * ((7 * i) % 23) / 4}\n" for i in range(count))


def test_several_files_are_one_recording_cut_between_them(write, tmp_path):
    for name in ("log1.csv", "log2.csv", "log10.csv"):
        write("x\n" + wave(30), name)
    write("ignored", "notes.txt")
    whole = load("csv", path=str(tmp_path), test_share=0.4)
    assert whole.train.frames + whole.test.frames == 90
    assert whole.train.cuts.tolist() == [30] and whole.test.cuts.tolist() == [6]
    pattern = load("csv", path=str(tmp_path / "log?.csv"))
    assert pattern.train.frames + pattern.test.frames == 60
    listed = load(
        "csv",
        path=[str(tmp_path / "log1.csv"), str(tmp_path / "log2.csv")],
        test_path=str(tmp_path / "log10.csv"),
    )
    assert (listed.train.frames, listed.test.frames) == (60, 30)
    with pytest.raises(DataError, match="no file matches this pattern"):
        load("csv", path=str(tmp_path / "run*.csv"))
    with pytest.raises(DataError, match="holds no file of a known format"):
        (tmp_path / "empty").mkdir()
        load("csv", path=str(tmp_path / "empty"))


def test_a_path_may_begin_with_the_home_folder(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write("x\n" + wave(30))
    assert load("csv", path="~/sensor.csv").train.frames == 21


def test_files_of_another_rate_or_other_channels_are_refused(write):
    slow = write("# rate_hz: 10\nx\n" + wave(30), "a.csv")
    fast = write("# rate_hz: 50\nx\n" + wave(30), "b.csv")
    other = write("y\n" + wave(30), "c.csv")
    with pytest.raises(DataError, match=r"50 frames per second, but .*a\.csv has 10"):
        load("csv", path=[slow, fast])
    with pytest.raises(DataError, match=r"c\.csv: no column x"):
        load("csv", path=[slow, other])


def test_a_signal_far_from_zero_gets_an_offset(write):
    data = load("csv", path=write("p [Pa]\n" + wave(60, 0.5, 101_325)))
    train = data.train
    assert -(2**31) < train.offset[0] < -10_000_000
    assert 1000 <= np.ptp(train.counts.astype(int)) <= 2000
    assert train.physical()[:3, 0].tolist() == pytest.approx([101_325, 101_325.875, 101_326.75])
    cell = load(
        "csv", path=write("force\n" + "".join(f"{8_388_000 + (7 * i) % 23}\n" for i in range(60)))
    )
    assert cell.train.gain == (1.0,)
    assert np.ptp(cell.train.counts) == 22
    assert "channel force spans 22 counts only" in " ".join(cell.train.notes)


def test_gain_and_offset_may_be_set(write):
    path = write("p\n" + wave(60, 1, 1000))
    data = load("csv", path=path, gain=[100.0], offset=[-100_000])
    assert data.train.counts[:2, 0].tolist() == [0, 175]
    assert load("csv", path=path, gain=[100.0]).train.offset[0] == -100_275


def test_a_louder_test_file_is_limited_and_not_refused(write):
    quiet, loud = write("x\n" + wave(60)), write("x\n" + wave(60, 10), "loud.csv")
    data = load("csv", path=quiet, test_path=loud)
    assert data.test.counts.max() == 32767
    assert "values lie beyond int16" in " ".join(data.test.notes)


@pytest.mark.parametrize(
    ("value", "taken"), [("-200", True), ("9999", True), ("-127", True), ("40", False)]
)
def test_a_value_that_stands_for_none(write, value, taken):
    rows = [f"{((7 * i) % 23) / 4}" for i in range(100)]
    rows[40:44] = [value] * 4
    path = write("x\n" + "\n".join(rows) + "\n")
    data = load("csv", path=path, test_share=0.1)
    notes = " ".join(data.notes)
    assert data.train.cuts.tolist() == ([40] if taken else [])
    assert f"channel x is {value} in 4.0 % of the rows" in notes
    assert ("taken for missing" in notes) == taken
    kept = load("csv", path=path, missing=[])
    assert kept.train.frames + kept.test.frames == 100
    named = load("csv", path=path, missing=[float(value)])
    assert named.train.frames + named.test.frames == 96


def test_short_holes_are_filled_on_request(write):
    rows = [f"{i % 7}" for i in range(60)]
    rows[10] = rows[30] = rows[31] = rows[32] = ""
    rows[9], rows[11] = "2", "4"
    data = load("csv", path=write("x\n" + "\n".join(rows) + "\n"), interpolate=2, test_share=0.1)
    assert data.train.counts[10] == 3
    assert data.train.cuts.tolist() == [30]
    assert "1 missing value is interpolated" in " ".join(data.notes)


def test_a_stuck_and_a_clipped_stretch_are_named_with_their_rows(write):
    rows = [f"{((7 * i) % 23) / 4}" for i in range(400)]
    rows[100:300] = ["2.5"] * 200
    notes = load("csv", path=write("x\n" + "\n".join(rows) + "\n")).train.notes
    assert "channel x is stuck at 2.5 in rows 102 to 301 (50.0 % of the file" in " ".join(notes)
    curve = np.clip(np.sin(np.arange(600) / 9), -2, 0.8).round(3)
    notes = load("csv", path=write("x\n" + "\n".join(map(str, curve)) + "\n")).train.notes
    assert "channel x is clipped at 0.8 in rows" in " ".join(notes)


@pytest.mark.parametrize(
    ("where", "normal"), [("label first", None), ("label last", ["0"]), ("no label", None)]
)
def test_a_row_may_be_a_window(write, where, normal):
    rows = []
    for n in range(30):
        cells = [f"{((7 * i + n) % 23) / 4}" for i in range(40)]
        said = ["1" if n % 3 == 2 else "0"]
        rows.append({"label first": said + cells, "label last": cells + said}.get(where, cells))
    path = write("\n".join(map(",".join, rows)) + "\n")
    with pytest.raises(DataError, match=r"set data\.row_is_window"):
        load("csv", path=path)
    data = load("csv", path=path, row_is_window=where, normal=normal, test_share=0.3)
    assert (data.train.frames, data.test.frames) == (21 * 40, 9 * 40)
    assert data.test.stretches()[:2] == [(0, 40), (40, 80)]
    assert data.train.counts[40] / data.train.gain[0] == 0.25
    known = {-1} if where == "no label" else {0, 1}
    assert set(data.train.labels) == set(data.test.labels) == known


def test_files_of_faults_are_tested_on_beside_what_is_held_back(write):
    normal, label = write("x,y\n" + pairs(100), "a.csv"), write("x,y,label\n" + pairs(50, ",0"))
    faults = [
        write("y,x\n" + pairs(20, gain=2), "b.csv"),
        write("x,y\n" + pairs(30, gain=9), "c.csv"),
    ]
    data = load("csv", path=normal, fault_path=faults, test_share=0.4)
    assert set(data.train.labels) == {-1} and data.train.frames == 60
    assert data.test.labels.tolist() == [0] * 40 + [1] * 50
    assert data.test.cuts.tolist() == [40, 60]
    swapped = data.test.physical()[40:42].tolist()
    assert swapped == [[0, 0], [2, 1]]
    data = load("csv", path=normal, test_path=label, fault_path=faults[1])
    assert data.test.labels.tolist() == [0] * 50 + [1] * 30
    with pytest.raises(DataError, match=r"d\.csv: no column x"):
        load("csv", path=normal, fault_path=write("z\n1\n2\n", "d.csv"))


def test_a_pattern_gives_each_file_once(write, tmp_path):
    (tmp_path / "logs").mkdir()
    write("x\n" + wave(30), "logs/a.csv")
    write("x\n" + wave(30), "logs/b.csv")
    (tmp_path / "logs" / "again").symlink_to("../logs")
    paths = csv.find_paths(str(tmp_path / "logs" / "**" / "*.csv"))
    assert paths == [tmp_path / "logs" / "a.csv", tmp_path / "logs" / "b.csv"]
    with pytest.raises(DataError, match=r"log\*: no file matches this pattern"):
        csv.find_paths(str(tmp_path / "log*"))


def test_what_holds_for_every_file_is_said_once(write):
    rows = wave(30).replace("\n", ";a\n")
    files = [write("x;t\n" + rows, f"{n}.csv") for n in range(3)]
    notes = load("csv", path=files).train.notes
    assert notes.count("every file: cells are separated by ';'") == 1
    assert not any("cells" in n for n in notes if not n.startswith("every file"))


def pairs(count: int, end: str = "", gain: float = 1.0) -> str:
    return "".join(f"{gain * (i % 7) / 2},{gain * (i % 5)}{end}\n" for i in range(count))


def test_a_test_file_of_another_rate_is_refused(write):
    slow = write("# rate_hz: 10\nx\n" + wave(30), "a.csv")
    fast = write("# rate_hz: 50\nx\n" + wave(30), "b.csv")
    for setting in ("test_path", "fault_path"):
        with pytest.raises(DataError, match=r"b\.csv: 50 frames per second, but .*a\.csv has 10"):
            load("csv", **{"path": slow, setting: fast})


def test_settings_that_contradict_each_other_are_refused(write):
    with pytest.raises(DataError, match="channels means nothing with row_is_window"):
        load("csv", path=write(GOOD), row_is_window="no label", channels=["x"])
    with pytest.raises(DataError, match="offset must have one entry for each of"):
        load("csv", path=write(GOOD), channels=["ecg"], offset=[1, 2])


def test_an_ecg_with_annotated_beats_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "100.hea").write_text("100 1 360 10\n100.dat 16\n")
    (tmp_path / "100.atr").write_bytes(b"")
    with pytest.raises(DataError, match=r"'vigil train ecg', and .* ecg --source 100\.hea'"):
        load("csv", path=str(tmp_path / "100.hea"))

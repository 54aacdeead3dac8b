"""Labels: columns of numbers and words under any name, and intervals of time."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.data import load
from training.data.csv import Settings
from training.data.files.options import SettingNeededError
from training.data.files.table import Table, read_table
from training.suggest import find_settings


def table(tmp_path: Path, said, name: str = "label", **settings) -> Table:
    path = tmp_path / "log.csv"
    cells = (f"2024-01-01 00:00:{i:02d},{(7 * i) % 23},{word}" for i, word in enumerate(said))
    path.write_text(f"when,x,{name}\n" + "\n".join(cells) + "\n")
    return read_table(path, Settings(path=str(path), **settings))


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (("0", "1", ""), {}),
        (("0.0", "1.0", "nan"), {}),
        (("False", "True", ""), {}),
        (("normal", "abnormal", ""), {}),
        (("normal", "bearing fault", "?"), {}),
        (("ok", "NOK", ""), {"normal": "ok"}),
        (("3", "4", ""), {"normal": 3}),
        (("idle", "broken", ""), {"normal": ["run", "idle"]}),
    ],
)
@pytest.mark.parametrize("name", ["label", "Label", "ANOMALY", "is_anomaly", "fault", "class"])
def test_words(tmp_path: Path, words, settings, name: str) -> None:
    said = [words[0]] * 10 + [words[1]] * 5 + [words[2]] * 5
    read = table(tmp_path, said, name, **settings)
    assert read.labels.tolist() == [0] * 10 + [1] * 5 + [-1] * 5
    assert read.channels == ("x",)


def test_a_column_named_like_a_label_is_never_a_channel(tmp_path: Path) -> None:
    read = table(tmp_path, [i % 9 for i in range(30)], "state")
    assert read.channels == ("x",) and set(read.labels) == {-1}
    assert any(n.startswith("column state is named like a label and left out") for n in read.notes)
    assert table(tmp_path, range(30), "state", channels=["state"]).channels == ("state",)


@pytest.mark.parametrize(
    "name",
    [
        "anomaly_label",
        "fault_type",
        "y_true",
        "gt",
        "Attack",
        "isBroken",
        "ground truth",
        "pump-failure",
    ],
)
def test_a_longer_name_may_say_that_a_column_is_the_label(tmp_path: Path, name: str) -> None:
    read = table(tmp_path, [0] * 20 + [1] * 20, name)
    assert read.channels == ("x",) and read.labels.tolist() == [0] * 20 + [1] * 20
    assert f"column {name} is taken for the label" in read.notes
    continuous = table(tmp_path, [7 * i % 40 / 8 for i in range(40)], name)  # a fault's current
    assert continuous.channels == ("x", name)


@pytest.mark.parametrize("name", ["machine_status", "event", "Alarm", "result"])
def test_a_condition_of_a_machine_is_a_label_if_a_word_says_what_is_normal(
    tmp_path: Path, name: str
) -> None:
    read = table(
        tmp_path,
        ["PASS" if name == "result" else "NORMAL"] * 20 + ["RECOVERING"] * 5 + ["BROKEN"] * 5,
        name,
    )
    assert read.labels.tolist() == [0] * 20 + [1] * 10
    for said in ([0] * 20 + [1] * 20, ["on"] * 20 + ["off"] * 20):
        read = table(tmp_path, said, name)
        assert read.channels == ("x",) and set(read.labels) == {-1}


def test_a_channel_of_two_values_may_be_a_label_and_is_said(tmp_path: Path) -> None:
    read = table(tmp_path, [0] * 20 + [1] * 20, "quality")
    note = 'channel quality holds 0 and 1 alone: if it is a label, set data.label = "quality"'
    assert read.channels == ("x", "quality") and note in read.notes


def test_a_table_without_a_value_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x,y\n" + "nan,nan\n" * 40)
    assert read_table(path, Settings(path=str(path))).missing.all()


def test_a_signal_named_like_a_label_is_offered_if_there_is_no_other(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    lines = [f"sensor.pump,{i % 37 / 2},2024-01-01T00:{i:02d}:00.000Z" for i in range(60)]
    lines[7] = lines[7].replace(",3.5,", ",unavailable,")
    path.write_text("entity_id,state,last_changed\n" + "\n".join(lines) + "\n")
    settings, (read,) = find_settings([str(path)])
    assert settings.channels == ["state"] and read.channels == ("state",)
    assert np.flatnonzero(read.missing).tolist() == [7]


def test_intervals(tmp_path: Path) -> None:
    spans = [["2024-01-01 00:00:05", "2024-01-01 00:00:07"]]
    wanted = [0] * 5 + [1] * 3 + [0] * 12
    assert table(tmp_path, ["a"] * 20, "note", intervals=spans).labels.tolist() == wanted
    file = tmp_path / "windows.json"
    file.write_text(json.dumps({"known/log.csv": spans, "other.csv": []}))
    assert table(tmp_path, ["a"] * 20, "note", intervals=str(file)).labels.tolist() == wanted
    file.write_text(json.dumps({"other.csv": spans}))
    with pytest.raises(DataError, match=r"windows.json: names no intervals for log.csv"):
        table(tmp_path, ["a"] * 20, "note", intervals=str(file))
    for name, said in (("/dev/zero", "a device"), ("~nobody-of-this-name/x", "is not JSON")):
        with pytest.raises(DataError, match=said):
            table(tmp_path, ["a"] * 20, "note", intervals=name)
    with pytest.raises(DataError, match="intervals replace a label column"):
        load("csv", path="log.csv", intervals=str(file), label="x")
    with pytest.raises(DataError, match="interval 'noon' is not a date"):
        table(tmp_path, ["a"] * 20, "note", intervals=[["noon", "noon"]])


def test_intervals_of_a_clock_without_dates_are_seconds(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time [ms],x\n" + "".join(f"{777 + 5 * i},{i % 7}\n" for i in range(60)))
    for seconds in ([0.782, 1], ["0.782", "1"]):
        read = read_table(path, Settings(path=str(path), intervals=[seconds]))
        assert np.flatnonzero(read.labels == 1).tolist() == list(range(1, 45))
    with pytest.raises(DataError, match="is a date, but column time has none: give the seconds"):
        read_table(path, Settings(path=str(path), intervals=[["2024-01-01", "2024-01-02"]]))


def test_the_label_is_needed_in_the_test_file_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "".join(f"{i % 7 / 2}\n" for i in range(60)))
    (tmp_path / "b.csv").write_text(
        "x,hit\n" + "".join(f"{i % 7 / 2},{i % 2}\n" for i in range(60))
    )
    paths = {"path": str(tmp_path / "a.csv"), "test_path": str(tmp_path / "b.csv")}
    data = load("csv", label="hit", **paths)
    assert set(data.train.labels) == {-1} and data.test.labels[:4].tolist() == [0, 1, 0, 1]
    with pytest.raises(DataError, match="no column hit"):
        load("csv", label="hit", path=paths["path"])


@pytest.mark.parametrize(("name", "yes", "no"), [("is_normal", "1", "0"), ("ok", "True", "False")])
def test_a_name_that_says_one_is_normal_needs_the_setting(tmp_path: Path, name, yes, no) -> None:
    said = [yes] * 15 + [no] * 5
    with pytest.raises(SettingNeededError, match=rf'set data.normal .* data.normal = \["{yes}"\]'):
        table(tmp_path, said, name, label=name)
    assert table(tmp_path, said, name, label=name, normal=yes).labels.tolist() == [0] * 15 + [1] * 5
    inverted = table(tmp_path, said, name, label=name, normal=no)
    assert inverted.labels.tolist() == [1] * 15 + [0] * 5
    assert (table(tmp_path, ["ok", "fault"] * 9, name, label=name).labels[:2] == [0, 1]).all()


def test_a_normal_label_that_no_row_has_is_said(tmp_path: Path) -> None:
    said = ["running"] * 15 + ["idle"] * 5
    read = table(tmp_path, said, "state", label="state", normal=["running", "standby"])
    note = "no row has the label standby of data.normal; abnormal are idle"
    assert note in read.notes and read.labels.tolist() == [0] * 15 + [1] * 5
    read = table(tmp_path, said, "state", label="state", normal=["Running", "idle"])
    assert not any("no row has" in n for n in read.notes)


def test_intervals_that_meet_no_row_are_said_and_reversed_ones_refused(tmp_path: Path) -> None:
    said = ["a"] * 20
    note = "no row lies in an interval of data.intervals: all count as normal"
    late = [["2025-01-01 00:00:05", "2025-01-01 00:00:07"]]
    assert note in table(tmp_path, said, "note", intervals=late).notes
    hit = [["2024-01-01 00:00:05", "2024-01-01 00:00:05"], *late]
    assert note not in table(tmp_path, said, "note", intervals=hit).notes
    with pytest.raises(DataError, match="ends before it begins"):
        table(tmp_path, said, "note", intervals=[late[0][::-1]])


@pytest.mark.parametrize("usual", ["1", "-1"])
def test_labels_of_one_and_minus_one_need_the_setting(tmp_path: Path, usual: str) -> None:
    other = {"1": "-1", "-1": "1"}[usual]
    said = [usual] * 15 + [other] * 5
    with pytest.raises(SettingNeededError, match=rf'not .-1.*data.normal = \["{usual}"\]'):
        table(tmp_path, said)
    read = table(tmp_path, said, normal=usual)
    assert read.labels.tolist() == [0] * 15 + [1] * 5
    assert table(tmp_path, ["0", *said]).labels[0] == 0  # beside 0, -1 is not known


def test_a_short_fault_outlives_a_lower_rate(tmp_path: Path) -> None:
    said = [0] * 200
    said[33], said[78], said[120] = 1, "", 1  # at 1 Hz: between the frames of 0.1 Hz
    path = tmp_path / "log.csv"
    path.write_text("t [s],x,label\n" + "".join(f"{n},{n % 7},{w}\n" for n, w in enumerate(said)))
    low = read_table(path, Settings(path=str(path), resample_hz=0.1)).labels
    assert {int(n): int(low[n]) for n in np.flatnonzero(low)} == {3: 1, 8: -1, 12: 1}
    high = read_table(path, Settings(path=str(path), resample_hz=2)).labels
    assert np.flatnonzero(high == 1).tolist() == [66, 67, 240, 241]


@pytest.mark.parametrize("mark", ["none", "", "NA"])
@pytest.mark.parametrize("first", [3, 600])  # below the lines from which a column's kind is derived
@pytest.mark.parametrize("name", ["fault", "fault_type", "machineStatus"])
def test_a_log_that_names_faults_alone(tmp_path: Path, mark: str, first: int, name: str) -> None:
    path = tmp_path / "log.csv"
    said = ["leak" if first <= n < first + 9 else mark for n in range(1000)]
    said[first + 20] = "crack"
    text = f"t [s],x,{name}\n" + "".join(f"{n},{n % 7},{word}\n" for n, word in enumerate(said))
    path.write_text(text)
    wanted = [int(word != mark) for word in said]
    if name == "machineStatus":  # no word in it is a truth: the setting names the column
        read = read_table(path, Settings(path=str(path), label=name, normal=[""]))
    else:
        with pytest.raises(SettingNeededError, match=r'data.normal = \[""\] if rows without a'):
            read_table(path, Settings(path=str(path)))
        settings, (read,) = find_settings([str(path)])
        assert settings.normal == [""]
    assert read.labels.tolist() == wanted and read.channels == ("x",)


def test_a_quantity_that_begins_late_is_a_channel(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    cells = ("" if n < 500 else f"{n / 8}" for n in range(1000))
    path.write_text("x,fault_current\n" + "".join(f"{n % 7},{c}\n" for n, c in enumerate(cells)))
    read = read_table(path, Settings(path=str(path), interpolate=1))
    assert read.channels == ("x", "fault_current")

"""Files that are read together: one unit per channel, none of them twice."""

import shutil
from pathlib import Path

import pytest

from training.bundle.errors import DataError
from training.data import load
from training.data.csv import find_paths


@pytest.fixture
def write(tmp_path: Path):
    def _write(name: str, unit: str, scale: float = 1.0) -> str:
        path = tmp_path / name
        rows = "".join(f"{scale * ((7 * i + len(name)) % 23) / 4}\n" for i in range(60))
        path.write_text(f"x [{unit}]\n{rows}")
        return str(path)

    return _write


@pytest.mark.parametrize("setting", ["path", "test_path", "fault_path"])
def test_a_file_in_another_unit_is_refused(write, setting: str) -> None:
    a, b = write("a.csv", "mV"), write("b.csv", "uV", 1000)
    given = {"path": [a, b]} if setting == "path" else {"path": a, setting: b}
    with pytest.raises(DataError, match=r"b.csv: channel x is in uV, but .*a.csv has it in mV"):
        load("csv", **given)
    assert load("csv", units=["mV"], **given).train.units == ("mV",)


@pytest.mark.parametrize(("one", "other"), [("m/s²", "m/s^2"), ("µV", "uV"), ("mV", "")])
def test_one_unit_may_be_written_in_several_ways(write, one: str, other: str) -> None:
    load("csv", path=write("a.csv", one), test_path=write("bb.csv", other))


@pytest.mark.parametrize("setting", ["test_path", "fault_path"])
def test_a_file_that_is_trained_on_is_not_tested_on(write, tmp_path: Path, setting: str) -> None:
    write("a.csv", "mV"), write("bb.csv", "mV")
    with pytest.raises(DataError, match=rf"bb.csv: is among the files of .*data\.{setting}"):
        load("csv", path=str(tmp_path / "*.csv"), **{setting: str(tmp_path / "bb.csv")})


def test_a_file_that_is_named_twice_is_read_once(write, tmp_path: Path) -> None:
    a, b = write("a.csv", "mV"), write("bb.csv", "mV")
    assert find_paths([b, str(tmp_path / "*.csv"), a]) == [Path(b), Path(a)]


def test_a_copy_of_a_file_is_said(write, tmp_path: Path) -> None:
    a, other = write("a.csv", "mV"), write("bb.csv", "mV")
    copy = str(shutil.copy(a, tmp_path / "a (1).csv"))
    note = "a (1).csv: holds the same samples as a.csv: leave one of them out"
    assert note in load("csv", path=[a, copy, other]).notes
    assert note in load("csv", path=[a, other], test_path=copy).notes
    assert not any("same samples" in n for n in load("csv", path=[a, other]).notes)


def test_files_in_another_order_than_their_dates_are_said(tmp_path: Path) -> None:
    for day, name in ((1, "log1.csv"), (2, "log2.csv"), (3, "log10.csv")):
        rows = (f"2024-01-{day:02d} 00:{n:02d}:00,{(7 * n + day) % 23}\n" for n in range(60))
        (tmp_path / name).write_text("when,x\n" + "".join(rows))
    note = "log2.csv: begins before the file before it ends: name the files in the order of time"
    assert note in load("csv", path=str(tmp_path)).notes  # log10.csv is before log2.csv
    named = [str(tmp_path / f"log{n}.csv") for n in (1, 2, 10)]
    assert not any("begins before" in n for n in load("csv", path=named).notes)

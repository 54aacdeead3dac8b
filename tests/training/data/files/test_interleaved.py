"""Tables in long form: rows of several sensors are refused, never read as one signal."""

from pathlib import Path

import pytest

from training.bundle.errors import DataError
from training.data.csv import Settings
from training.data.files.table import Table, read_table


def read(path: Path, lines: list[str]) -> Table:
    path.write_text("\n".join(lines) + "\n")
    return read_table(path, Settings(path=str(path)))


STAMP = "2024-01-01 00:{:02d}:00"
LONG = {
    "alternating words": ["time,sensor,value"]
    + [f"{i},{name},{i % 7 + n}" for i in range(40) for n, name in enumerate("xyz")],
    "alternating words at their own times": ["device,time,value"]
    + [f"{'AB'[i % 2]},{i / 50:.2f},{i % 7}" for i in range(80)],
    "alternating numbers at equal times": ["t,sensor_id,value"]
    + [f"{i / 10},{n},{i % 7 + n}" for i in range(40) for n in (1, 2)],
    "one sensor after the other": ["variable,when,value"]
    + [f"{name},{STAMP.format(i)},{i % 7}" for name in ("hum", "temp") for i in range(40)],
}


@pytest.mark.parametrize("kind", LONG)
def test_a_table_in_long_form_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match=r"one sensor, and column \w+ names the sensor.*pivot"):
        read(tmp_path / "log.csv", LONG[kind])


def test_words_and_numbers_that_repeat_are_no_names_of_sensors(tmp_path: Path) -> None:
    rows = [f"{STAMP.format(i)},{'day' if i < 30 else 'night'},{i % 2},{i % 7}" for i in range(60)]
    table = read(tmp_path / "log.csv", ["when,mode,valve,x", *rows])
    assert table.channels == ("valve", "x") and not len(table.cuts)
    # Runs that are joined to one file: each begins at zero.
    rows = [f"{run},{i / 50:.2f},{i % 7}" for run in ("run1", "run2") for i in range(40)]
    assert read(tmp_path / "runs.csv", ["run,time,x", *rows]).cuts.tolist() == [40]

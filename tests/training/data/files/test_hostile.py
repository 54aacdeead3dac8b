"""Files that are damaged on purpose: one short line, within bounded time and memory."""

import gzip
import io
import json
import math
import struct
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.io import savemat

from training.bundle.errors import DataError
from training.data import load
from training.data.csv import Settings
from training.data.files import bulk
from training.data.files.table import Table, read_table
from training.suggest import find_settings

ROWS = "".join(f"{math.sin(i / 3):.3f},{(i * 7) % 11}\n" for i in range(60))


def table(path: Path, **settings) -> Table:
    return read_table(path, Settings(path=str(path), **settings))


def wav(channels: int = 1, rate: int = 8000, data: bytes = bytes(200)) -> bytes:
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    size = struct.pack("<I", 36 + len(data))
    return b"RIFF" + size + b"WAVEfmt " + form + b"data" + struct.pack("<I", len(data)) + data


def matlab(**arrays) -> bytes:
    file = io.BytesIO()
    savemat(file, arrays, do_compression=True)
    return file.getvalue()


def claimed_archive() -> bytes:
    """Return a ZIP of arrays that states 4 GB for 1 KB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY" + bytes(1000))
    raw = bytearray(file.getvalue())
    at = raw.index(b"PK\x01\x02") + 24  # the size in the central directory
    raw[at : at + 4] = struct.pack("<I", 4_000_000_000)
    return bytes(raw)


def parquet(**columns) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def edge_impulse(**changes) -> bytes:
    payload = {"interval_ms": 20, "sensors": [{"name": "x"}], "values": [[i % 7] for i in range(9)]}
    return json.dumps({"payload": payload | changes}).encode()


REFUSED = {
    "gzip in gzip.csv": (gzip.compress(gzip.compress(b"x\n1\n")), "is compressed twice"),
    "sound.csv": (b"fLaC" + bytes(99), "is compressed sound: convert it to WAV"),
    "arrow.csv": (b"ARROW1" + bytes(99), "is an Arrow or Feather file: save it as Parquet"),
    "model.csv": (b"\x1c\0\0\0TFL3" + bytes(99), "is a TensorFlow Lite model"),
    "utf-32.csv": (("x,y\n" + ROWS).encode("utf-32"), "is UTF-32: save it as UTF-8"),
    "comments alone.csv": (b"# a\n% b\n", "begins with nothing but comments"),
    "a wide header.csv": (",".join(f"c{n}" for n in range(10**5)).encode(), "row 1 is longer than"),
    "a long row.csv": (b"x,y\n1,2\n" + b"9" * 10**6, "row 3 is longer than 128 KB"),
    "wide.csv": (b"1," * 9999 + b"1\n" + b"2," * 9999 + b"1\n", "has more than 4096 columns"),
    "newest first.csv": (
        b"time,x\n" + b"".join(b"%d,%d\n" % (99 - i, i % 7) for i in range(60)),
        "column time falls from row to row: sort the rows by time, the oldest first",
    ),
    "lines.json": (b'{"t":1}\n{"t":2}\n', "row 2 begins a second JSON document"),
    "cut.json": (b'{"payload": {"values": [1,\n2', "row 2, character 2: is no JSON"),
    "step of true.json": (edge_impulse(interval_ms=True), "is 'True', must be a number above 0"),
    "tiny step.json": (edge_impulse(interval_ms=1e-320), "must be a number above 0"),
    "three axes.json": (edge_impulse(values=[[[1]]] * 5), "one list of numbers per sample"),
    "no channel.wav": (wav(channels=0), "cannot be read as WAV"),
    "no samples.wav": (wav(data=b""), "holds no samples"),
    "no rate.wav": (wav(rate=0), "states a rate of 0 Hz"),
    "an open header.npy": (
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '<f8', 'shape': (9,".ljust(117)
        + b"\n"
        + bytes(72),
        "cannot be read: ",
    ),
    "a bomb.npz": (claimed_archive(), "holds more than 250 million values"),
    "wide.parquet": (parquet(**{f"c{n}": [1, 2] for n in range(5000)}), "more than 4096 columns"),
    "cut.mat": (matlab(x=np.arange(99))[:-20], "is a damaged MATLAB file"),
    "words.mat": (matlab(x="text", y={"a": 1}), "holds no array of numbers"),
    "version 7.3.mat": (b"MATLAB 7.3".ljust(124) + b"\0\2IM", "of version 7.3; save it with -v7"),
    "a column without a name.csv": (b",y\n" + b"1,2\n" * 9, "column (no name) is 1 in every row"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_in_one_short_line(tmp_path: Path, name: str) -> None:
    content, message = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        find_settings([str(path)])
        load("csv", path=str(path))
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and len(line) < len(str(path)) + 200
    assert message in line


def test_a_matlab_file_with_any_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.mat"
    file = io.BytesIO()
    savemat(file, {"x": np.arange(40.0).reshape(20, 2), "fs": 50})
    for whole in (file.getvalue(), matlab(x=np.arange(40.0).reshape(20, 2), fs=50)):
        for at in range(100, len(whole), 3):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x81]) + whole[at + 1 :])
            try:
                table(path)
            except DataError as problem:
                assert "\n" not in str(problem)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "?"])
def test_matlab_arrays_of_every_type(tmp_path: Path, dtype: str) -> None:
    values = (np.random.default_rng(1).normal(size=(30, 2)) * 90).astype(dtype)
    path = tmp_path / "log.mat"
    for arrays in ({"x": values}, {"x": values, "z": values[:, 0] * 1j, "empty": np.zeros((0, 3))}):
        path.write_bytes(matlab(fs=50, **arrays))
        read = table(path)
        assert (read.channels, read.rate_hz) == (("x_0", "x_1"), 50)
        assert np.array_equal(read.values, values)


def test_a_file_of_little_but_text_is_refused_early(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(bulk, "MOST_ODD", 1000)
    path = tmp_path / "log.csv"
    for line in ("x,y\n", "hello\n"):
        path.write_text("x,y\n" + ROWS + line * 2000)
        with pytest.raises(DataError, match=r"row 1062: more than a million lines"):
            table(path, skip_text=True)
    path.write_text("x,y\n" + ROWS + ("# a comment\n\n" * 2000) + ROWS)
    assert len(table(path).values) == 120


def test_a_line_of_text_after_every_sample(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x,y\n" + ROWS.replace("\n", "\nsample stored\n"))
    _, (read,) = find_settings([str(path)])
    assert len(read.values) == 60 and read.channels == ("x", "y")
    assert "60 rows of text are left out (the first is row 3)" in read.notes


def test_a_line_that_names_another_delimiter_than_the_rows_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for name in (";", "1", ".", '"', "é", ""):
        path.write_text(f"sep={name}\nx,y\n{ROWS}")
        assert table(path).channels == ("x", "y")


@pytest.mark.parametrize("header", ['"x,y', 'x","y"', 'a\n"x",y"'])
def test_a_quote_that_is_never_closed(tmp_path: Path, header: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"{header}\n{ROWS}")
    read = table(path)
    assert read.channels == ("x", "y") and read.values[1].tolist() == [0.327, 7]


def test_infinite_values_of_arrays_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "log.npy"
    values = np.arange(60.0) % 7
    values[[3, 9]] = np.inf, -np.inf
    np.save(path, values)
    read = table(path)
    assert np.flatnonzero(read.missing).tolist() == [3, 9]
    assert "column signal: 2 infinite values are taken for missing" in read.notes


def test_a_label_of_hundreds_of_kinds_is_none(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for word in ("{}", "w{}", "q" * 70 + "{}"):
        rows = "".join(f"{i % 7},{word.format(i)}\n" for i in range(300))
        path.write_text("x,label\n" + rows)
        _, (read,) = find_settings([str(path)])
        assert read.channels == ("x",) and set(read.labels) == {-1}


def test_rows_whose_time_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    days = (f"2024-01-{1 + i:02d},{i % 7}\n" for i in range(40))
    path.write_text("when,x\n" + "".join(days))
    note = "9 rows have no time that can be read (the first is row 33): their values are taken for"
    assert any(n.startswith(note) for n in table(path).notes)
    assert "column when is the clock: a frame every 86400 s" in table(path).notes


def test_a_file_without_a_normal_frame_is_refused(tmp_path: Path) -> None:
    from training.suggest import suggest

    path = tmp_path / "log.csv"
    path.write_text("x,label\n" + "".join(f"{i % 7},1\n" for i in range(300)))
    with pytest.raises(
        DataError, match="all 210 frames of the training part are labelled abnormal"
    ):
        suggest("log", Settings(path=str(path)), load("csv", path=str(path)))


def test_damaged_intervals_beside_a_file_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("x,y\n" + ROWS)
    for text in ("{", "[1]", "[" * 100_000, '{"log.csv": 1'):
        (tmp_path / "combined_windows.json").write_text(text)
        settings, _ = find_settings([str(tmp_path / "log.csv")])
        assert settings.intervals is None

"""Text tables as people have them: one small input per kind, and how it is read or refused.

Most inputs hold the same 40 frames of two channels, so that a kind that is read has one answer.
"""

import gzip
import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.data.csv import Settings
from training.data.files.table import Table, read_table

X = [round(0.25 * ((7 * i) % 23) - 2, 2) for i in range(40)]
Y = [round(9.5 + 0.125 * ((5 * i) % 11), 3) for i in range(40)]


def table(path: Path, **settings) -> Table:
    return read_table(path, Settings(path=str(path), **settings))


def rows(form: str = "{t:.2f},{x},{y}", end: str = "\n", step: float = 0.02) -> str:
    lines = (form.format(t=i * step, ms=20 * i, i=i, x=X[i], y=Y[i]) for i in range(40))
    return "".join(line + end for line in lines)


def comma(text: str) -> str:
    return text.replace(".", ",")


HEADER = "time,x,y\n"
READ = {
    "comma": HEADER + rows(),
    "semicolon": "time;x;y\n" + rows("{t:.2f};{x};{y}"),
    "semicolon and decimal comma": "time;x;y\n" + comma(rows("{t:.2f};{x};{y}")),
    "tabs and decimal comma": "time\tx\ty\n" + comma(rows("{t:.2f}\t{x}\t{y}")),
    "bars": "time|x|y\n" + rows("{t:.2f}|{x}|{y}"),
    "bars with spaces": "time | x | y\n" + rows("{t:.2f} | {x} | {y}"),
    "spaces of any number": "time  x      y\n" + rows("  {t:<8.2f} {x:>8}   {y:>8}"),
    "comma and space": "time, x, y\n" + rows("{t:.2f}, {x}, {y}"),
    "quotes around all": '"time","x","y"\n' + rows('"{t:.2f}","{x}","{y}"'),
    "quotes and decimal comma": '"time","x","y"\n'
    + comma(rows("'{t:.2f}'~'{x}'~'{y}'")).replace("~", ",").replace("'", '"'),
    "byte order mark": "\ufeff" + HEADER + rows(),
    "line ends of Windows": (HEADER + rows()).replace("\n", "\r\n"),
    "line ends of old Macs": (HEADER + rows()).replace("\n", "\r"),
    "no last line end": (HEADER + rows())[:-1],
    "blank lines": "\n\n" + HEADER + "\n" + rows(end="\n\n"),
    "Excel's separator line": "sep=;\ntime;x;y\n" + rows("{t:.2f};{x};{y}"),
    "units below the header": "time,x,y\ns,g,m/s^2\n" + rows(),
    "units below in brackets": "time;x;y\n[ms];(g);[m/s^2]\n" + rows("{ms};{x};{y}"),
    "settings of an instrument": "Model,A7,,\nSample Interval,0.02,,\n\nTIME,x,y\n" + rows(),
    "settings above a longer header": "Model\tA7\tB\n\nX\tx\ty\tComment\n"
    + rows("{t:.2f}\t{x}\t{y}"),
    "settings above a header with units": "Model,A7,B\nTIME,x,y\ns,V,mV\n" + rows(),
    "header and units twice": ("time,x,y\ns,g,g\n") * 2 + rows(),
    "dates with a short zone": "when,x,y\n" + rows("2024-03-01T10:00:{t:06.3f}+02,{x},{y}"),
    "minus signs of a typesetter": HEADER + rows().replace("-", "\N{MINUS SIGN}"),
    "units in brackets": "time [s],x [g],y (m/s^2)\n" + rows(),
    "comments by #": "# rate_hz: 50\n# logger 3\n" + HEADER + rows(),
    "comments by %": "% made by a logger\n" + HEADER + rows(),
    "comments by //": "// made by a logger\n" + HEADER + rows(),
    "comments between rows": HEADER + rows().replace("0.10,", "# a note\n0.10,"),
    "delimiter after every row": "time,x,y,\n" + rows("{t:.2f},{x},{y},"),
    "delimiter after rows alone": "time,x,y\n" + rows("{t:.2f},{x},{y},"),
    "delimiter after the header alone": "time,x,y,\n" + rows(),
    "start-up text of a sketch": "IMU ready\nRange +-2 g\n\n" + HEADER + rows(),
    "row numbers without a name": ",x,y\n" + rows("{i},{x},{y}"),
    "row numbers below no name at all": "x y\n" + rows("{i} {x} {y}"),
    "row numbers named by pandas": "Unnamed: 0,x,y\n" + rows("{i},{x},{y}"),
    "milliseconds": "millis,x,y\n" + rows("{ms},{x},{y}"),
    "microseconds": "micros,x,y\n" + rows("{ms}000,{x},{y}"),
    "clock of an unknown name": "foo,x,y\n" + rows("{ms},{x},{y}"),
    "clock in the last column": "x,y,t_ms\n" + rows("{x},{y},{ms}"),
    "epoch in milliseconds": "ts,x,y\n" + rows("17201712{ms:05d},{x},{y}"),
    "dates": "when,x,y\n" + rows("2024-03-01 10:00:{t:09.6f},{x},{y}"),
    "dates with T and Z": "when,x,y\n" + rows("2024-03-01T10:00:{t:06.3f}Z,{x},{y}"),
    "dates with a zone": "when,x,y\n" + rows("2024-03-01T10:00:{t:06.3f}+02:00,{x},{y}"),
    "German dates": "Zeit;x;y\n"
    + comma(rows("01#03#2024 10:00:{t:06.3f};{x};{y}")).replace("#", "."),
    "American dates": "when,x,y\n" + rows("03/21/2024 10:00:{t:06.3f},{x},{y}"),
    "date and time apart": "date,time,x,y\n" + rows("2024-03-01,10:00:{t:06.3f},{x},{y}"),
    "times of day": "time,x,y\n" + rows("10:00:{t:06.3f},{x},{y}"),
    "stamps of the Serial Monitor": "12:00:00.000 -> x,y\n" + rows("12:00:{t:06.3f} -> {x},{y}"),
    "pairs of the Serial Plotter": rows("x:{x},y:{y}"),
    "pairs with spaces": rows("x: {x}  y: {y}").replace("  ", "\t"),
    "exponents and plus signs": "time,x,y\n" + rows("{t:.2e},{x:+.3e},{y:+}"),
    "header of numbers' names": "0,1,2,3,4,5,6,x,y\n" + rows("0,0,0,0,0,0,0,{x},{y}"),
    "a constant column": "time,x,y,spare\n" + rows("{t:.2f},{x},{y},0"),
    "an empty column": "time,x,y,spare\n" + rows("{t:.2f},{x},{y},"),
    "a column of words": "time,x,y,mode\n" + rows("{t:.2f},{x},{y},run"),
    "a label of words": "time,x,y,State\n" + rows("{t:.2f},{x},{y},normal"),
    "a label": "time,x,y,Anomaly\n" + rows("{t:.2f},{x},{y},0"),
}


@pytest.mark.parametrize("kind", READ)
def test_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(READ[kind].encode())
    read = table(path)
    assert read.channels == ("x", "y"), read.notes
    assert read.values[:, 0].tolist() == X
    assert read.values[:, 1].tolist() == Y
    assert not len(read.cuts) and not read.missing.any()
    counted = ("row numbers", "pairs", "unknown", "header of")
    assert read.rate_hz == (None if kind.startswith(counted) or "unknown" in kind else 50.0)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1252"])
def test_an_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(("time,x [°C],y [µV]\n" + rows()).encode(encoding))
    read = table(path)
    assert read.units == ("°C", "µV")
    assert read.values[:, 0].tolist() == X


def test_a_gzip(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress((HEADER + rows()).encode()))
    assert table(path).values[:, 0].tolist() == X


def test_a_large_file_is_read_in_chunks(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("training.data.files.text.CHUNK", 64)
    monkeypatch.setattr("training.data.files.text.HEAD", 128)
    monkeypatch.setattr("training.data.files.formats.delimited.HEAD", 128)
    path = tmp_path / "log.csv"
    for end in ("\n", "\r\n", "\r"):
        path.write_bytes((HEADER + rows()).replace("\n", end).encode())
        read = table(path)
        assert read.values[:, 0].tolist() == X
        assert [read.row(frame) for frame in (0, 1, 39)] == [2, 3, 41]
    path.write_text(HEADER + rows(), encoding="utf-16")
    assert table(path).values[:, 1].tolist() == Y


def test_a_repeated_header_is_a_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = ("x,y\n" + rows("{x},{y}")).splitlines()
    path.write_text("\n".join([*lines[:15], lines[0], *lines[15:]]) + "\n")
    read = table(path)
    assert read.values[:, 0].tolist() == X
    assert read.cuts.tolist() == [14]
    assert [read.row(frame) for frame in (13, 14)] == [15, 17]
    assert "the header is repeated once: the recording is cut there" in read.notes


def test_rows_of_text_are_left_out_on_request(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = ("x,y\n" + rows("{x},{y}")).splitlines()
    path.write_text("\n".join([*lines[:15], "Gesture recorded", *lines[15:], "done, bye"]) + "\n")
    with pytest.raises(DataError, match=r"row 16: 'Gesture recorded'\); remove such rows, or set"):
        table(path)
    read = table(path, skip_text=True)
    assert read.values[:, 0].tolist() == X
    assert read.cuts.tolist() == [14]


def test_a_cut_last_line_is_left_out_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + rows() + "0.80,0.1")
    read = table(path)
    assert read.values[:, 0].tolist() == X
    assert "the last line (row 42) is cut off and left out" in read.notes


def test_thousands(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x;y\n" + "".join(f"1.{100 + i % 3},5;-2.{200 + i % 7}\n" for i in range(20)))
    assert table(path).values[:2].tolist() == [[1100.5, -2200], [1101.5, -2201]]
    path.write_text("x,y\n" + "".join(f'"1,{100 + i % 3}.5",{i % 4}\n' for i in range(20)))
    assert table(path).values[:2].tolist() == [[1100.5, 0], [1101.5, 1]]
    path.write_text("x,y\n" + "".join(f'"1,{100 + i % 3}",{i % 4}\n' for i in range(20)))
    assert "',' groups thousands" in table(path).notes


def test_thousands_that_begin_late(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    late = "1.234;0\n-12.345,5;1\n0.5;2\n"  # a point that cannot group is a decimal one
    path.write_text("x;y\n" + "".join(f"{i},5;{i % 7}\n" for i in range(600)) + late)
    assert table(path).values[-4:, 0].tolist() == [599.5, 1234, -12345.5, 0.5]


def test_points_among_whole_numbers_alone_are_said(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = "".join(f"{900 + i % 90};{i % 7}\n" for i in range(600))
    note = "column x: 1.003 (row 602) is read as a decimal number, and all others are whole"
    path.write_text("x;y\n" + rows + "1.003;2\n999;3\n")
    read = table(path)
    assert any(n.startswith(note) for n in read.notes) and read.values[600, 0] == 1.003
    for other in ("1.003;2\n1000;3\n", "1.003;2\n1.5;3\n", "0.003;2\n", "999;3\n"):
        path.write_text("x;y\n" + rows + other)
        assert not any("decimal number" in n for n in table(path).notes)
    path.write_text("x;y\n" + "".join(f"1.{100 + i % 90};1\nnan;2\n" for i in range(60)))
    assert not any("decimal number" in n for n in table(path, interpolate=1).notes)


def test_thousands_among_whole_numbers_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    counts = [990 + 7 * i % 23 for i in range(60)]
    path.write_text("x;y\n" + "".join(f"{c:,};{c + 200:,}\n" for c in counts).replace(",", "."))
    read = table(path)
    assert read.values.tolist() == [[c, c + 200] for c in counts]
    assert "the decimal sign is ',', '.' groups thousands" in read.notes
    # Three decimals throughout are decimals.
    path.write_text("x;y\n" + "".join(f"{c / 1000:.3f};{c % 7}\n" for c in counts))
    assert table(path).values[:, 0].tolist() == [c / 1000 for c in counts]


def test_three_decimals_behind_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    amperes = [2.8 + 7 * i % 23 / 1000 for i in range(60)]
    amperes[50:] = [v - 2 for v in amperes[50:]]  # "0,807" can be nothing but a decimal
    path.write_text(
        "t;x\n" + "".join(f"{i};{v:.3f}\n" for i, v in enumerate(amperes)).replace(".", ",")
    )
    read = table(path)
    assert read.values[:, 0].tolist() == [round(v, 3) for v in amperes]
    assert "the decimal sign is ','" in read.notes


@pytest.mark.parametrize("other", ["0.5", "998", "1,234,567"])
def test_a_comma_groups_thousands_where_another_number_shows_it(tmp_path: Path, other: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x;y\n" + "".join(f"1,{100 + i % 3};{i % 7}\n{other};3\n" for i in range(20)))
    assert table(path).values[0].tolist() == [1100, 0]


def test_text_with_a_unit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time,x\n" + "".join(f"{i / 50},{i / 7:.4f} g\n" for i in range(1200)))
    with pytest.raises(DataError, match=r"no channel .*column x is free text .*such as '0.0000 g'"):
        table(path)


def test_a_rare_value_far_from_all_others_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    said = [85 if i % 200 == 7 else 20 + i % 13 / 8 for i in range(1000)]
    path.write_text("temp\n" + "".join(f"{v}\n" for v in said))
    note = "channel temp is 85 in 0.5 % of the rows, far from all other values"
    assert any(n.startswith(note) for n in table(path).notes)


def test_one_column_with_a_decimal_comma(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x\n" + comma(rows("{x}")))
    assert table(path).values[:, 0].tolist() == X


@pytest.mark.parametrize("name", ["x", "x [V]"])
@pytest.mark.parametrize("seed", range(3))
def test_decimal_commas_are_no_delimiter(tmp_path: Path, name: str, seed: int) -> None:
    path = tmp_path / "log.txt"
    values = np.random.default_rng(seed).uniform(0.1, 999, 100).round(3)
    cells = [f"{v:.3f}".replace(".", ",") for v in values]
    path.write_text(f"{name}\n" + "\n".join(cells) + "\n")
    assert table(path).values[:, 0].tolist() == values.tolist()
    rows = (f"{n // 100},{n % 100:02d}0 {cell}\n" for n, cell in enumerate(cells))
    path.write_text("t x\n" + "".join(rows))
    read = table(path)
    assert (read.channels, read.rate_hz) == (("x",), 100)
    assert read.values[:, 0].tolist() == values.tolist()
    small = [f"{v / 1000 - 0.5:.3f}".replace("0.", ",", 1) for v in values]
    path.write_text(f"{name}\n" + "\n".join(small) + "\n")
    assert table(path).values[:, 0].tolist() == [float(c.replace(",", ".")) for c in small]


def test_a_header_from_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(rows())
    with pytest.raises(
        DataError, match=r'row 1 holds numbers; .* data.header = \["c1", "c2", "c3"\]'
    ):
        table(path)
    read = table(path, header=["t", "left", "right [g]"])
    assert read.channels == ("left", "right") and read.units == ("", "g")
    assert read.rate_hz == 50


REFUSED = {
    "a ZIP": (b"PK\x03\x04" + bytes(100), "is a ZIP archive or an Excel workbook: unpack it"),
    "a PDF": (b"%PDF-1.7\n%\xe2\n", "is a PDF document"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "is a picture"),
    "a database": (b"SQLite format 3\x00", "is an SQLite database"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(100), "is an old Excel workbook"),
    "a web page": (b"<!DOCTYPE html><html>404</html>", "is a web page"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    "a WFDB header": (b"100 2 360 650000\n100.dat 212 200 11 1024\n", "WFDB record: name it .hea"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    "NUL bytes": (b"x,y\n1,2\n3,\x00\n4,5\n", "row 3 holds NUL bytes"),
    "half a gzip": (gzip.compress(b"x\n1\n" * 99)[:20], "cannot be read to its end"),
    "nothing": (b"", "is empty"),
    "blank lines alone": (b"\n \n\t\n", "is empty"),
    "a header alone": (b"time,x\n", "has a header and no rows"),
    "prose": (
        b"It was a dark night.\nThe rain fell.\nIn torrents, except.\n",
        "is not a number; correct it, or name the columns of",
    ),
    "hexadecimal counts": (b"x\n0x01\n0x02\n", "row 2, column x: '0x01' is not a number"),
    "one wrong cell": (b"x,y\n1,2\n2,l0\n3,4\n", "row 3, column y: 'l0' is not a number; correct"),
    "a short row": (b"x,y\n1,2\n2\n3,4\n", "row 3, column y: 1 cells, but the header names 2"),
    "a long row": (b"x,y\n1,2\n2,3,4\n3,4\n", "row 3, column number 3: 3 cells, but the header"),
    "twins": (b"x,x\n1,2\n2,3\n", "row 1: two columns are called x; rename one, or set"),
    "many numbered columns": (
        (",".join(map(str, range(40))) + "\n" + ",".join(["0.5"] * 40) + "\n").encode(),
        "40 columns are named by numbers, as if each row were one window; set data.row_is_window",
    ),
    "rows of windows": (
        ("\n".join(",".join(["0.5"] * 40) for _ in range(4)) + "\n").encode(),
        "or set data.row_is_window if each row is one window",
    ),
    "labels of many kinds": (
        b"x,label\n" + b"1,3\n2,3\n4,5\n" * 9,
        "is 0 (normal), 1 (abnormal) or empty, not '3'; list the labels of normal rows, such as "
        'data.normal = ["3"]',
    ),
    "JSON of another kind": (b'{"a": [1, 2]}', "is JSON or CBOR, but not an Edge Impulse"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_is_refused_in_one_short_line(tmp_path: Path, kind: str) -> None:
    content, message = REFUSED[kind]
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        table(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    assert message in line


@pytest.mark.parametrize(
    "text", ["z" * 5000, "x,y\n1,2\n3," + "q" * 5000 + "\n", "a" * 500 + "\n1,2,3\n"]
)
def test_a_message_repeats_at_most_60_characters_of_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        table(path)
    assert not any(char * 61 in str(caught.value) for char in "zqa")


def test_a_line_without_end_is_refused_before_memory_is_full(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"x,y\n1,2\n" * 40_000 + b"9" * (5 << 20))
    with pytest.raises(DataError, match="has a line of more than 4 MB"):
        table(path)


def test_missing_values_are_told_alike(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for mark in ("", "nan", "NaN", "?", "!", "NA", "null", "-"):
        lines = (HEADER + rows()).splitlines()
        lines[9] = f"0.16,{mark},9.5"
        path.write_text("\n".join(lines) + "\n")
        read = table(path)
        assert np.flatnonzero(read.missing).tolist() == [8]
        assert any("1 row with missing values (x 1; the first is row 10)" in n for n in read.notes)


def test_damaged_files_are_read_or_refused_but_nothing_else(tmp_path: Path) -> None:
    draw = random.Random(1)
    whole = [text.encode() for text in READ.values()] + [content for content, _ in REFUSED.values()]
    pieces = [b",", b";", b"\n", b'"', b"nan", b"1e400", b"\t", b"#", b"time", b"label", b"\x00"]
    pieces += [b"\xb0", b"9" * 30, b":", b" -> ", b"2024-01-01", b"\r", b"=", b""]
    for n in range(400):
        content = bytearray(draw.choice(whole)[:2000])
        for _ in range(draw.choice([1, 2, 5, 20])):
            at = draw.randrange(len(content) + 1)
            content[at : at + draw.choice([0, 1, 3, 100])] = draw.choice(pieces)
        path = tmp_path / f"log{n}.{draw.choice(['csv', 'json'])}"
        path.write_bytes(content)
        with suppress(DataError):
            table(path, skip_text=bool(n % 2), interpolate=n % 3)


def test_two_columns_of_whole_numbers_are_no_wfdb_header(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("".join(f"{i % 7} {i % 5}\n" for i in range(40)))
    assert table(path, header=["x", "y"]).values[:3].tolist() == [[0, 0], [1, 1], [2, 2]]


def test_a_row_of_units_with_blanks(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time,x,y\ns,,g\n" + rows())
    read = table(path)
    assert read.units == ("", "g") and read.values[:, 0].tolist() == X


@pytest.mark.parametrize(
    ("form", "header"),
    [
        ("{x},{y}", '"x","y"'),
        ("12:00:{t:06.3f} -> {x},{y}", "12:00:00.000 -> x,y"),
        ("{x} {y}", "x  y"),
    ],
)
def test_a_header_is_known_again_however_it_is_written(tmp_path: Path, form, header) -> None:
    path = tmp_path / "log.txt"
    lines = [header, *rows(form).splitlines()]
    path.write_text("\n".join([*lines[:21], header, *lines[21:]]) + "\n")
    read = table(path)
    assert read.values[:, 0].tolist() == X and 20 in read.cuts


def test_blank_lines_of_a_single_column_are_missing_samples(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x\n1\n2\n\n4\n5\n\n\n")
    read = table(path)
    assert np.flatnonzero(read.missing).tolist() == [2]
    assert len(read.values) == 5


def test_blank_lines_between_all_samples_are_none(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x\n\n" + "".join(f"{i % 7}\n\n" for i in range(40)))
    assert table(path).values[:, 0].tolist() == [i % 7 for i in range(40)]


def test_a_header_below_trailing_blanks_is_no_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x\n1\n2\n4\n\n\nx\n\n")
    read = table(path)
    assert len(read.values) == 3 and not len(read.cuts)

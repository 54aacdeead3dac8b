"""Every format beside text: the same 200 samples of two channels come back with names and rate."""

import json
import wave
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.io import savemat, wavfile

from training.bundle.errors import DataError
from training.data import load
from training.data.csv import Settings
from training.data.files.formats import formats, suffixes
from training.data.files.table import Table, read_table
from training.suggest import find_settings

rng = np.random.default_rng(3)
VALUES = np.round(rng.normal(size=(200, 2)), 3)
COUNTS = rng.integers(-2000, 2000, (200, 2)).astype(np.int16)


def table(path: Path, **settings) -> Table:
    return read_table(path, Settings(path=str(path), **settings))


def edge_impulse(**changes) -> dict:
    payload = {
        "device_type": "TEST",
        "interval_ms": 20,
        "sensors": [{"name": "ax", "units": "m/s2"}, {"name": "ay", "units": "m/s2"}],
        "values": VALUES.tolist(),
    }
    return {"protected": {"ver": "v1"}, "signature": "0", "payload": payload | changes}


@pytest.mark.parametrize("suffix", ["json", "cbor", "txt"])
def test_edge_impulse(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"wave.{suffix}"
    if suffix == "cbor":
        import cbor2

        path.write_bytes(cbor2.dumps(edge_impulse()))
    else:
        path.write_text(json.dumps(edge_impulse()))
    read = table(path)
    assert (read.channels, read.units, read.rate_hz) == (("ax", "ay"), ("m/s2", "m/s2"), 50)
    assert np.array_equal(read.values, VALUES)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([1, 2], "is JSON or CBOR, but not an Edge Impulse acquisition"),
        ({"payload": {"values": 3}}, "is JSON or CBOR, but not an Edge Impulse acquisition"),
        (edge_impulse(interval_ms=0), "payload.interval_ms is '0', must be a number above 0"),
        (edge_impulse(sensors=[{"name": "a"}]), "hold 2 numbers per sample, but"),
        (edge_impulse(values=[[1, 2], [3]]), "hold one list of as many numbers per sample"),
        (edge_impulse(values=[["a", "b"]]), "hold one list of as many numbers per sample"),
        (edge_impulse(sensors=["ax", "ay"]), "payload.sensors must name each sensor"),
    ],
)
def test_another_document_is_refused(tmp_path: Path, document, message: str) -> None:
    path = tmp_path / "wave.json"
    path.write_text(json.dumps(document) if document != [1, 2] else "[[1, 2]]")
    with pytest.raises(DataError, match=message):
        table(path)


def test_half_a_document_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wave.json"
    path.write_text(json.dumps(edge_impulse())[:300])
    with pytest.raises(DataError, match=r"is no JSON|is damaged: "):
        table(path)
    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"is no JSON|is damaged: "):
        table(path)


def test_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES.T)
    assert np.array_equal(table(tmp_path / "a.npy").values, VALUES)
    assert table(tmp_path / "a.npy").channels == ("signal_0", "signal_1")
    assert table(tmp_path / "a.npy", header=["x", "y"]).channels == ("x", "y")
    np.savez(tmp_path / "b.npz", x=VALUES[:, 0], y=VALUES[:, 1], fs=100.0, note=np.array("text"))
    read = table(tmp_path / "b.npz")
    assert (read.channels, read.rate_hz) == (("x", "y"), 100)
    savemat(tmp_path / "c.mat", {"X097_DE_time": VALUES[:, :1], "X097RPM": 1796, "s": {"a": 1}})
    read = table(tmp_path / "c.mat")
    assert read.channels == ("DE_time",)
    assert np.array_equal(read.values[:, 0], VALUES[:, 0])


def test_arrays_of_objects_and_text_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}, {}]), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        table(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", words=np.array(["a", "b"]))
    with pytest.raises(DataError, match="holds no array of numbers"):
        table(tmp_path / "b.npz")


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    when = pl.datetime_range(
        pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 2), "10ms", eager=True
    ).head(200)
    frame = pl.DataFrame({"when": when, "x": VALUES[:, 0], "y": VALUES[:, 1]})
    frame = frame.with_columns(fault=pl.lit(False), deep=pl.lit([1, 2]), word=pl.lit("run"))
    frame.write_parquet(path)
    read = table(path)
    assert (read.channels, read.rate_hz) == (("x", "y"), 100)
    assert np.array_equal(read.values, VALUES)
    assert read.labels.tolist() == [0] * 200
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read"):
        table(path)


def test_wav(tmp_path: Path) -> None:
    path = tmp_path / "log.wav"
    wavfile.write(path, 8000, COUNTS)
    read = table(path)
    assert (read.channels, read.rate_hz) == (("left", "right"), 8000)
    assert np.array_equal(read.values, COUNTS)
    with wave.open(str(path), "wb") as file:  # 24 bits
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(4000)
        file.writeframes(b"".join(int(v).to_bytes(3, "little", signed=True) for v in COUNTS[:, 0]))
    assert np.array_equal(table(path).values, COUNTS[:, :1])
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError, match="cannot be read as WAV"):
        table(path)


def test_edf(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import pyedflib

    path = tmp_path / "log.edf"
    with pyedflib.EdfWriter(str(path), 3) as file:
        for n, (name, rate) in enumerate((("C3", 100), ("C4", 100), ("pulse", 10))):
            file.setSignalHeader(
                n,
                {
                    "label": name,
                    "dimension": "uV",
                    "sample_frequency": rate,
                    "physical_max": 2000,
                    "physical_min": -2000,
                    "digital_max": 2000,
                    "digital_min": -2000,
                },
            )
        file.writeSamples([COUNTS[:, 0] / 1.0, COUNTS[:, 1] / 1.0, np.zeros(20)])
    read = table(path)
    assert (read.channels, read.units, read.rate_hz) == (("C3", "C4"), ("uV", "uV"), 100)
    assert np.allclose(read.values, COUNTS, atol=1)
    assert "signals at another rate than 100 Hz are left out: pulse" in read.notes
    whole = path.read_bytes()
    for damaged, said in (
        (whole[:-70], r"has [\d,]+ bytes, but its header states [\d,]+: it is cut; copy"),
        (whole + b"\0", "it holds more than its samples"),
        (whole[:300], "cannot be read as EDF"),
        (whole[:236] + b"-1      " + whole[244:], "cannot be read as EDF"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=said):
            table(path)
    assert capfd.readouterr() == ("", "")  # the library prints about a length


def test_wfdb(tmp_path: Path, monkeypatch) -> None:
    import wfdb

    monkeypatch.chdir(tmp_path)
    wfdb.wrsamp("rec", 250, ["mV", "mV"], ["I", "II"], VALUES, fmt=["16", "16"])
    read = table(tmp_path / "rec.hea")
    assert (read.channels, read.units, read.rate_hz) == (("I", "II"), ("mV", "mV"), 250)
    assert np.allclose(read.values, VALUES, atol=1e-3)
    (tmp_path / "rec.dat").unlink()
    with pytest.raises(
        DataError, match=r"rec.hea: 'rec.dat' is missing beside it|rec.dat is missing"
    ):
        table(tmp_path / "rec.hea")


def test_a_wfdb_signal_of_several_samples_per_frame_is_said(tmp_path: Path) -> None:
    counts = np.column_stack([np.arange(400).reshape(200, 2) % 13 * 100, COUNTS[:, 0]])
    counts.astype("<i2").tofile(tmp_path / "m.dat")
    lines = ("m 2 125 200", "m.dat 16x2 200/mV 16 0 0 0 0 ECG", "m.dat 16 200/mV 16 0 0 0 0 RESP")
    (tmp_path / "m.hea").write_text("\n".join(lines) + "\n")
    read = table(tmp_path / "m.hea")
    assert (read.channels, read.rate_hz) == (("ECG", "RESP"), 125)
    assert np.allclose(read.values[:, 0], counts[:, :2].mean(axis=1) / 200)
    note = "channel ECG has 250 samples per second: the mean of 2 is taken, 125 times per second"
    assert [n for n in read.notes if "mean" in n] == [note]


def test_a_format_is_known_by_its_contents(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    (tmp_path / "a.npy").rename(tmp_path / "a.csv")
    assert np.array_equal(table(tmp_path / "a.csv").values, VALUES)
    (tmp_path / "b.npy").write_text("x,y\n1,2\n3,5\n")
    assert table(tmp_path / "b.npy").channels == ("x", "y")


def test_every_format_has_suffixes_and_any_file_makes_a_data_set(tmp_path: Path) -> None:
    assert {".csv", ".json", ".cbor", ".hea", ".edf", ".npz", ".parquet", ".wav", ".mat"} <= set(
        suffixes()
    )
    assert all(module.__doc__ for module in formats().values())
    wavfile.write(tmp_path / "log.wav", 8000, COUNTS)
    data = load("csv", path=str(tmp_path / "log.wav"))
    assert data.train.rate_hz == 8000 and data.train.gain == (1.0, 1.0)


@pytest.mark.parametrize("rows", [11, 10**8, 10**13])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_array_that_claims_more_than_follows_is_refused(
    rows: int, version: int, tmp_path: Path
) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows},), }}"
    text = header.ljust(117) + "\n"
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    content = b"\x93NUMPY" + bytes([version, 0]) + size + text.encode() + bytes(80)
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", content)
    for name in ("a.npy", "b.npz"):
        with pytest.raises(DataError, match=rf"claims {rows * 8} bytes, but 80 follow"):
            table(tmp_path / name)


def test_an_array_of_windows_with_labels_is_no_recording_of_many_channels(tmp_path: Path) -> None:
    windows = np.random.default_rng(4).normal(size=(60, 48))
    np.savez(tmp_path / "b.npz", X=windows, y=np.arange(60) > 50)
    with pytest.raises(DataError, match=r"48 columns are named by numbers.*row_is_window"):
        table(tmp_path / "b.npz")
    settings, (read,) = find_settings([str(tmp_path / "b.npz")])
    assert settings.row_is_window == "label last" and read.channels == ("signal",)
    assert np.array_equal(read.values[:, 0], windows.ravel()) and (read.labels == 1).sum() == 9 * 48


@pytest.mark.parametrize("shape", [(60, 48), (48, 60)])
def test_rows_of_an_array_are_windows_whatever_its_longer_side(tmp_path: Path, shape) -> None:
    windows = np.random.default_rng(4).normal(size=shape)
    labelled = np.column_stack([np.arange(len(windows)) % 2, windows])
    np.save(tmp_path / "b.npy", labelled)
    settings, (read,) = find_settings([str(tmp_path / "b.npy")])
    assert settings.row_is_window == "label first"
    assert np.array_equal(read.values[:, 0], windows.ravel())
    few = table(tmp_path / "b.npy", row_is_window="label first")
    assert np.array_equal(few.values, read.values)
    assert table(tmp_path / "b.npy", channels=["signal_0"]).values.shape == (
        max(*labelled.shape),
        1,
    )


def test_times_among_arrays_are_the_clock(tmp_path: Path) -> None:
    frame = np.arange(200) + np.where(np.arange(200) < 100, 0, 50)
    when = np.datetime64("2024-01-01") + frame * np.timedelta64(10, "ms")
    said = np.where(frame < 9, "normal", "fault")
    np.savez(tmp_path / "b.npz", x=VALUES[:, 0], when=when, said=said)
    read = table(tmp_path / "b.npz")
    assert (read.channels, read.rate_hz, read.cuts.tolist()) == (("x",), 100, [100])
    assert "arrays that are shorter or hold no numbers are left out: said" in read.notes
    np.savez(tmp_path / "b.npz", when=when)
    with pytest.raises(DataError, match="holds no array of numbers"):
        table(tmp_path / "b.npz")

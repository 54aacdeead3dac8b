"""Continuous MIT-BIH: whole records with cuts, labels about the beats, a download of a handful."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from training.bundle.errors import DataError, UnavailableError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data import ecg, load
from training.data.files.heartbeats import NO_BEAT, classify_frames, labels_of


def write_record(folder, name):
    """Write 20 s with a beat each second, the tenth of them ventricular."""
    import wfdb

    peaks = np.arange(180, 7000, 360)
    signal = np.full((7200, 1), 1024)
    for peak in peaks:
        signal[peak - 10 : peak + 10] += 150
    wfdb.wrsamp(
        name,
        360,
        ["mV"],
        ["MLII"],
        d_signal=signal,
        fmt=["212"],
        adc_gain=[200.0],
        baseline=[1024],
        write_dir=str(folder),
    )
    symbols = ["V" if i == 9 else "N" for i in range(len(peaks))]
    wfdb.wrann(name, "atr", peaks, symbols, write_dir=str(folder))


def test_records_lie_end_to_end_with_a_cut_between_wearers(tmp_path, monkeypatch):
    (tmp_path / "mitdb").mkdir()
    for name in ("101", "106", "100"):
        write_record(tmp_path / "mitdb", name)
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    data = load("ecg")
    assert data.train.cuts.tolist() == [3600] and not len(data.test.cuts)
    assert data.train.rate_hz == 180 and data.train.frames == 7200
    assert "2 of 22 and 1 of 22 records" in data.description
    labels = data.test.labels
    assert labels[90] == NORMAL and labels[90 + 28] == UNKNOWN
    assert labels[90 + 9 * 180] == ABNORMAL and data.test.classes[90 + 9 * 180] == 2
    assert data.test.physical()[90, 0] == pytest.approx(0.75, abs=0.05)


def test_frames_of_flutter_hold_no_beat():
    at = np.array([100, 200, 250, 300, 400])
    classes = classify_frames(500, 180.0, at, ["N", "[", "!", "]", "N"])
    assert set(classes[200:301]) == {NO_BEAT}
    assert labels_of(classes)[[100, 250, 400]].tolist() == [NORMAL, UNKNOWN, NORMAL]


def test_no_record_of_the_list_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "mitdb").mkdir()
    write_record(tmp_path / "mitdb", "101")
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    with pytest.raises(DataError, match="none of the records 999 exists"):
        load("ecg", test=["999"])


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site with four files, and an empty cache."""
    folder = tmp_path / "site"
    folder.mkdir()
    for name in ("101", "100"):
        write_record(folder, name)
    wanted = {f"{name}.{kind}" for name in ("101", "100") for kind in ("hea", "dat", "atr")}
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in wanted}
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.delenv("VIGIL_DATA", raising=False)
    monkeypatch.setattr(ecg, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr("training.data.download.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(ecg, "CHECKSUMS", sums)
    monkeypatch.setattr(ecg, "ADDRESSES", (f"http://127.0.0.1:{server.server_port}/",))
    yield folder
    server.shutdown()
    server.server_close()


def test_a_handful_of_records_is_downloaded_once(site):
    data = load("ecg")
    assert "1 of 22 and 1 of 22 records" in data.description
    for file in site.iterdir():
        file.unlink()
    assert load("ecg").sha256 == data.sha256


def test_a_download_with_other_contents_is_refused(site):
    (site / "101.dat").write_bytes(b"another file")
    with pytest.raises(UnavailableError, match=r"ecg: not in VIGIL_DATA.*other contents"):
        load("ecg")


def test_what_is_downloaded_has_both_sides_of_the_split():
    records = {name.split(".")[0] for name in ecg.CHECKSUMS}
    settings = ecg.Settings()
    assert records & set(settings.train) and records & set(settings.test)
    assert len(ecg.CHECKSUMS) == 3 * len(records)

"""Data sets beside ECG5000: what they hold, how they say so, and what they refuse."""

import gzip
import struct

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.data import load, mitdb, mnist, nab
from training.errors import DataError


def test_sines_cannot_be_told_apart_by_mean_and_variance_but_by_frequency():
    data = load("sines", train=10, test=400)
    assert data.simulated and not data.train.labels.any()
    signals = data.test.physical()[:, 0].reshape(-1, 1000)
    labels = data.test.labels[::1000]
    for statistic in (signals.mean(axis=1), signals.var(axis=1)):
        assert abs(roc_auc_score(labels, statistic) - 0.5) < 0.07
    spectrum = np.abs(np.fft.rfft(signals)) ** 2
    high = spectrum[:, 40:].sum(axis=1) / spectrum.sum(axis=1)
    assert roc_auc_score(labels, high) > 0.999


@pytest.mark.data("mnist")
def test_mnist_images_digits_and_abnormal_ones():
    data = load("mnist", train=500, test=100, abnormal=[3])
    assert data.description.startswith("MNIST")
    assert data.train.frames == 500 * 784 and data.test.frames == 100 * 784
    digits = data.train.classes[::784]
    assert digits[:5].tolist() == [5, 0, 4, 1, 9]
    assert ((digits == 3) == (data.train.labels[::784] == 1)).all()
    assert data.train.counts.max() == 255 and data.train.physical().max() == 1


def test_without_mnist_the_small_digits_stand_in_and_say_so(monkeypatch):
    def unavailable(*_):
        raise mnist.UnavailableError("no network")

    monkeypatch.setattr(mnist, "files", unavailable)
    data = load("mnist", train=1000)
    assert "scikit-learn" in data.description
    assert data.train.frames == 1000 * 784 and data.train.counts.max() == 255


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        gzip.compress(b"\0\0"),
        gzip.compress(struct.pack(">HBBI", 0, 8, 1, 9) + b"123"),
        gzip.compress(struct.pack(">HBBI", 0, 13, 1, 1) + b"1234"),
    ],
)
def test_a_file_that_is_no_idx_is_one_line(tmp_path, content):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"images\.gz: not an idx file"):
        mnist.read_idx(path)


@pytest.mark.data("nab")
def test_nab_has_its_labelled_windows_and_two_of_them_to_test_on():
    data = load("nab")
    whole = np.concatenate([data.train.labels, data.test.labels])
    begins = (np.diff(whole, prepend=0) == 1).sum()
    assert len(whole) == 22_695 and begins == 4
    assert (np.diff(data.test.labels, prepend=0) == 1).sum() == 2
    assert data.train.rate_hz == pytest.approx(1 / 300)
    assert data.train.physical()[0, 0] == pytest.approx(73.967, abs=0.01)


def test_a_series_that_is_none_is_one_line(tmp_path):
    (tmp_path / nab.SERIES).write_text("timestamp,value\n2014-01-01 00:00:00,warm\n")
    (tmp_path / "windows.json").write_text(f'{{"realKnownCause/{nab.SERIES}": []}}')
    with pytest.raises(DataError, match="not a series of the benchmark"):
        nab.read_series(tmp_path / nab.SERIES, tmp_path / "windows.json")


@pytest.mark.data("mitdb")
def test_mitdb_cuts_beats_about_the_r_peak_and_keeps_patients_apart():
    data = load("mitdb", train=["100"], test=["200"])
    beats = data.train.counts.reshape(-1, mitdb.BEAT)
    classes = data.train.classes[:: mitdb.BEAT]
    assert len(beats) in range(2265, 2274)  # 2,273 annotated, some too close to an end
    assert (classes == 1).sum() == 33 and (classes == 2).sum() == 1
    peak = np.abs(beats[classes == 0]).mean(axis=0).argmax()
    assert abs(peak - mitdb.BEFORE) <= 2
    ventricular = (data.test.classes[:: mitdb.BEAT] == 2).sum()
    assert ventricular == 826 and "1 of 1 and 1 of 1" in data.description


@pytest.mark.data("mitdb")
def test_mitdb_names_the_records_that_are_not_there():
    with pytest.raises(DataError, match="none of the records 999 is there"):
        load("mitdb", train=["999"])


def test_activity_falls_are_in_the_test_part_alone_and_every_activity_in_both():
    data = load("activity", train_seconds=240, test_seconds=600)
    assert data.simulated and len(data.train.channels) == 3
    assert not data.train.labels.any() and data.test.labels.any()
    assert set(data.train.classes) == set(data.test.classes) == set(range(6))
    gravity = np.linalg.norm(data.train.physical()[data.train.classes == 0], axis=1)
    assert gravity.mean() == pytest.approx(1, abs=0.01)
    assert load("activity", train_seconds=240, test_seconds=600).sha256 == data.sha256

"""Data sets beside ECG5000: what they hold, how they say so, and what they refuse."""

import gzip
import struct

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.bundle.errors import DataError
from training.data import load, mitdb, mnist, nab, vibration


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
        gzip.compress(b"\0\0", mtime=0),
        gzip.compress(struct.pack(">HBBI", 0, 8, 1, 9) + b"123", mtime=0),
        gzip.compress(struct.pack(">HBBI", 0, 13, 1, 1) + b"1234", mtime=0),
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


@pytest.mark.parametrize("leads", [["MLII", "V5"], ["V5", "MLII"], ["V5", "V2"]])
def test_mitdb_takes_the_lead_by_its_name(tmp_path, monkeypatch, leads):
    import wfdb

    folder = tmp_path / "mitdb"
    folder.mkdir()
    # Beats of 100 counts in MLII, of 50 in any other lead; the record "101" has MLII first.
    for name, has in (("101", ["MLII"]), ("100", ["MLII"]), ("114", leads)):
        peaks = np.arange(1000, 20_000, 1000)
        signals = np.full((20_000, len(has)), 1024)
        for channel, lead in enumerate(has):
            for peak in peaks:
                signals[peak - 20 : peak + 20, channel] += 100 if lead == "MLII" else 50
        wfdb.wrsamp(
            name,
            360,
            ["mV"] * len(has),
            has,
            d_signal=signals,
            fmt=["212"] * len(has),
            adc_gain=[200.0] * len(has),
            baseline=[1024] * len(has),
            write_dir=str(folder),
        )
        header = folder / f"{name}.hea"
        header.write_text(header.read_text().replace("200.0(1024)/mV 12 0", "200/mV 11 1024"))
        wfdb.wrann(name, "atr", peaks, ["N"] * len(peaks), write_dir=str(folder))
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    data = load("mitdb", train=["101", "114"], test=["100"])
    beats = data.train.counts.reshape(-1, mitdb.BEAT)
    assert len(beats) == 2 * 19 and (beats[:19].max(axis=1) > 90).all()
    found = beats[19:].max(axis=1)
    if "MLII" in leads:
        assert (found > 90).all() and "in lead" not in data.description
    else:
        assert (found < 90).all() and "; 114 in lead V5)" in data.description


def test_activity_falls_are_in_the_test_part_alone_and_every_activity_in_both():
    data = load("activity", train_seconds=240, test_seconds=600)
    assert data.simulated and len(data.train.channels) == 3
    assert not data.train.labels.any() and data.test.labels.any()
    assert set(data.train.classes) == set(data.test.classes) == set(range(6))
    gravity = np.linalg.norm(data.train.physical()[data.train.classes == 0], axis=1)
    assert gravity.mean() == pytest.approx(1, abs=0.01)
    assert load("activity", train_seconds=240, test_seconds=600).sha256 == data.sha256


def test_vibration_has_a_frame_a_time_step_and_a_channel_a_band():
    data = load("vibration", train_seconds=80, test_seconds=80)
    assert data.simulated and "upstream" in data.description
    assert data.train.counts.shape == (20 * 96, 32) and data.train.rate_hz == 25
    assert not data.train.labels.any() and not data.train.classes.any()
    assert ((data.test.classes > 0) == (data.test.labels == 1)).all()
    assert data.test.labels.mean() == pytest.approx(0.5)
    assert load("vibration", train_seconds=80, test_seconds=80).sha256 == data.sha256


def test_a_spectrogram_holds_the_signals_power_in_its_band():
    t = np.arange(12_800) / vibration.RATE
    found = vibration.spectrogram(2.0 * np.sin(2 * np.pi * 2500 * t))
    assert found.shape == ((12_800 - 128) // 512, 32)
    # A sine of amplitude 2 has a mean square of 2: 3 dB, in the band from 2,400 to 2,600 Hz.
    np.testing.assert_allclose(found[:, 12], 10 * np.log10(2), atol=0.05)
    assert found[:, [5, 20]].max() < -60


def test_a_faults_impacts_come_as_often_as_balls_pass_and_ring_at_the_resonance():
    from scipy.signal import butter, hilbert, sosfiltfilt

    rng = np.random.default_rng(5)
    turns = np.arange(4 * 12_800) / vibration.RATE * 30.0
    ringing = vibration._impacts(1, turns, 1.0, rng)
    spectrum = np.abs(np.fft.rfft(ringing))
    frequency = np.fft.rfftfreq(len(ringing), 1 / vibration.RATE)
    assert frequency[spectrum.argmax()] == pytest.approx(3400, abs=300)
    band = butter(4, (2800, 4000), "bandpass", fs=vibration.RATE, output="sos")
    envelope = np.abs(hilbert(sosfiltfilt(band, ringing)))
    beat = np.abs(np.fft.rfft(envelope - envelope.mean()))
    low = (frequency > 20) & (frequency < 200)
    # The outer race: 3.58 passes a turn.
    assert frequency[low][beat[low].argmax()] == pytest.approx(30 * vibration.PASSES[1], abs=2)

"""Recordings, ECG5000, simulated ECG, and how they are cut and divided."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.support.training import small_recipe
from training import recipe
from training.bundle.chain import make_scaler
from training.bundle.errors import DataError, RecipeError, UnavailableError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data import download, ecg5000, load, simulated
from training.data.recording import Dataset, Recording, to_counts
from training.input_quantization import fit_input_quantizer, fold_affine
from training.windows import cut, divide


def ecg5000_is_here() -> bool:
    folder = download.data_folder()
    return folder is not None and (folder / "ecg5000").is_dir()


needs_ecg5000 = pytest.mark.skipif(
    not ecg5000_is_here(), reason="set VIGIL_DATA to a folder that holds ecg5000/"
)


def recording(labels, channels: int = 1, **facts) -> Recording:
    labels = np.asarray(labels, np.int8)
    counts = np.arange(len(labels) * channels, dtype=np.int16).reshape(-1, channels)
    return Recording(
        name="made",
        description="made for a test",
        counts=counts,
        labels=labels,
        channels=tuple("abc"[:channels]),
        units=("V",) * channels,
        gain=(10.0,) * channels,
        offset=(0,) * channels,
        rate_hz=100.0,
        **facts,
    )


# --- recordings ---------------------------------------------------------------------------------


def test_counts_read_back_as_physical_values():
    counts = to_counts([[0.5, -1.0], [0.26, 2.0]], [10.0, 2.0], [0, 3], name="x")
    assert counts.tolist() == [[5, 1], [3, 7]]
    with pytest.raises(DataError, match="x: frame 1, channel 0: 40000 counts do not fit int16"):
        to_counts([[0.0], [4.0]], 1e4, 0, name="x")


def test_a_recordings_hash_covers_samples_labels_and_their_meaning():
    base = recording([0, 0, 1, 0])
    assert base.sha256 == recording([0, 0, 1, 0]).sha256
    changed = (
        recording([0, 0, 0, 0]),
        base.part(0, 3),
        recording([0, 0, 1, 0], rate_is_nominal=True),
    )
    assert len({r.sha256 for r in (base, *changed)}) == 4


def test_a_recording_refuses_what_does_not_fit_together():
    good = recording([0, 0])
    with pytest.raises(TypeError, match="counts must be int16"):
        Recording(**{**vars(good), "counts": good.counts.astype(np.int32)})
    with pytest.raises(ValueError, match="units must have one entry a channel"):
        Recording(**{**vars(good), "units": ()})
    with pytest.raises(ValueError, match="train and test differ in gain"):
        Dataset("x", "x", good, Recording(**{**vars(good), "gain": (1.0,)}))


def test_only_a_real_rate_gives_a_length_in_seconds():
    assert recording([0] * 50).seconds == 0.5
    assert recording([0] * 50, rate_is_nominal=True).seconds is None


# --- windows ------------------------------------------------------------------------------------


def test_windows_lie_where_the_hop_says_and_carry_the_worst_label():
    labels = [0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0]
    windows = cut(recording(labels, channels=2), window=3, hop=2)
    assert windows.first.tolist() == [0, 2, 4, 6, 8]
    assert windows.labels.tolist() == [NORMAL, UNKNOWN, UNKNOWN, ABNORMAL, NORMAL]
    assert windows.counts[1].tolist() == [[4, 5], [6, 7], [8, 9]]


def test_a_recording_shorter_than_a_window_is_refused():
    with pytest.raises(DataError, match="made: 5 frames, fewer than one window of 6"):
        cut(recording([0] * 5), 6, 6)


def division(labels, order, length=4, hop=4, train_hop=None, seed=1):
    made = recording(labels)
    return divide(
        Dataset("made", "made", made, made),
        recipe.Windows(length=length, hop=hop, train_hop=train_hop),
        recipe.Split(order=order, validation=0.2, calibration=0.3),
        seed,
    )


def test_shuffled_parts_hold_each_normal_window_once():
    labels = np.zeros(400, np.int8)
    labels[40:60] = ABNORMAL
    parts = division(labels, "shuffled")
    firsts = [set(p.first.tolist()) for p in (parts.train, parts.validation, parts.calibration)]
    assert [len(f) for f in firsts] == [48, 19, 28]
    assert set.union(*firsts) == set(range(0, 400, 4)) - set(range(40, 60, 4))
    assert parts.abnormal.first.tolist() == [40, 44, 48, 52, 56]
    again = division(labels, "shuffled")
    other = division(labels, "shuffled", seed=2)
    assert (parts.train.first == again.train.first).all()
    assert set(parts.train.first) != set(other.train.first)


@pytest.mark.parametrize("train_hop", [None, 1])
def test_parts_in_time_order_share_no_frame(train_hop):
    parts = division(np.zeros(400, np.int8), "time", hop=2, train_hop=train_hop)
    for earlier, later in (
        (parts.train, parts.validation),
        (parts.validation, parts.calibration),
    ):
        assert earlier.first.max() + 4 <= later.first.min()
    assert np.diff(parts.train.first).max() == (train_hop or 2)
    assert np.diff(parts.calibration.first).max() == 2


def test_overlapping_windows_may_not_be_shuffled():
    with pytest.raises(RecipeError, match="the windows overlap"):
        division(np.zeros(400, np.int8), "shuffled", hop=2)


def test_without_any_label_every_window_counts_as_normal():
    parts = division(np.full(400, UNKNOWN, np.int8), "time")
    assert len(parts.train) == 50
    assert (parts.test.labels == UNKNOWN).all()


def test_too_little_data_to_hold_back_says_so():
    with pytest.raises(DataError, match="1 normal windows are too few"):
        division(np.zeros(4, np.int8), "shuffled")


# --- the int8 grid ------------------------------------------------------------------------------


def test_folded_scaler_equals_the_real_division_over_all_int16():
    counts = np.arange(-32768, 32768, dtype=np.int16).reshape(1, -1, 1)
    for per_step in (0.37, 1.0, 7.3, 128.5, 300.0):
        scaler = make_scaler(fold_affine(np.array([12]), np.array([per_step]), -5), 1)
        exact = np.clip(-5 + (counts[0, :, 0].astype(np.float64) - 12) / per_step, -128, 127)
        got = scaler.scale(counts)[0]
        assert np.abs(got - exact).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("kind", ["affine", "per_window"])
def test_the_grid_covers_training_windows_with_room_to_spare(kind):
    rng = np.random.default_rng(1)
    counts = rng.normal([200, -50], [40, 900], (30, 64, 2)).astype(np.int16)
    quantizer = fit_input_quantizer(recipe.Scaler(kind=kind, headroom=0.1), counts, (1.0, 1.0))
    q = quantizer.quantize(counts)
    assert -128 < q.min() < -90 and 90 < q.max() < 127
    real = quantizer.dequantize(q).reshape(counts.shape)
    assert np.abs(real.mean(axis=(0, 1))).max() < 0.05
    assert np.abs(real.std(axis=(0, 1)) - 1).max() < 0.05


def test_the_range_grid_is_zero_to_one():
    counts = np.random.default_rng(1).integers(10, 200, (30, 16, 1)).astype(np.int16)
    quantizer = fit_input_quantizer(recipe.Scaler(real="range", headroom=0.0), counts, (1.0,))
    real = quantizer.dequantize(quantizer.quantize(counts))
    assert (real.min(), real.max()) == (0.0, pytest.approx(1.0))


def test_a_channel_that_is_constant_in_all_training_windows_is_refused():
    with pytest.raises(DataError, match="channel 0 is constant"):
        fit_input_quantizer(recipe.Scaler(), np.full((3, 8, 1), 7, np.int16), (1.0,))


# --- ECG5000 ------------------------------------------------------------------------------------


@pytest.mark.data
@needs_ecg5000
def test_ecg5000_has_the_published_numbers_of_beats():
    dataset = load("ecg5000")
    for part, beats, normal in ((dataset.train, 500, 292), (dataset.test, 4500, 2627)):
        windows = cut(part, ecg5000.BEAT, ecg5000.BEAT)
        assert (len(windows), int((windows.labels == NORMAL).sum())) == (beats, normal)
        assert part.rate_is_nominal
    row = np.loadtxt(Path(os.environ["VIGIL_DATA"]) / "ecg5000" / "ECG5000_TRAIN.txt", max_rows=1)
    assert np.abs(dataset.train.physical()[:140, 0] - row[1:]).max() <= 0.5 / ecg5000.GAIN


def test_a_damaged_ecg5000_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "ecg5000").mkdir()
    for name in ecg5000.HASHES:
        (tmp_path / "ecg5000" / name).write_text("1 2 3\n")
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"ECG5000_TRAIN.txt: SHA-256 is .* must be 0d96aff"):
        load("ecg5000")


def test_rows_of_another_width_are_refused(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("1 0.5 0.5\n2 0.5 0.5\n")
    with pytest.raises(DataError, match="3 columns, must be a label and 140 samples"):
        ecg5000.read_rows(path)


def test_without_files_and_without_a_network_it_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.delenv("VIGIL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(ecg5000, "URL", "http://127.0.0.1:9/ECG5000.zip")  # nothing listens there
    with pytest.raises(UnavailableError, match="set VIGIL_DATA to a folder"):
        load("ecg5000")
    assert not list((tmp_path / "vigil").rglob("*.zip"))


def test_a_download_is_checked_unpacked_and_kept(tmp_path, monkeypatch):
    import hashlib
    import threading
    import zipfile
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    site = tmp_path / "site"
    site.mkdir()
    with zipfile.ZipFile(site / "set.zip", "w") as archive:
        archive.writestr("a.txt", "1 2 3\n")
    monkeypatch.delenv("VIGIL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hashes = {"a.txt": hashlib.sha256(b"1 2 3\n").hexdigest()}
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(site))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/set.zip"
        (path,) = download.files("set", hashes, url, progress=False)
        assert path.read_text() == "1 2 3\n"
    finally:
        server.shutdown()
        server.server_close()
    assert download.files("set", hashes, url, progress=False) == [path]  # no server any more


# --- simulated ECG ------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_ecg():
    short = {"train_seconds": 20, "test_seconds": 20}
    assert load("simulated", **short).sha256 == load("simulated", **short).sha256
    assert load("simulated", **short).sha256 != load("simulated", **short, seed=2).sha256


def test_simulated_ecg_says_so_and_keeps_rate_length_and_share():
    dataset = load("simulated", train_seconds=300, test_seconds=120, rate_hz=250)
    assert dataset.simulated and "simulated" in dataset.description
    assert (dataset.train.frames, dataset.test.frames) == (75000, 30000)
    touched = (dataset.train.labels != NORMAL).mean()
    assert 0.10 < touched < 0.20  # of the time; 15 % of the beats
    assert np.abs(dataset.train.physical()).max() < 5  # mV


def test_a_normal_beat_is_neurokits():
    neurokit2 = pytest.importorskip("neurokit2")
    theirs = neurokit2.ecg_simulate(
        duration=20, sampling_rate=512, heart_rate=60, heart_rate_std=0, noise=0, random_state=1
    )
    settings = simulated.Settings(
        heart_rate=60, heart_rate_std=0, rate_hz=512, noise=0, abnormal_share=0
    )
    half = np.full(20, 0.5)
    waves = [np.tile(w, (20, 1)) for w in simulated.at_rate(60.0)]
    beats = simulated.Beats(
        waves[0],
        np.tile(simulated.HEIGHT, (20, 1)),
        waves[1],
        half,
        half,
        np.full(20, -1),
    )
    ours = simulated.integrate(beats, settings.rate_hz).voltage

    def beat(signal):  # one beat about the R peak, after the start has died away
        peak = 5120 + int(np.argmax(signal[5120 : 5120 + 512]))
        return signal[peak - 200 : peak + 280]

    assert (
        np.corrcoef(beat(np.asarray(theirs)), beat(ours))[0, 1] > 0.99
    )  # they integrate at a relative 1e-3


def test_each_kind_of_abnormal_beat_shows_where_its_label_says():
    settings = simulated.Settings(noise=0, rate_hz=256)
    rng = np.random.default_rng(3)
    plain = simulated.normal_beats(400, settings, rng)
    changed = simulated.add_abnormal(plain, 0.2, rng)
    solutions = [simulated.integrate(b, 256.0) for b in (plain, changed)]
    voltage = solutions[1].voltage
    scale = np.ptp(solutions[0].voltage)
    for kind in (simulated.PVC, simulated.ST, simulated.LOST_P):
        beats = np.flatnonzero(changed.kind == kind)
        assert len(beats) > 5
        labels = simulated.label(changed.kind[solutions[1].beat], solutions[1].phase)
        for b in beats[:5]:
            there = solutions[1].beat == b
            usual = solutions[1].beat == b - 1 if changed.kind[b - 1] < 0 else None
            if usual is None:
                continue
            shows = there & (labels == ABNORMAL)
            # The voltage there, against a normal beat's at the same phases.
            order = np.argsort(solutions[1].phase[usual])
            expected = np.interp(
                solutions[1].phase[shows],
                solutions[1].phase[usual][order],
                voltage[usual][order],
            )
            assert np.abs(voltage[shows] - expected).max() > 0.05 * scale
    normal = changed.kind < 0
    assert (changed.height[normal, :5] == plain.height[normal]).all()


def test_the_small_recipe_is_a_recipe():
    assert small_recipe(fit={"epochs": 2}).fit.epochs == 2

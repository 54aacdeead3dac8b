"""Any ECG record of PhysioNet's format as a source for a model of continuous ECG."""

from pathlib import Path

import numpy as np
import pyedflib
import pytest
import wfdb

from tests.support.ecg import ecg, regular_peaks
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.events import WindowScored
from tools.recordings.format import MODEL
from tools.recordings.load import of_file
from training.beats import beats_at
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "beats"
    return small_bundle(path, window=144, segmenter=beats_at(180.0, 144, 54), rate_hz=180.0)


def write(folder: Path, rate=360, seconds=30, fmt="16", leads=("MLII", "V1"), holes=(), name="x"):
    peaks = regular_peaks(rate, seconds)
    signal = ecg(peaks, rate, seconds * rate) / 200.0
    values = np.stack([signal, -signal], axis=1)[:, : len(leads)]
    for start, stop in holes:
        values[start:stop] = np.nan
    wfdb.wrsamp(
        name,
        fs=rate,
        units=["mV"] * len(leads),
        sig_name=list(leads),
        p_signal=values,
        fmt=[fmt] * len(leads),
        adc_gain=[100.0] * len(leads),  # so that 8 bits hold the signal
        baseline=[0] * len(leads),
        write_dir=str(folder),
    )
    symbols = ["V" if i % 5 == 4 else "N" for i in range(len(peaks))]
    wfdb.wrann(name, "atr", peaks, symbols, write_dir=str(folder))
    return folder / f"{name}.hea", peaks, symbols


@pytest.mark.parametrize("fmt", ["80", "212", "16", "24", "32"])
def test_every_storage_format_gives_the_same_source(tmp_path, bundle, fmt):
    path, *_ = write(tmp_path, fmt=fmt, leads=("MLII",), holes=((3000, 3600),))
    source = of_file(path, bundle)
    assert source.facts.rate_hz == 180
    assert "360 Hz converted to 180 Hz" in source.facts.description
    assert (int(source.missing.argmax()), int(source.missing.sum())) == (1500, 300)
    volts = source.counts[~source.missing, 0] / 1000
    assert volts.max() == pytest.approx(1.1, abs=0.1)


@pytest.mark.parametrize("rate", [128, 250, 360, 500, 1000])
def test_annotated_beats_label_the_detected_ones(tmp_path, bundle, rate):
    path, peaks, symbols = write(tmp_path, rate=rate)
    source = of_file(path, bundle)
    board = InProcessBoard(bundle)
    board.send(0, source.counts)
    found = [e for e in board.receive(0) if isinstance(e, WindowScored)]
    labels = [source.label(e.peak, 1) for e in found]
    assert len(found) >= 20
    wanted = {round(p * 180 / rate): s for p, s in zip(peaks, symbols, strict=True)}
    for event, label in zip(found, labels, strict=True):
        nearest = min(wanted, key=lambda frame: abs(frame - event.peak))
        assert abs(nearest - event.peak) <= 3
        assert label == (NORMAL if wanted[nearest] == "N" else ABNORMAL)
    assert source.label(int(peaks[3] * 180 / rate) + 60, 1) == UNKNOWN


def test_a_lead_is_chosen_by_name(tmp_path, bundle):
    path, *_ = write(tmp_path, leads=("V1", "MLII"))
    first = of_file(path, bundle)
    assert "MLII" in first.facts.description
    other = of_file(path, bundle, leads=["V1"])
    assert np.abs(first.counts + other.counts.astype(int)).max() <= 1
    with pytest.raises(DataError, match=r"has no lead V9; its leads are V1, MLII"):
        of_file(path, bundle, leads=["V9"])


def test_records_that_cannot_be_used_are_one_line(tmp_path, bundle):
    path, *_ = write(tmp_path, seconds=5, holes=((0, 1800),))
    with pytest.raises(DataError, match="holds no samples of MLII"):
        of_file(path, bundle)
    path.with_suffix(".dat").unlink()
    with pytest.raises(DataError, match="not a readable WFDB record"):
        of_file(path, bundle)
    with pytest.raises(DataError, match="no such file"):
        of_file(tmp_path / "none.hea", bundle)
    odd, *_ = write(tmp_path, name="odd", rate=7001)
    with pytest.raises(DataError, match="7001 frames per second cannot be resampled to 180"):
        of_file(odd, bundle)


def test_edf_is_read_by_lead_and_converted(tmp_path, bundle):
    peaks = regular_peaks(256, 30)
    signal = ecg(peaks, 256, 30 * 256) / 200.0
    header = {
        "label": "II",
        "dimension": "mV",
        "sample_frequency": 256,
        "physical_min": -5.0,
        "physical_max": 5.0,
        "digital_min": -32768,
        "digital_max": 32767,
    }
    with pyedflib.EdfWriter(str(tmp_path / "x.edf"), 2) as writer:
        writer.setSignalHeaders([{**header, "label": "V1"}, header])
        writer.writeSamples([-signal, signal])
    source = of_file(tmp_path / "x.edf", bundle, leads=["II"])
    assert source.facts.rate_hz == 180
    board = InProcessBoard(bundle)
    board.send(0, source.counts)
    assert sum(isinstance(e, WindowScored) for e in board.receive(0)) >= 20
    assert source.counts.max() > -source.counts.min()


def test_a_model_of_cut_beats_refuses_a_continuous_record(tmp_path):
    cut = small_bundle(tmp_path / "mitdb", data_set="mitdb")
    path, *_ = write(tmp_path)
    with pytest.raises(DataError, match=r"x.hea: a continuous signal, but mitdb was trained on"):
        of_file(path, cut)
    with pytest.raises(DataError, match="--lead is for models of continuous ECG"):
        of_file(path, cut, leads=["V1"])


def test_a_model_of_cut_beats_refuses_a_table_with_a_clock(tmp_path):
    cut = small_bundle(tmp_path / "mitdb", data_set="mitdb")
    path = tmp_path / "ecg.csv"
    signal = ecg(regular_peaks(250, 8), 250, 2000)
    path.write_text("time,ecg\n" + "".join(f"{i / 250},{x:.0f}\n" for i, x in enumerate(signal)))
    with pytest.raises(DataError, match=r"ecg.csv: a continuous signal, because it has a clock"):
        of_file(path, cut)
    path.write_text("ecg\n" + "".join(f"{x:.0f}\n" for x in signal))
    window = cut.manifest.grid.window
    said = f"taken for pieces of {window} frames, end to end"
    assert of_file(path, cut).facts.description.endswith(f"; {said}")
    path.write_text(f"{MODEL} {cut.manifest.name}\necg\n" + "".join(f"{x:.0f}\n" for x in signal))
    assert said not in of_file(path, cut).facts.description  # as the monitor records it


def test_a_single_missing_frame_outlives_a_lower_rate(tmp_path, bundle):
    holes = tuple((start, start + 1) for start in (3000, 4001, 5003))  # between two frames, too
    path, *_ = write(tmp_path, leads=("MLII",), holes=holes)
    missing = of_file(path, bundle).missing
    assert np.flatnonzero(missing).tolist() == [1500, 2000, 2501]

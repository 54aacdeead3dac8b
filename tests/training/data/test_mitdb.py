"""MIT-BIH: beats about the R peak, patients apart, the lead by its name."""

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.data import load, mitdb


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
    with pytest.raises(DataError, match="none of the records 999 exists"):
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
    highest = beats[19:].max(axis=1)
    if "MLII" in leads:
        assert (highest > 90).all() and "in lead" not in data.description
    else:
        assert (highest < 90).all() and "; 114 in lead V5)" in data.description


@pytest.mark.parametrize("name", ["mitdb", "ecg"])
def test_a_record_to_train_on_is_not_tested_on(name):
    with pytest.raises(DataError, match="record 106 is in both train and test"):
        load(name, train=("101", "106"), test=("106", "103"))

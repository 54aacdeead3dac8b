"""ECG5000: the published beats, and files that are not UCR's."""

import os
from pathlib import Path

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.bundle.labels import NORMAL
from training.bundle.manifest import Segmenter
from training.data import ecg5000, load
from training.windows import cut


@pytest.mark.data("ecg5000")
def test_ecg5000_has_the_published_numbers_of_beats():
    dataset = load("ecg5000")
    for part, beats, normal in ((dataset.train, 500, 292), (dataset.test, 4500, 2627)):
        windows = cut(part, Segmenter(kind="fixed", window=ecg5000.BEAT, hop=ecg5000.BEAT))
        assert (len(windows), int((windows.labels == NORMAL).sum())) == (beats, normal)
        assert part.rate_is_nominal
    row = np.loadtxt(Path(os.environ["VIGIL_DATA"]) / "ecg5000" / "ECG5000_TRAIN.txt", max_rows=1)
    assert np.abs(dataset.train.physical()[:140, 0] - row[1:]).max() <= 0.5 / ecg5000.GAIN


def test_a_damaged_ecg5000_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "ecg5000").mkdir()
    for name in ecg5000.CHECKSUMS:
        (tmp_path / "ecg5000" / name).write_text("1 2 3\n")
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"ECG5000_TRAIN.txt: SHA-256 is .* must be 0d96aff"):
        load("ecg5000")


def test_rows_of_another_width_are_refused(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("1 0.5 0.5\n2 0.5 0.5\n")
    with pytest.raises(DataError, match="3 columns, must be a label and 140 samples"):
        ecg5000.read_rows(path)

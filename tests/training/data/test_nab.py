"""Numenta Anomaly Benchmark: its labelled failures, and files that are not of it."""

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.data import load, nab


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

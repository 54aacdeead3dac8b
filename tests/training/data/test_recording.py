"""Recordings: counts, units, hashes, and consistency of their fields."""

import numpy as np
import pytest

from tests.support.recordings import recording
from training.bundle.errors import DataError
from training.data.recording import Dataset, Recording, to_counts


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
    with pytest.raises(ValueError, match="units must have one entry per channel"):
        Recording(**{**vars(good), "units": ()})
    with pytest.raises(ValueError, match="train and test differ in gain"):
        Dataset("x", "x", good, Recording(**{**vars(good), "gain": (1.0,)}))


def test_only_a_real_rate_gives_a_length_in_seconds():
    assert recording([0] * 50).seconds == 0.5
    assert recording([0] * 50, rate_is_nominal=True).seconds is None

"""Windows: where they lie, their labels, and how they are divided."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks
from tests.support.recordings import recording
from training import sections
from training.bundle.errors import DataError, RecipeError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.bundle.manifest import Segmenter
from training.data.recording import Dataset
from training.windows import cut, divide, share_frames


def fixed(window, hop):
    return Segmenter(kind="fixed", window=window, hop=hop)


def test_windows_lie_where_the_hop_says_and_carry_the_worst_label():
    labels = [0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0]
    windows = cut(recording(labels, channels=2), fixed(window=3, hop=2))
    assert windows.first.tolist() == [0, 2, 4, 6, 8]
    assert windows.labels.tolist() == [NORMAL, UNKNOWN, UNKNOWN, ABNORMAL, NORMAL]
    assert windows.counts[1].tolist() == [[4, 5], [6, 7], [8, 9]]


def test_no_window_crosses_a_cut():
    whole = recording([0] * 20)
    torn = replace(whole, cuts=np.array([3, 9]))
    assert cut(torn, fixed(4, 2)).first.tolist() == [3, 5, 9, 11, 13, 15]
    assert torn.part(2, 12).cuts.tolist() == [1, 7]
    assert torn.stretches() == [(0, 3), (3, 9), (9, 20)]
    assert len({whole.sha256, torn.sha256, torn.part(0, 20).sha256}) == 2
    with pytest.raises(DataError, match="no stretch without a gap or a missing value is as long"):
        cut(torn, fixed(12, 1))
    with pytest.raises(ValueError, match="cuts must rise and lie within the recording"):
        replace(whole, cuts=np.array([0, 5]))


def test_a_recording_shorter_than_a_window_is_refused():
    with pytest.raises(DataError, match="made: 5 frames, fewer than one window of 6"):
        cut(recording([0] * 5), fixed(6, 6))


def division(labels, order, length=4, hop=4, train_hop=None, seed=1):
    both = recording(labels)
    return divide(
        Dataset("made", "made", both, both),
        sections.Windows(length=length, hop=hop, train_hop=train_hop),
        sections.Split(order=order, validation=0.2, calibration=0.3),
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


def test_training_windows_of_a_smaller_hop_are_normal_too():
    labels = np.zeros(400, np.int8)
    labels[40:60], labels[80] = ABNORMAL, UNKNOWN
    train = division(labels, "time", train_hop=1).train
    assert (train.labels == NORMAL).all() and len(train) > 100
    frames = set((train.first[:, None] + np.arange(4)).ravel().tolist())
    assert not frames & {*range(40, 60), 80}


def test_windows_share_frames_if_they_are_less_than_a_window_apart():
    whole = cut(recording([0] * 20), fixed(4, 1))
    assert share_frames(whole[:10], whole[4:5], 4).tolist() == [False] + 7 * [True] + 2 * [False]


def test_overlapping_windows_may_not_be_shuffled():
    with pytest.raises(RecipeError, match="the windows overlap"):
        division(np.zeros(400, np.int8), "shuffled", hop=2)


@pytest.mark.parametrize("length", [80, 144])
def test_beats_may_be_shuffled_if_their_windows_share_no_frame(length):
    counts = ecg(regular_peaks(180, 60), 180, 60 * 180).astype(np.int16)
    one = replace(recording([UNKNOWN] * len(counts)), counts=counts[:, None], rate_hz=180.0)
    both = Dataset("made", "made", one, one)
    beats = sections.Windows(kind="beats", length=length, before=40)
    split = sections.Split(order="shuffled", validation=0.1, calibration=0.3)
    if length == 144:  # longer than some beats are apart
        with pytest.raises(RecipeError, match="the windows overlap"):
            divide(both, beats, split, 1)
    else:
        assert len(divide(both, beats, split, 1).train) > 20


def test_without_any_label_every_window_counts_as_normal():
    parts = division(np.full(400, UNKNOWN, np.int8), "time")
    assert len(parts.train) == 50
    assert (parts.test.labels == UNKNOWN).all()


def test_too_little_data_to_hold_back_says_so():
    with pytest.raises(DataError, match="1 normal windows are too few"):
        division(np.zeros(4, np.int8), "shuffled")

"""The default design: each rule decides by the training recording, and gives its reason."""

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.bundle.features import STATISTICS
from training.data.recording import Recording
from training.design import choose_design


def recording(
    frames: int,
    channels: int = 1,
    cuts: list[int] | None = None,
    period: int = 0,
    abnormal: int = 0,
) -> Recording:
    rng = np.random.default_rng(5)
    values = rng.normal(0, 1000, (frames, channels))
    if period:
        values += 5000 * np.sin(2 * np.pi * np.arange(frames) / period)[:, None]
    labels = np.zeros(frames, np.int8)
    labels[:abnormal] = 1
    return Recording(
        name="log",
        description="",
        counts=values.astype(np.int16),
        labels=labels,
        channels=tuple("abcdefghijklmnopqrstuvwxyz"[:channels]),
        units=("",) * channels,
        gain=(1.0,) * channels,
        offset=(0,) * channels,
        rate_hz=1.0,
        cuts=np.array(cuts or [], np.int64),
    )


def test_much_of_one_channel():
    design = choose_design(recording(200_000))
    assert (design.length, design.hop, design.samples, design.bands) == (128, 64, True, 16)
    assert design.statistics == STATISTICS
    assert 200_000 * 0.6 / design.train_hop <= 20_000
    assert len(design.reasons) == 3
    assert "Windows of 128 frames: the training part holds 937 of them" in design.reasons[0]
    assert "24 in all" in design.reasons[2]


@pytest.mark.parametrize(
    ("frames", "length"), [(3414, 128), (3413, 64), (1707, 64), (428, 16), (100, 16)]
)
def test_windows_are_as_long_as_sixteen_of_them_allow(frames: int, length: int):
    assert choose_design(recording(frames)).length == length


def test_abnormal_frames_are_not_trained_on():
    assert choose_design(recording(4000, abnormal=1000)).length == 64


def test_a_window_covers_a_long_period():
    design = choose_design(recording(4000, period=200))
    assert abs(design.length - 200) <= 2
    assert "repeats itself" in design.reasons[0]
    assert choose_design(recording(2600, period=200)).length == 64  # seven periods in training
    assert choose_design(recording(4000, period=50)).length == 128


def test_a_period_is_read_from_normal_frames():
    assert abs(choose_design(recording(6000, period=200, abnormal=1500)).length - 200) <= 2


def test_windows_fit_between_cuts():
    design = choose_design(recording(6000, cuts=list(range(40, 6000, 40))))
    assert design.length == 32
    assert "cuts" in design.reasons[0]
    reason = "no window of 4 frames fits into its 9 frames, which 2 cuts interrupt"
    with pytest.raises(DataError, match=reason):
        choose_design(recording(9, cuts=[3, 6]))


@pytest.mark.parametrize(("frames", "samples"), [(6827, True), (6826, False)])
def test_samples_need_windows_enough(frames: int, samples: bool):
    design = choose_design(recording(frames))
    assert design.length == 128
    assert design.samples == samples
    assert ("samples and features" in design.reasons[1]) == samples
    assert "(32 for 1 channel)" in design.reasons[1]


def test_many_samples_per_window_are_no_inputs():
    assert choose_design(recording(200_000, 4)).samples
    design = choose_design(recording(200_000, 5))
    assert not design.samples and "640 samples per window are more than 512" in design.reasons[1]


@pytest.mark.parametrize(
    ("channels", "statistics", "bands"), [(2, 8, 16), (3, 8, 13), (8, 8, 0), (16, 8, 0), (17, 2, 0)]
)
def test_the_number_of_features_is_bounded(channels: int, statistics: int, bands: int):
    design = choose_design(recording(20_000, channels))
    assert (len(design.statistics), design.bands) == (statistics, bands)


def test_rows_are_windows():
    rows = recording(60 * 48, cuts=list(range(48, 60 * 48, 48)))
    design = choose_design(rows, row_is_window=True)
    assert (design.length, design.hop, design.train_hop, design.samples) == (48, 48, None, True)
    assert "each row" in design.reasons[0]

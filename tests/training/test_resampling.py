"""Conversion of sample rates, firmware/lib/signal/resample.cpp."""

from fractions import Fraction

import numpy as np
import pytest

from training.bundle.errors import DataError
from training.native import Resampler
from training.resampling import low_pass, rate_ratio, resampled

USUAL = (125, 128, 200, 250, 256, 300, 360, 500, 512, 1000)


@pytest.mark.parametrize("rate", USUAL)
@pytest.mark.parametrize("to", [128.0, 180.0, 250.0])
def test_a_sine_keeps_place_and_level(rate, to):
    seconds = 4
    sine = lambda hz, time: 9000 * np.sin(2 * np.pi * hz * time) + 500  # noqa: E731
    for hz in (1.0, 20.0):
        counts = np.rint(sine(hz, np.arange(seconds * rate) / rate)).astype(np.int16)
        result = resampled(counts[:, None], rate, to)[:, 0]
        expected = sine(hz, np.arange(len(result)) / to)
        inner = slice(len(result) // 4, -len(result) // 4)
        assert np.abs(result - expected)[inner].max() < 9000 * 0.01
        assert len(result) == int((len(counts) - 1) * to / rate) + 1


def test_a_frequency_that_the_new_rate_cannot_hold_is_removed():
    counts = np.rint(9000 * np.sin(2 * np.pi * 150 * np.arange(4000) / 1000)).astype(np.int16)
    assert np.abs(resampled(counts[:, None], 1000, 180)[100:-100]).max() < 90


def test_calls_of_any_size_give_the_same_frames_and_a_constant_stays():
    ratio = rate_ratio(250, 180)
    taps, table = low_pass(ratio)
    frames = np.random.default_rng(0).integers(-32768, 32767, (3000, 2)).astype(np.int16)
    whole = Resampler(18, 25, taps, 2, table).push(frames)
    parts = Resampler(18, 25, taps, 2, table)
    pieces = [parts.push(frames[at : at + 77]) for at in range(0, 3000, 77)]
    assert (np.concatenate(pieces) == whole).all()
    assert np.unique(resampled(np.full((500, 1), -32768, np.int16), 250, 180)).tolist() == [-32768]


def test_frames_lie_at_multiples_of_the_absolute_index():
    ratio = rate_ratio(360, 180)
    taps, table = low_pass(ratio)
    frames = np.random.default_rng(0).integers(-9000, 9000, (2000, 1)).astype(np.int16)
    whole = Resampler(1, 2, taps, 1, table).push(frames)
    later = Resampler(1, 2, taps, 1, table)
    later.restart(1001)
    assert (later.push(frames[1001:])[taps:] == whole[501 + taps :]).all()


@pytest.mark.parametrize(("up", "down"), [(18, 25), (511, 512), (512, 511)])
def test_frames_are_the_same_at_the_largest_index_of_the_link(up, down):
    taps, table = low_pass(Fraction(up, down))
    frames = np.random.default_rng(0).integers(-9000, 9000, (2000, 1)).astype(np.int16)
    first, last = (Resampler(up, down, taps, 1, table) for _ in range(2))
    last.restart(2**53 // (up * down) * up * down)
    assert (last.push(frames) == first.push(frames)).all()


def test_rates_without_a_small_ratio_are_refused():
    with pytest.raises(DataError, match=r"100\.03 frames per second cannot be resampled to 180"):
        rate_ratio(100.03, 180)
    with pytest.raises(DataError, match="cannot be resampled"):
        rate_ratio(8000, 180)

"""Biquads: their design, and firmware/lib/signal/biquad.cpp."""

import numpy as np
import pytest
from scipy.signal import freqz

from training.bundle.errors import RecipeError
from training.filters import FRACTION, delay, design, filter_of
from training.native import BiquadFilter
from training.sections import Filter


def response(biquads, rate_hz, hz):
    """The cascade's gain at frequencies, float64 [k]."""
    gain = np.ones(len(hz))
    for b0, b1, b2, a1, a2 in biquads:
        gain *= np.abs(freqz([b0, b1, b2], [FRACTION, a1, a2], np.asarray(hz), fs=rate_hz)[1])
    return gain


def run(sections, signal):
    return BiquadFilter(sections, 1).push(np.rint(signal).astype(np.int16)[:, None])[:, 0]


def test_the_integer_filter_follows_the_design():
    sections = design(360, 0.5, 40, (50, 60))
    time = np.arange(360 * 20) / 360
    for hz in (0.1, 0.5, 5, 20, 40, 50, 60, 100):
        filtered = run(sections, 8000 * np.sin(2 * np.pi * hz * time))[360 * 10 :]
        gain = filtered.std() * np.sqrt(2) / 8000
        assert gain == pytest.approx(response(sections, 360, [hz])[0], abs=0.01)
    assert response(sections, 360, [50, 60]).max() < 0.01
    assert response(sections, 360, [10])[0] == pytest.approx(1, abs=0.05)


def test_its_rounding_is_that_of_one_count():
    from scipy.signal import sosfilt, sosfilt_zi

    sections = design(180, 0.5, 40)
    sos = np.array([[b0, b1, b2, FRACTION, a1, a2] for b0, b1, b2, a1, a2 in sections]) / FRACTION
    signal = 1000 + np.cumsum(np.random.default_rng(0).normal(0, 9, 20000))
    counts = np.rint(signal).astype(np.int16)
    exact, _ = sosfilt(sos, counts, zi=sosfilt_zi(sos) * counts[0])
    assert np.abs(run(sections, counts) - exact).max() < 1


def test_a_constant_begins_in_the_steady_state():
    sections = design(180, 0.5, 40, (50,))
    assert np.abs(run(sections, np.full(2000, 30000))).max() <= 1
    low_pass = design(180, None, 40)
    assert np.unique(run(low_pass, np.full(500, -32768))).tolist() == [-32768]


def test_full_scale_steps_saturate_and_do_not_wrap():
    steps = np.where(np.arange(5000) // 100 % 2, 32767, -32768)
    filtered = run(design(180, 0.5, 40), steps).astype(np.int32)
    assert filtered.max() == 32767
    assert filtered.min() == -32768
    assert (np.sign(filtered[50::100]) == np.sign(steps[50::100])).mean() > 0.9


def test_the_split_into_calls_changes_nothing_and_a_restart_forgets():
    sections = design(250, 0.5, 40, (50,))
    frames = np.random.default_rng(1).integers(-9000, 9000, (1000, 3)).astype(np.int16)
    one, whole = BiquadFilter(sections, 3), BiquadFilter(sections, 3).push(frames)
    assert (np.concatenate([one.push(frames[:333]), one.push(frames[333:])]) == whole).all()
    one.restart()
    assert (one.push(frames) == whole).all()


def test_its_latency_is_stated_in_frames():
    sections = design(180, 0.5, 40)
    assert 0 < delay(sections, 180) < 2


def test_bad_designs_are_refused():
    with pytest.raises(RecipeError, match="90 Hz is not between 0 and half the rate of 180 Hz"):
        design(180, 0.5, 90)
    with pytest.raises(ValueError, match="not stable"):
        BiquadFilter([[FRACTION, 0, 0, -(2 << 28), FRACTION]], 1)


@pytest.mark.parametrize("changes", [{"low_hz": 1e-6}, {"notch_hz": (1e-9,), "high_hz": 40}])
def test_a_frequency_too_low_for_whole_coefficients_is_refused(changes):
    with pytest.raises(RecipeError, match=r"^filter: 1e-0\d Hz is too low for the rate of 128 Hz"):
        filter_of(Filter(**changes), 128)

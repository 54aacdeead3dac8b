"""QRS detector and segmenter of heartbeats: firmware/lib/signal/qrs.cpp and beats.cpp."""

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks
from tools.checkout import LIBRARIES, ROOT
from tools.measure.bench.emulator import FAST, NANO, build, run
from training.beats import beats_at
from training.bundle.segment import BeatWindows
from training.native import BeatSegmenter, QrsConfig

LEARNING = 9  # seconds in which no beat is reported


def segmenter(rate=180.0, channels=1, lead=0):
    window, before = round(0.8 * rate), round(0.3 * rate)
    return BeatWindows(beats_at(rate, window, before, lead), channels)


def peaks_of(segments, rate=180.0):
    return segments.first + round(0.3 * rate)


@pytest.mark.parametrize("rate", [125.0, 128.0, 180.0, 250.0, 360.0, 500.0])
def test_every_beat_is_found_once_at_its_r_peak(rate):
    peaks = regular_peaks(rate, 60)
    frames = ecg(peaks, rate, int(60 * rate))[:, None]
    found = segmenter(rate).push(0, frames)
    expected = peaks[(peaks > LEARNING * rate) & (peaks < 58 * rate)]
    at = peaks_of(found, rate)
    at = at[(at > LEARNING * rate) & (at < 58 * rate)]
    assert len(at) == len(expected)
    assert np.abs(at - expected).max() <= 0.01 * rate + 1
    assert (found.interval[1:] == np.diff(peaks_of(found, rate))).all()
    assert found.interval[0] == 0


def test_the_split_into_calls_changes_nothing():
    frames = np.stack([ecg(regular_peaks(180, 40), 180, 7200)] * 2, axis=1)
    whole = segmenter(channels=2).push(0, frames)
    parts = segmenter(channels=2)
    rng, at, pieces = np.random.default_rng(1), 0, []
    while at < len(frames):
        size = int(rng.integers(1, 300))
        pieces.append(parts.push(at, frames[at : at + size]))
        at += size
    for field in ("index", "first", "interval", "counts"):
        joined = np.concatenate([getattr(piece, field) for piece in pieces])
        assert (joined == getattr(whole, field)).all()
    assert len(whole.index) > 30
    assert whole.counts.shape[1:] == (144, 2)


def test_a_window_holds_the_frames_about_r():
    frames = ecg(regular_peaks(180, 40), 180, 7200)[:, None]
    found = segmenter().push(0, frames)
    for first, counts in zip(found.first, found.counts, strict=True):
        assert (frames[first : first + 144] == counts).all()


def test_slots_are_those_of_the_absolute_frame_index():
    frames = ecg(regular_peaks(180, 40), 180, 7200)[:, None]
    hop = beats_at(180.0, 144, 54).hop
    at_zero = segmenter().push(0, frames)
    far = segmenter()
    start = (1 << 31) * hop  # far beyond 2^31 frames
    far.restart(start)
    shifted = far.push(start, frames)
    assert (shifted.first == at_zero.first + start).all()
    assert (shifted.index == at_zero.index + (1 << 31)).all()
    assert (shifted.counts == at_zero.counts).all()
    assert (at_zero.index == peaks_of(at_zero) // hop).all()


def test_each_slot_is_reported_a_fixed_time_after_its_end():
    frames = ecg(regular_peaks(180, 30), 180, 5400)[:, None]
    settings = beats_at(180.0, 144, 54)
    one = segmenter()
    for at in range(len(frames)):
        for index in one.push(at, frames[at : at + 1]).index:
            assert at + 1 == index * settings.hop + settings.span
    assert settings.span < 180  # frames per second: the verdict comes within a second of R


def test_a_gap_loses_the_slots_that_touch_it_and_the_interval_across_it():
    frames = ecg(regular_peaks(180, 60), 180, 10800)[:, None]
    settings = beats_at(180.0, 144, 54)
    one = segmenter()
    before = one.push(0, frames[:5000])
    after = one.push(5500, frames[5500:])
    (first, count) = after.lost[0]
    assert first == (5000 - settings.span) // settings.hop + 1
    assert first + count == -(-5500 // settings.hop)
    whole = segmenter().push(0, frames)
    kept = np.concatenate([before.index, after.index])
    assert np.isin(kept, whole.index).mean() > 0.95
    assert after.interval[0] == 0
    assert after.first[0] >= 5500
    assert (after.interval[1:] == np.diff(after.first)).all()


def test_a_changed_lead_is_learned_again():
    peaks = regular_peaks(180, 90)
    frames = ecg(peaks, 180, 16200)
    frames[8100:] //= 12
    found = peaks_of(segmenter().push(0, frames[:, None]))
    late = peaks[(peaks > 8100 + 20 * 180) & (peaks < 16200 - 400)]
    assert len(found[(found > 8100 + 20 * 180) & (found < 16200 - 400)]) == len(late)


@pytest.mark.parametrize("signal", ["flat", "rails", "noise"])
def test_a_signal_that_is_no_ecg_keeps_the_order_of_slots(signal):
    rng = np.random.default_rng(0)
    frames = {
        "flat": np.zeros(20000, np.int16),
        "rails": np.where(np.arange(20000) // 90 % 2, 32767, -32768).astype(np.int16),
        "noise": rng.integers(-32768, 32767, 20000).astype(np.int16),
    }[signal]
    found = segmenter().push(0, frames[:, None])
    assert (np.diff(found.index) > 0).all()
    assert len(found.index) * 42 <= 20000
    assert signal != "flat" or not len(found.index)


def test_lengths_that_do_not_fit_are_refused():
    good = beats_at(180.0, 144, 54).qrs.model_dump()
    with pytest.raises(ValueError, match="do not fit together"):
        BeatSegmenter(144, 54, 50, 1, 0, QrsConfig(**good))
    with pytest.raises(ValueError, match="lead one of them"):
        BeatSegmenter(144, 54, 42, 1, 1, QrsConfig(**good))
    with pytest.raises(ValueError, match="before must be less"):
        BeatSegmenter(144, 144, 42, 1, 0, QrsConfig(**good))


@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [NANO, FAST], ids=["Os", "O2"])
def test_the_instructions_per_sample_are_those_that_the_page_states(flags, tmp_path):
    signal = LIBRARIES / "signal"
    sources = [signal / f"{name}.cpp" for name in ("beats", "biquad", "qrs", "resample")]
    counter = ROOT / "tests" / "support" / "cpp" / "qrs_counter.cpp"
    elf = build([counter, *sources], [signal, LIBRARIES / "span"], tmp_path / "qrs.elf", flags)
    found, beats, detector, with_windows, biquads, *rates = map(float, run(elf, tmp_path).split())
    assert min(found, beats) >= 12
    assert detector < 100
    assert with_windows < 127
    assert biquads / 2 < 50  # per section
    assert rates[0] < 150  # from 250 to 180 Hz
    assert rates[1] < 115  # from 512 to 180 Hz

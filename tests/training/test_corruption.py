"""Corruption: each kind does what its formula says."""

import numpy as np
import pytest

from training import corruption, sections

pytestmark = pytest.mark.slow

SEED = np.array([1, 2])


def damaged(x, channels=1, **settings):
    return np.asarray(corruption.make(sections.Corruption(**settings), channels)(x, SEED).windows)


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(0).normal(0, 1, (400, 100)).astype(np.float32)


def test_noise_has_the_deviation_asked_for_and_draws_hang_on_the_seed_alone(windows):
    noise = damaged(windows, gaussian=0.3) - windows
    assert noise.std() == pytest.approx(0.3, rel=0.02) and abs(noise.mean()) < 0.01
    np.testing.assert_array_equal(damaged(windows, gaussian=0.3), damaged(windows, gaussian=0.3))


def test_masking_and_salt_and_pepper_hit_the_share_asked_for(windows):
    masked = damaged(windows, masking=0.25, fill=9.0)
    assert (masked == 9).mean() == pytest.approx(0.25, abs=0.01)
    peppered = damaged(windows, salt_pepper=0.1)
    hit = peppered != windows
    assert hit.mean() == pytest.approx(0.1, abs=0.01)
    ends = np.stack([windows.min(axis=1), windows.max(axis=1)], axis=1)
    assert all(np.isin(row[h], end).all() for row, h, end in zip(peppered, hit, ends, strict=True))


def test_salt_and_pepper_are_the_ends_of_the_values_own_channel(windows):
    two = windows.copy()
    two[:, 1::2] *= 100
    peppered = damaged(two, channels=2, salt_pepper=0.2)
    hit = peppered != two
    assert hit.mean() == pytest.approx(0.2, abs=0.02)
    for channel in (0, 1):
        given, got, at = (a[:, channel::2] for a in (two, peppered, hit))
        ends = np.stack([given.min(axis=1), given.max(axis=1)], axis=1)
        assert all(np.isin(row[h], end).all() for row, h, end in zip(got, at, ends, strict=True))


def test_hum_is_one_line_of_the_spectrum_and_wander_stays_slow(windows):
    hum = np.abs(np.fft.rfft(damaged(windows, hum=1.0, hum_cycles=0.2) - windows))
    assert (hum.argmax(axis=1) == 20).all()
    wander = damaged(windows, wander=0.5) - windows
    power = (np.abs(np.fft.rfft(wander)) ** 2).sum(axis=0)
    assert power[:5].sum() > 0.95 * power.sum()
    assert np.abs(wander).max() <= 0.5 + 1e-5


def test_hum_and_wander_have_the_amplitudes_and_cycles_asked_for(windows):
    still = np.zeros_like(windows)
    hum, wander = damaged(still, hum=1.0, hum_cycles=0.2), damaged(still, wander=0.5)
    for wave, amplitude in ((hum, 1.0), (wander, 0.5)):
        assert 0.95 * amplitude < np.abs(wave).max() <= amplitude + 1e-5
        assert np.abs(wave).max(axis=1).mean() == pytest.approx(amplitude / 2, rel=0.1)
    crossings = (np.diff(np.sign(wander), axis=1) != 0).sum(axis=1)
    assert crossings.max() == 4  # of at most two cycles in a window
    assert (crossings <= 1).any()  # down to half a cycle


def test_a_share_leaves_each_kind_out_of_its_own_windows(windows):
    settings = {"gaussian": 0.3, "wander": 1.0, "hum": 1.0}
    kinds = [
        (damaged(windows, **{kind: amount}, share=0.6) != windows).any(axis=1)
        for kind, amount in settings.items()
    ]
    together = (damaged(windows, **settings, share=0.6) != windows).any(axis=1)
    for kind in kinds:
        assert kind.mean() == pytest.approx(0.6, abs=0.1)
    np.testing.assert_array_equal(together, np.any(kinds, axis=0))
    assert together.mean() == pytest.approx(1 - 0.4**3, abs=0.05)


def test_a_span_masks_whole_frames_and_a_square_is_square(windows):
    hit = damaged(windows, channels=2, span=7, fill=9.0) == 9
    assert (hit.sum(axis=1) == 14).all() and (hit[:, ::2] == hit[:, 1::2]).all()
    assert ((np.diff(hit[:, ::2].astype(int), axis=1) == 1).sum(axis=1) <= 1).all()
    square = (damaged(windows, square=4, width=10, fill=9.0) == 9).reshape(-1, 10, 10)
    assert (square.sum(axis=(1, 2)) == 16).all()
    assert (square.any(axis=1).sum(axis=1) == 4).all()


def test_what_is_hidden_is_what_was_replaced_also_where_the_value_was_the_same(windows):
    settings = sections.Corruption(gaussian=0.1, masking=0.1, span=5, square=3, width=10)
    damage = corruption.make(settings, 1)
    x, hidden = (np.asarray(each) for each in damage(np.zeros_like(windows), SEED))
    np.testing.assert_array_equal(hidden, x == 0)
    assert not np.asarray(
        corruption.make(sections.Corruption(hum=1), 1)(windows, SEED).hidden
    ).any()


def test_a_square_without_a_width_is_refused():
    with pytest.raises(ValueError, match=r"corruption\.width"):
        sections.Corruption(square=4)

"""Noise at a ratio that the MIT-BIH Noise Stress Test defines."""

from __future__ import annotations

import numpy as np
import pytest

from tools.measure.ecg.noise import NOISES, with_noise
from training.data.recording import Recording

RATE, HEIGHT = 180.0, 400


@pytest.fixture
def recording() -> Recording:
    counts = np.zeros((180 * 120, 1), np.int16)
    counts[90::180] = HEIGHT
    return Recording(
        name="100",
        description="spikes",
        counts=counts,
        labels=np.zeros(len(counts), np.int8),
        channels=("ecg",),
        units=("mV",),
        gain=(200.0,),
        offset=(0,),
        rate_hz=RATE,
    )


@pytest.mark.parametrize("kind", sorted(NOISES))
def test_the_power_is_that_of_a_sine_as_high_as_the_qrs(recording: Recording, kind: str) -> None:
    for decibels in (0.0, 12.0):
        dirty = with_noise(recording, kind, decibels)
        added = dirty.counts.astype(float) - recording.counts
        expected = HEIGHT**2 / 8 / 10 ** (decibels / 10)
        assert added.var() == pytest.approx(expected, rel=0.02)
        np.testing.assert_array_equal(dirty.counts, with_noise(recording, kind, decibels).counts)


def test_each_noise_has_its_own_spectrum(recording: Recording) -> None:
    def share_below(kind: str, hz: float) -> float:
        added = with_noise(recording, kind, 0.0).counts.astype(float) - recording.counts
        power = np.abs(np.fft.rfft(added[:, 0])) ** 2
        power[0] = 0
        at = np.fft.rfftfreq(len(added), 1 / RATE)
        return float(power[at < hz].sum() / power.sum())

    assert share_below("wander", 0.5) > 0.99
    assert share_below("hum", 49) < 0.01 < 0.99 < share_below("hum", 51)
    assert share_below("muscle", 45) == pytest.approx(0.5, abs=0.05)
    assert share_below("electrode steps", 2) > 0.8

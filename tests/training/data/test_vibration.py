"""Simulated vibration: its recordings, and the impacts of a fault."""

import numpy as np
import pytest

from training.data import load, vibration


def test_vibration_is_acceleration_cut_between_stretches():
    data = load("vibration", train_seconds=80, test_seconds=80)
    assert data.simulated and data.train.rate_hz == 12_800
    assert data.train.counts.shape == (20 * 49_152, 1)
    assert data.train.cuts.tolist() == [49_152 * i for i in range(1, 20)]
    assert 0.05 < data.train.physical().std() < 0.3 and abs(data.test.physical()).max() < 7.9
    assert not data.train.labels.any() and not data.train.classes.any()
    assert ((data.test.classes > 0) == (data.test.labels == 1)).all()
    assert data.test.labels.mean() == pytest.approx(0.5)
    assert load("vibration", train_seconds=80, test_seconds=80).sha256 == data.sha256


def test_a_faults_impacts_come_as_often_as_balls_pass_and_ring_at_the_resonance():
    from scipy.signal import butter, hilbert, sosfiltfilt

    rng = np.random.default_rng(5)
    turns = np.arange(4 * 12_800) / vibration.RATE * 30.0
    ringing = vibration._impacts(1, turns, 1.0, rng)
    spectrum = np.abs(np.fft.rfft(ringing))
    frequency = np.fft.rfftfreq(len(ringing), 1 / vibration.RATE)
    assert frequency[spectrum.argmax()] == pytest.approx(3400, abs=300)
    band = butter(4, (2800, 4000), "bandpass", fs=vibration.RATE, output="sos")
    envelope = np.abs(hilbert(sosfiltfilt(band, ringing)))
    beat = np.abs(np.fft.rfft(envelope - envelope.mean()))
    low = (frequency > 20) & (frequency < 200)
    # The outer race: 3.58 passes a turn.
    assert frequency[low][beat[low].argmax()] == pytest.approx(30 * vibration.PASSES[1], abs=2)

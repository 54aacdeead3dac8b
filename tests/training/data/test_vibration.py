"""Simulated vibration: its spectrogram, and the impacts of a fault."""

import numpy as np
import pytest

from training.data import load, vibration


def test_vibration_has_a_frame_a_time_step_and_a_channel_a_band():
    data = load("vibration", train_seconds=80, test_seconds=80)
    assert data.simulated and "upstream" in data.description
    assert data.train.counts.shape == (20 * 96, 32) and data.train.rate_hz == 25
    assert not data.train.labels.any() and not data.train.classes.any()
    assert ((data.test.classes > 0) == (data.test.labels == 1)).all()
    assert data.test.labels.mean() == pytest.approx(0.5)
    assert load("vibration", train_seconds=80, test_seconds=80).sha256 == data.sha256


def test_a_spectrogram_holds_the_signals_power_in_its_band():
    t = np.arange(12_800) / vibration.RATE
    levels = vibration.spectrogram(2.0 * np.sin(2 * np.pi * 2500 * t))
    assert levels.shape == ((12_800 - 128) // 512, 32)
    # A sine of amplitude 2 has a mean square of 2: 3 dB, in the band from 2,400 to 2,600 Hz.
    np.testing.assert_allclose(levels[:, 12], 10 * np.log10(2), atol=0.05)
    assert levels[:, [5, 20]].max() < -60


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

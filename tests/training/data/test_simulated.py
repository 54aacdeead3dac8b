"""Simulated ECG: repeatable, like NeuroKit2's, and labelled where a beat is abnormal."""

import numpy as np
import pytest

from training.bundle.labels import ABNORMAL, NORMAL
from training.data import load, simulated


def test_the_same_seed_gives_the_same_ecg():
    short = {"train_seconds": 20, "test_seconds": 20}
    assert load("simulated", **short).sha256 == load("simulated", **short).sha256
    assert load("simulated", **short).sha256 != load("simulated", **short, seed=2).sha256


def test_simulated_ecg_says_so_and_keeps_rate_length_and_share():
    dataset = load("simulated", train_seconds=300, test_seconds=120, rate_hz=250)
    assert dataset.simulated and "simulated" in dataset.description
    assert (dataset.train.frames, dataset.test.frames) == (75000, 30000)
    touched = (dataset.train.labels != NORMAL).mean()
    assert 0.10 < touched < 0.20  # of the time; 15 % of the beats
    assert np.abs(dataset.train.physical()).max() < 5  # mV


def test_a_normal_beat_is_neurokits():
    neurokit2 = pytest.importorskip("neurokit2")
    theirs = neurokit2.ecg_simulate(
        duration=20, sampling_rate=512, heart_rate=60, heart_rate_std=0, noise=0, random_state=1
    )
    settings = simulated.Settings(
        heart_rate=60, heart_rate_std=0, rate_hz=512, noise=0, abnormal_share=0
    )
    half = np.full(20, 0.5)
    waves = [np.tile(w, (20, 1)) for w in simulated.at_rate(60.0)]
    beats = simulated.Beats(
        waves[0],
        np.tile(simulated.HEIGHT, (20, 1)),
        waves[1],
        half,
        half,
        np.full(20, -1),
    )
    ours = simulated.integrate(beats, settings.rate_hz).voltage

    def beat(signal):  # one beat about the R peak, after the start has died away
        peak = 5120 + int(np.argmax(signal[5120 : 5120 + 512]))
        return signal[peak - 200 : peak + 280]

    assert (
        np.corrcoef(beat(np.asarray(theirs)), beat(ours))[0, 1] > 0.99
    )  # they integrate at a relative 1e-3


def test_each_kind_of_abnormal_beat_shows_where_its_label_says():
    settings = simulated.Settings(noise=0, rate_hz=256)
    rng = np.random.default_rng(3)
    plain = simulated.normal_beats(400, settings, rng)
    changed = simulated.add_abnormal(plain, 0.2, rng)
    solutions = [simulated.integrate(b, 256.0) for b in (plain, changed)]
    voltage = solutions[1].voltage
    scale = np.ptp(solutions[0].voltage)
    for kind in (simulated.PVC, simulated.ST, simulated.LOST_P):
        beats = np.flatnonzero(changed.kind == kind)
        assert len(beats) > 5
        labels = simulated.label(changed.kind[solutions[1].beat], solutions[1].phase)
        for b in beats[:5]:
            there = solutions[1].beat == b
            usual = solutions[1].beat == b - 1 if changed.kind[b - 1] < 0 else None
            if usual is None:
                continue
            shows = there & (labels == ABNORMAL)
            # The voltage there, against a normal beat's at the same phases.
            order = np.argsort(solutions[1].phase[usual])
            expected = np.interp(
                solutions[1].phase[shows],
                solutions[1].phase[usual][order],
                voltage[usual][order],
            )
            assert np.abs(voltage[shows] - expected).max() > 0.05 * scale
    normal = changed.kind < 0
    assert (changed.height[normal, :5] == plain.height[normal]).all()

"""Sums of sines: anomalies in frequency alone."""

import numpy as np
from sklearn.metrics import roc_auc_score

from training.data import load


def test_sines_cannot_be_told_apart_by_mean_and_variance_but_by_frequency():
    data = load("sines", train=10, test=400)
    assert data.simulated and not data.train.labels.any()
    signals = data.test.physical()[:, 0].reshape(-1, 1000)
    labels = data.test.labels[::1000]
    for statistic in (signals.mean(axis=1), signals.var(axis=1)):
        assert abs(roc_auc_score(labels, statistic) - 0.5) < 0.07
    spectrum = np.abs(np.fft.rfft(signals)) ** 2
    high = spectrum[:, 40:].sum(axis=1) / spectrum.sum(axis=1)
    assert roc_auc_score(labels, high) > 0.999

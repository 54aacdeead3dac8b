"""Checks of a fitted model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.training import small_recipe
from training.data.recording import Recording
from training.train import train
from training.windows import load_data

pytestmark = pytest.mark.slow


def with_hum(recording: Recording) -> Recording:
    """Add mains hum, eight times as large as the signal."""
    wave = 8000 * np.sin(2 * np.pi * 50 * np.arange(recording.frames) / recording.rate_hz)
    counts = np.clip(recording.counts + np.rint(wave)[:, None], -32768, 32767)
    return replace(recording, counts=counts.astype(np.int16))


def test_the_gate_judges_disturbed_samples_before_the_filter(tmp_path, monkeypatch):
    checks = {"baselines": False, "challenge": 40}
    recipe, dataset = load_data(
        small_recipe(filter={"notch_hz": [50.0]}, fit={"epochs": 1}, checks=checks)
    )
    dataset = replace(dataset, train=with_hum(dataset.train), test=with_hum(dataset.test))
    monkeypatch.setattr("training.train.load_data", lambda recipe, say: (recipe, dataset))
    bundle = train(recipe, tmp_path / "small", progress=False)
    caught = {(each.kind, each.size): each for each in bundle.manifest.checks.challenge}
    # Without the hum, samples vary less than any raw window, which is then judged to be flat.
    assert caught["level shift", 0.25].not_judged == 0
    assert caught["flat", 4.0].not_judged == 40

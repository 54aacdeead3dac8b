"""Limits of the quality gate: normal windows keep them, dead sensors do not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.training import small_recipe
from training.bundle.chain import REASONS, is_judged, make_gate
from training.bundle.manifest import GateLimits, NoGate, NotJudged
from training.quality_gate import NEVER, fit_gate, judge
from training.sections import Gate
from training.windows import Parts, divide, load_data

Counts = NDArray[np.int16]


@pytest.fixture(scope="module")
def simulated() -> tuple[Parts, GateLimits]:
    recipe, dataset = load_data(small_recipe())
    parts = divide(dataset, recipe.windows, recipe.split, recipe.seed)
    gate = fit_gate(Gate(), parts.train.counts, dataset.train, raw_input=True)
    assert isinstance(gate, GateLimits)
    return parts, gate


def dead(normal: Counts) -> dict[str, Counts]:
    """What the sensor shows when it fails, made from normal windows."""
    frames = normal.shape[1]
    half = normal.copy()
    half[:, frames // 2 :] = half[:, frames // 2 : frames // 2 + 1]
    clipped = np.minimum(normal, np.quantile(normal, 0.6, axis=1, keepdims=True)).astype(np.int16)
    return {
        "flat at zero": np.zeros_like(normal),
        "flat at its first value": np.repeat(normal[:, :1], frames, axis=1),
        "at the converter's limit": np.full_like(normal, 32767),
        "stuck half way": half,
        "clipped": clipped,
        "a twentieth of the amplitude": np.rint(normal / 20).astype(np.int16),
    }


def test_no_normal_window_is_rejected_and_no_dead_one_is_judged(simulated):
    parts, limits = simulated
    gate = make_gate(limits)
    normal = parts.test.counts[parts.test.labels == 0]
    rejected = {"normal": float((gate(normal) != 0).mean())}
    for name, windows in dead(normal).items():
        rejected[name] = float((gate(windows) != 0).mean())
    assert rejected.pop("normal") < 0.005
    assert all(share == 1.0 for share in rejected.values()), rejected


def test_one_sample_at_full_scale_clips_the_window(simulated):
    parts, limits = simulated
    normal = parts.test.counts[parts.test.labels == 0]
    for peak in (32767, -32768):
        spike = normal.copy()
        spike[np.arange(len(normal)), np.arange(len(normal)) % normal.shape[1]] = peak
        assert {REASONS[code] for code in make_gate(limits)(spike)} == {"clipped"}


def test_samples_that_the_model_does_not_see_are_clipped_at_the_ends_of_int16_alone():
    counts = np.random.default_rng(3).integers(-100, 101, (2000, 50, 2)).astype(np.int16)
    counts[:, 7, 1] = 32767
    _, dataset = load_data(small_recipe())
    seen = fit_gate(Gate(), counts, dataset.train, raw_input=True)
    unseen = fit_gate(Gate(), counts, dataset.train, raw_input=False)
    assert isinstance(seen, GateLimits) and isinstance(unseen, GateLimits)
    assert (seen.lowest, seen.highest) == ([-150, -8317], [150, 32767])
    assert (unseen.lowest, unseen.highest) == ([-32767, -32767], [32766, 32767])


def test_a_clipped_window_is_judged_if_its_score_is_above_the_threshold():
    reasons = np.array([REASONS.index(word) for word in ("", "clipped", "clipped", "flat")])
    scores = np.array([0, 1, 1.001, 9], np.float32)
    assert is_judged(reasons, scores, 1.0).tolist() == [True, False, True, False]


def test_mains_hum_alone_is_rejected_as_hum_or_as_railed(simulated):
    parts, limits = simulated
    assert limits.mains, "128 Hz allow the 50 Hz test"
    n = 100
    phase = np.random.default_rng(1).uniform(0, 2 * np.pi, (n, 1, 1))
    t = np.arange(parts.test.counts.shape[1])[None, :, None]
    deviation = parts.test.counts.std()
    hum = np.rint(1.4 * deviation * np.sin(2 * np.pi * 50 * t / 128 + phase)).astype(np.int16)
    reasons = {REASONS[code] for code in make_gate(limits)(hum)}
    assert reasons <= {"mains", "railed"}


def test_rejected_windows_leave_the_parts_that_are_evaluated_and_are_counted(simulated):
    parts, limits = simulated
    counts = parts.test.counts.copy()
    normal, abnormal = (np.flatnonzero(parts.test.labels == label)[:3] for label in (0, 1))
    counts[normal] = 0
    counts[abnormal[:2]] = 0
    test = dataclasses.replace(parts.test, counts=counts, raw=counts)
    damaged = dataclasses.replace(parts, test=test)
    judged, not_judged = judge(damaged, limits)
    assert not_judged == NotJudged(normal=3, abnormal=2)
    assert len(judged.test) == len(test) - 5
    assert judged.train is parts.train and judged.validation is parts.validation


def test_one_dead_window_in_a_thousand_does_not_loosen_the_limits():
    generator = np.random.default_rng(2)
    counts = generator.integers(-100, 100, (2000, 50, 1)).astype(np.int16)
    _, dataset = load_data(small_recipe())
    clean = fit_gate(Gate(), counts, dataset.train, raw_input=True)
    counts[[3, 900]] = 0
    with_dead = fit_gate(Gate(), counts, dataset.train, raw_input=True)
    assert isinstance(clean, GateLimits) and isinstance(with_dead, GateLimits)
    assert with_dead.min_range[0] == pytest.approx(clean.min_range[0], rel=0.1)
    assert with_dead.max_run == clean.max_run


def test_a_channel_that_is_constant_in_normal_windows_rejects_nothing():
    counts = np.zeros((20, 30, 1), np.int16)
    _, dataset = load_data(small_recipe())
    gate = fit_gate(Gate(), counts, dataset.train, raw_input=True)
    assert isinstance(gate, GateLimits)
    assert (gate.min_range, gate.max_run, gate.max_extreme) == ([0], [NEVER], [NEVER])
    assert not make_gate(gate)(counts).any()


def test_without_a_gate_every_window_is_judged(simulated):
    parts, _ = simulated
    _, dataset = load_data(small_recipe())
    gate = fit_gate(Gate(kind="none"), parts.train.counts, dataset.train, raw_input=True)
    assert gate == NoGate()
    assert not make_gate(gate)(np.zeros((4, 64, 1), np.int16)).any()

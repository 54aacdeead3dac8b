"""Training with a wearer: personal scores, what is not judged, and a bundle that says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.bundle import read_bundle
from training.bundle.errors import DataError, RecipeError
from training.bundle.manifest import GateLimits, NoGate, Wearer
from training.data.recording import Recording
from training.recipe import make_recipe, read_recipe
from training.train import train
from training.wearers import personal_scores
from training.windows import Windows

WEARER = Wearer(score="template", first=10, length=40, shift=4, learn=30)


def windows_at(first: np.ndarray, seed: int = 0) -> Windows:
    rng = np.random.default_rng(seed)
    wave = 300 * np.exp(-0.5 * ((np.arange(60) - 20) / 3) ** 2)
    n = len(first)
    counts = np.rint(wave + 5 * rng.standard_normal((n, 60))).astype(np.int16)[..., None]
    intervals = np.full(n, 150, np.uint32)
    return Windows(counts, np.zeros(n, np.int8), first.astype(np.int64), intervals, counts)


def recording(frames: int, cuts: list[int]) -> Recording:
    return Recording(
        name="ecg",
        description="ecg",
        counts=np.zeros((frames, 1), np.int16),
        labels=np.zeros(frames, np.int8),
        channels=("ecg",),
        units=("mV",),
        gain=(200.0,),
        offset=(0,),
        rate_hz=180.0,
        cuts=np.array(cuts, np.int64),
    )


def test_each_wearer_is_learned_anew_after_a_cut() -> None:
    first = np.arange(100) * 150
    windows = windows_at(first)
    whole = recording(15_000, [])
    errors = np.zeros(100, np.float32)
    at_once = personal_scores(WEARER, NoGate(), whole, windows, errors)
    assert np.isnan(at_once[:30]).all() and not np.isnan(at_once[30:]).any()
    cut = personal_scores(WEARER, NoGate(), recording(15_000, [7_500]), windows, errors)
    np.testing.assert_array_equal(cut[:50], at_once[:50])
    assert np.isnan(cut[50:80]).all() and not np.isnan(cut[80:]).any()


def test_a_wearer_does_not_follow_what_the_gate_rejects() -> None:
    gate = GateLimits(
        kind="limits",
        min_range=[50],
        min_variation=[0],
        max_run=[65535],
        max_extreme=[65535],
        max_mains=[65536],
        lowest=[-32768],
        highest=[32767],
        mains=[],
    )
    windows = windows_at(np.arange(100) * 150)
    flat = np.isin(np.arange(100), [10, *range(50, 60)])  # while learning, and after
    windows.raw[flat] = windows.counts[flat] = 7
    errors = np.zeros(100, np.float32)
    whole = recording(15_000, [])
    scores = personal_scores(WEARER, gate, whole, windows, errors)
    assert np.isnan(scores[flat]).all()
    without = personal_scores(WEARER, NoGate(), whole, windows[~flat], errors[~flat])
    np.testing.assert_array_equal(scores[~flat], without)
    followed = personal_scores(WEARER, NoGate(), whole, windows, errors)
    assert not np.array_equal(followed[60:], scores[60:])


def ecg_recipe(**changes: dict[str, object]) -> dict[str, object]:
    values = read_recipe("ecg_simulated").as_json()
    values["data"] |= {"train_seconds": 240, "test_seconds": 120}
    values["fit"] |= {"epochs": 2}
    values["wearer"] |= {"learn": 60}
    for section, change in changes.items():
        values[section] |= change
    return values


@pytest.mark.parametrize("score", ["template", "both"])
def test_a_bundle_with_a_wearer_judges_after_the_first_beats(tmp_path: Path, score: str) -> None:
    train(make_recipe(ecg_recipe(wearer={"score": score})), tmp_path / "ecg", progress=False)
    m = read_bundle(tmp_path / "ecg").manifest
    assert isinstance(m.wearer, Wearer) and m.wearer.score == score
    windows = m.data.windows
    judged = windows.test_normal + windows.test_abnormal + windows.test_unknown
    not_judged = windows.not_judged
    assert not_judged.normal + not_judged.abnormal + not_judged.unknown >= 60
    assert judged > 50
    assert m.metrics.int8.auroc is not None and m.metrics.int8.auroc > 0.9
    # The threshold is in doublings of what is usual for a wearer, not in the model's error.
    assert 0.5 < m.threshold.value < 6


def test_figures_per_hour_and_the_alarm_count_beats_and_judge_the_wearers_scores(
    tmp_path: Path,
) -> None:
    # A level below most scores: an alarm that judged other scores, or that took each beat for a
    # gap, would never be raised.
    alarm = {"kind": "count", "windows": 3, "count": 2}
    recipe = make_recipe(
        ecg_recipe(alarm=alarm, threshold={"value": 0.5}, data={"abnormal_share": 0})
    )
    m = train(recipe, tmp_path / "ecg", progress=False).manifest
    rate, per_hour = m.metrics.int8.false_alarm_rate, m.metrics.int8.false_alarms_per_hour
    assert rate and per_hour is not None
    assert 50 * 60 < per_hour / rate < 100 * 60  # beats per hour of a resting heart
    counted = m.decision.false_alarms
    assert 50 * 60 < counted.windows / counted.hours < 100 * 60
    assert counted.episodes > 0


def test_too_short_a_recording_for_learning_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a smaller wearer\.learn"):
        train(make_recipe(ecg_recipe(wearer={"learn": 5000})), tmp_path / "ecg", progress=False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"split": {"order": "shuffled"}}, "in the order of time"),
        ({"checks": {"challenge": 10}}, "set checks.challenge to 0"),
        ({"wearer": {"first": 100}}, "beyond the window of 144 frames"),
        ({"wearer": {"first": 2}}, "first must be at least shift"),
    ],
)
def test_settings_that_do_not_agree_are_refused(
    changes: dict[str, dict[str, object]], reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason):
        make_recipe(ecg_recipe(**changes))

"""Advice names the baseline that wins, and features where the model has none."""

from pathlib import Path
from typing import Literal

import pytest

from tools.measure.bench.small_bundle import small_bundle
from training.advice import advice
from training.bundle.manifest import Manifest


def with_areas(m: Manifest, own: float, baseline: float, name: str = "rms") -> Manifest:
    stage = m.metrics.int8.model_copy(update={"auroc": own})
    metrics = m.metrics.model_copy(update={"int8": stage, "keras": stage})
    better = stage.model_copy(update={"auroc": baseline})
    checks = m.checks.model_copy(update={"baselines": {name: better}, "agreement": None})
    return m.model_copy(update={"metrics": metrics, "checks": checks})


@pytest.mark.parametrize("features", ["none", "beside"])
def test_a_baseline_that_wins(features: Literal["none", "beside"], tmp_path: Path):
    m = small_bundle(tmp_path / "b", features=features).manifest
    (line,) = advice(with_areas(m, 0.9, 0.92))
    assert "The baseline 'rms' separates the test windows better" in line
    assert ("features.bands" in line) == (features == "none")
    assert advice(with_areas(m, 0.9, 0.9)) == []


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_no_setting_is_advised_that_the_recipe_has(activation: str, tmp_path: Path):
    m = small_bundle(tmp_path / "b").manifest
    m = m.model_copy(update={"recipe": {"model": {"activation": activation}}})
    (line,) = advice(with_areas(m, 0.9, 0.92, "nearest neighbours"))
    assert "a smaller model.code" in line
    assert ("tanh" in line) == (activation == "relu")


def test_the_settings_of_a_linear_model_are_advised_once(tmp_path: Path):
    m = small_bundle(tmp_path / "b").manifest
    for activation, advised in (("tanh", True), ("linear", False)):
        m = m.model_copy(update={"recipe": {"model": {"activation": activation}}})
        (line,) = advice(with_areas(m, 0.9, 0.92, "PCA"))
        assert ("model.hidden = [] with" in line) == advised
        assert "a smaller model.code." in line


def test_the_scaler_that_the_model_has_is_not_advised(tmp_path: Path):
    m = small_bundle(tmp_path / "b").manifest
    assert m.scaler.kind == "affine"
    assert "scaler.kind" not in advice(with_areas(m, 0.9, 0.92))[0]


def test_no_baseline_is_recommended_where_none_separates(tmp_path: Path):
    m = small_bundle(tmp_path / "b").manifest
    (line,) = advice(with_areas(m, 0.47, 0.55))
    assert "Neither this model nor a baseline separates the test windows (best AUROC 0.55" in line
    assert "'rms'" in advice(with_areas(m, 0.47, 0.7))[0]

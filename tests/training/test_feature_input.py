"""Features as inputs of the model: their quantization, the recipe's checks, and the manifest's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.support.training import small_recipe
from tools.measure.bench.small_bundle import small_bundle
from training import sections
from training.bundle import read_bundle
from training.bundle.chain import input_of
from training.bundle.errors import BundleError, RecipeError
from training.bundle.features import STATISTICS, feature_names
from training.input_quantization import fit_input_quantizer

ALL = sections.Features(statistics=STATISTICS, bands=4)


def windows(n: int = 200, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(3)
    level = rng.normal(0, 50, (n, 1, channels))
    spread = 300 * np.exp(rng.normal(0, 0.2, (n, 1, channels)))
    return np.rint(level + spread * rng.normal(0, 1, (n, 32, channels))).astype(np.int16)


@pytest.mark.parametrize("kind", ["none", "affine", "per_window"])
def test_each_feature_has_mean_zero_and_deviation_one_over_the_training_windows(kind):
    counts = windows()
    quantizer = fit_input_quantizer(sections.Scaler(kind=kind), counts, (1.0, 1.0), ALL)
    raw = 0 if kind == "none" else 64
    assert (quantizer.raw_size, quantizer.feature_count) == (raw, 24)
    real = quantizer.dequantize(quantizer.quantize(counts))
    assert real.shape == (200, raw + 24)
    # The center is a whole number: for crossings, which deviate by 3, that is up to 1/6.
    assert np.abs(real[:, raw:].mean(axis=0)).max() < 0.17
    assert np.abs(real[:, raw:].std(axis=0) - 1).max() < 0.05
    if raw:
        assert abs(real[:, :raw].std() - 1) < 0.05


def test_a_feature_beyond_eight_deviations_saturates():
    counts = windows()
    quantizer = fit_input_quantizer(sections.Scaler(kind="none"), counts, (1.0, 1.0), ALL)
    far = quantizer.dequantize(quantizer.quantize(counts + np.int16(5000)))
    assert set(far[:, [0, 12]].ravel().tolist()) == {127 / 16}, "both means are far above"


def test_a_feature_that_never_varies_does_not_divide_by_zero():
    ramp = np.arange(32, dtype=np.int16)[None, :, None].repeat(5, axis=0)
    quantizer = fit_input_quantizer(sections.Scaler(kind="none"), ramp, (1.0,), ALL)
    assert set(quantizer.quantize(ramp).ravel().tolist()) == {0}


def test_level_and_spread_reach_the_model_beside_a_per_window_scaler():
    """The scaler removes both, so only the features see a shifted or amplified window."""
    chosen = sections.Features(statistics=("mean", "deviation"))
    counts = windows(channels=1)
    quantizer = fit_input_quantizer(sections.Scaler(kind="per_window"), counts, (1.0,), chosen)
    plain, shifted, doubled = (
        quantizer.quantize(each)[0].astype(int)
        for each in (counts, counts + np.int16(400), counts * np.int16(2))
    )
    assert np.abs(shifted[:32] - plain[:32]).max() <= 1
    assert np.abs(doubled[:32] - plain[:32]).max() <= 1
    assert shifted[32] > plain[32] + 30 and shifted[33] == plain[33]
    assert doubled[33] > plain[33] + 30


def test_names_say_channel_statistic_and_frequency():
    names = feature_names(("mean", "peak_to_peak"), [1, 2, 9], ["x", "y"], 16, 160.0)
    assert names[:4] == ["x mean", "x peak to peak", "x 5 to 15 Hz", "x 15 to 85 Hz"]
    assert names[4:] == [name.replace("x", "y", 1) for name in names[:4]]
    assert feature_names((), [1, 3], ["x"], 12, None) == ["x 0.375 to 1.88 cycles"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scaler": {"kind": "none"}}, "leaves the model without an input"),
        ({"features": {"bands": 33}}, "has 32 bins: set it to 32 or less"),
        ({"features": {"statistics": ["means"]}}, "statistics"),
        ({"features": {"bands": 2}, "model": {"family": "conv1d"}}, "features are no series"),
        ({"features": {"bands": 2}, "windows": {"length": 5000, "hop": 5000}}, "at most 4096"),
        ({"features": {"bands": 2}, "scaler": {"real": "range"}}, "scaler.real to 'deviation'"),
        ({"features": {"bands": 2}, "corruption": {"gaussian": 0.1}}, "leave out one"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(changes: dict[str, Any], message):
    with pytest.raises(RecipeError, match=message):
        small_recipe(**changes)


def test_statistics_are_put_in_their_order():
    recipe = small_recipe(features={"statistics": ["crest", "mean", "crest"]})
    assert recipe.features.statistics == ("mean", "crest")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statistics": ["deviation", "mean"]}, "statistics must be in the order"),
        ({"statistics": [], "edges": []}, "a statistic or a band"),
        ({"edges": [1, 1, 4]}, "edges must ascend"),
        ({"edges": [1, 2, 4, 8, 18]}, "edges must lie in 1 to 17"),
        ({"statistics": ["mean"]}, "model.input.size is 12, but features is 5"),
        ({"edges": [1, 2, 4, 8, 16, 17]}, "model.input.size is 12, but features is 13"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(tmp_path, changes: dict[str, Any], message):
    path = small_bundle(tmp_path / "b", features="alone").path
    text = (path / "manifest.json").read_text()
    values = json.loads(text)
    values["features"] |= changes
    (path / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(BundleError, match=message):
        read_bundle(path)


def test_the_bundles_input_is_the_golden_input(tmp_path):
    bundle = small_bundle(tmp_path / "b", features="beside", channels=3)
    assert np.array_equal(
        input_of(bundle.manifest).scale(bundle.golden.counts), bundle.golden.input
    )

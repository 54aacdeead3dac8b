"""The whole way from a recipe to a bundle."""

import numpy as np
import pytest

from tests.support.training import small_recipe
from training import data
from training.bundle.errors import BundleError, DataError, RecipeError, UnavailableError
from training.bundle.interpreter import Interpreter
from training.data import ecg5000
from training.quantize import read_model_info, with_extremes
from training.recipe import read_recipe
from training.train import fit_model, train
from training.windows import divide, load_data
from training.write import choose_golden

pytestmark = pytest.mark.slow


def test_the_same_recipe_gives_the_same_bundle_byte_for_byte(trained_bundle, tmp_path):
    again = train(small_recipe(), tmp_path / "again", progress=False)
    for file in sorted(trained_bundle.path.iterdir()):
        assert (again.path / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.slow
def test_another_seed_gives_another_model(trained_bundle, tmp_path):
    other = train(small_recipe(seed=2), tmp_path / "other", progress=False)
    assert other.manifest.model.sha256 != trained_bundle.manifest.model.sha256
    assert other.manifest.data.sha256 == trained_bundle.manifest.data.sha256


def test_the_model_is_what_the_manifest_says(trained_bundle):
    model = trained_bundle.manifest.model
    facts = read_model_info(trained_bundle.model)
    assert facts.operators == model.operators == ["FULLY_CONNECTED"]
    assert facts.macs == model.macs == 2 * (64 * 24 + 24 * 8)
    assert model.parameters == model.macs + 24 + 8 + 24 + 64
    assert (facts.input, facts.output) == (model.input, model.output)


def test_both_stages_agree_and_the_figures_are_those_of_the_scores(trained_bundle):
    from sklearn.metrics import roc_auc_score

    metrics, evaluation = trained_bundle.manifest.metrics, trained_bundle.evaluation()
    assert metrics.int8.auroc == pytest.approx(metrics.keras.auroc, abs=0.01)
    labels = evaluation["labels"]
    known = labels >= 0
    for name, stage in (("keras", metrics.keras), ("int8", metrics.int8)):
        scores = evaluation[f"{name}_test"]
        assert stage.auroc == roc_auc_score(labels[known], scores[known])
        flagged = scores[labels == 0] > np.float32(stage.threshold)
        assert stage.false_alarm_rate == flagged.mean()
    windows = trained_bundle.manifest.data.windows
    assert windows.test_normal == (labels == 0).sum()
    assert windows.test_unknown == (labels == -1).sum() > 0
    assert metrics.int8.false_alarms_per_hour == pytest.approx(
        metrics.int8.false_alarm_rate * 3600 * 128 / 32
    )


def test_what_a_report_needs_is_there(trained_bundle):
    e, m = trained_bundle.evaluation(), trained_bundle.manifest
    shown = len(e["shown"])
    assert e["counts"].shape == (shown, 64, 1)
    assert e["code"].shape == (shown, 8)
    assert (Interpreter(trained_bundle.model).run(e["input"][:5]) == e["output"][:5]).all()
    assert len(e["int8_calibration"]) == m.data.windows.calibration
    assert sorted(e["int8_calibration"].tolist()) == pytest.approx(
        m.threshold.calibration_scores, rel=1e-6
    )


def test_simulated_data_say_so(trained_bundle):
    assert trained_bundle.manifest.data.simulated
    assert "simulated" in trained_bundle.manifest.data.description


def test_without_ecg5000_the_fallback_is_followed_and_announced(tmp_path, monkeypatch):
    monkeypatch.delenv("VIGIL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(ecg5000, "ADDRESSES", ["http://127.0.0.1:9/ECG5000.zip"])
    said: list[str] = []
    recipe, dataset = load_data(read_recipe("ecg5000"), said.append)
    assert recipe.name == dataset.name == "simulated"
    assert any("Falling back to the recipe 'simulated'" in line for line in said)
    assert any("data are simulated" in line for line in said)
    alone = read_recipe("ecg5000").model_copy(update={"fallback": None})
    with pytest.raises(UnavailableError):
        load_data(alone)


@pytest.mark.slow
def test_a_sensor_without_labels_trains_too(tmp_path):
    rng = np.random.default_rng(1)
    t = np.arange(6000)
    x = np.sin(t / 5) + 0.05 * rng.standard_normal(6000)
    rows = "".join(f"{a:.4f},{b}\n" for a, b in zip(x, rng.integers(0, 50, 6000), strict=True))
    (tmp_path / "sensor.csv").write_text("# rate_hz: 50\nx [g],y\n" + rows)
    recipe = small_recipe(
        data={"name": "csv", "path": str(tmp_path / "sensor.csv")},
        windows={"length": 32, "hop": 32, "train_hop": 8},
        fit={"epochs": 3},
    )
    recipe_values = recipe.model_dump(mode="json")
    assert recipe_values["data"]["path"].endswith("sensor.csv")
    bundle = train(recipe, tmp_path / "sensor", progress=False)
    m = bundle.manifest
    assert m.model.input.size == 64 and m.signal.channels == ["x", "y"]
    assert m.metrics.int8.auroc is None and m.metrics.int8.false_alarm_rate is None
    assert m.data.windows.test_unknown > 0 and not m.data.simulated
    assert set(bundle.golden.label.tolist()) == {-1}
    assert str(tmp_path) not in (bundle.path / "manifest.json").read_text()


def test_golden_windows_are_of_both_kinds_from_lowest_to_highest_score():
    scores = np.arange(100, dtype=np.float32)
    labels = np.repeat([0, 1], 50).astype(np.int8)
    golden = choose_golden(scores, labels)
    assert len(golden) == 16
    assert {0, 49, 50, 99} <= set(golden.tolist())
    with pytest.raises(DataError, match="has 3 windows, too few"):
        choose_golden(scores[:3], labels[:3])


def test_extremes_change_two_values_and_no_more():
    windows = np.random.default_rng(1).integers(-90, 90, (20, 30)).astype(np.int8)
    changed = with_extremes(windows)
    assert (changed.min(), changed.max()) == (-128, 127)
    assert (changed != windows).sum() == 2


@pytest.mark.data("ecg5000")
@pytest.mark.slow
def test_ecg5000_beats_the_nearest_neighbours(tmp_path):
    bundle = train(read_recipe("ecg5000"), tmp_path / "ecg5000", progress=False)
    metrics, threshold = bundle.manifest.metrics, bundle.manifest.threshold
    assert metrics.int8.auroc > 0.9917
    assert metrics.int8.auroc == pytest.approx(metrics.keras.auroc, abs=0.002)
    assert threshold.guaranteed_rate == threshold.false_alarm_rate
    # Given 149 calibration beats the rate is Beta(3, 147): 99.9 of 100 lie below this.
    assert metrics.int8.false_alarm_rate < 0.075
    assert data.load("ecg5000").sha256 == bundle.manifest.data.sha256


def test_a_folder_of_something_else_stops_the_run_before_the_fit(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BundleError, match="exists and is not a bundle"):
        train(small_recipe(fit={"epochs": 1_000_000}), tmp_path, False)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_fit_that_diverges_leaves_no_bundle(tmp_path):
    wild = small_recipe(fit={"optimizer": "sgd", "learning_rate": 10, "schedule": "constant"})
    with pytest.raises(RecipeError, match=r"the fit diverged in epoch \d+"):
        train(wild, tmp_path / "b", False)
    assert not (tmp_path / "b").exists()


def test_a_fit_of_abnormal_windows_without_any_stops_before_the_fit(tmp_path):
    recipe = small_recipe(fit={"abnormal": 0.1, "epochs": 1}, data={"abnormal_share": 0})
    with pytest.raises(DataError, match=r"'small': fit\.abnormal needs labelled abnormal windows"):
        train(recipe, tmp_path / "b", False)
    assert not (tmp_path / "b").exists()


def test_abnormal_windows_of_the_fit_share_no_frame_with_calibration_and_choose_no_threshold(
    tmp_path, monkeypatch
):
    recipe = small_recipe(
        fit={"abnormal": 0.1, "epochs": 1}, data={"abnormal_share": 0.2}, windows={"hop": 16}
    )
    _, dataset = load_data(recipe)
    parts = divide(dataset, recipe.windows, recipe.split, recipe.seed)
    fitted = []

    def fit_them(_recipe, parts, *_rest):
        fitted.append(parts.abnormal)
        return fit_model(_recipe, parts, *_rest)

    monkeypatch.setattr("training.train.fit_model", fit_them)
    said: list[str] = []
    bundle = train(recipe, tmp_path / "b", False, said.append)
    assert any(f"the fit sees {len(fitted[0])} labelled abnormal" in line for line in said)
    used = fitted[0].first[:, None]
    for part in (parts.validation, parts.calibration):
        assert (abs(used - part.first) < recipe.windows.length).sum() == 0
    apart = [
        first
        for first in parts.abnormal.first
        if all(
            (abs(first - part.first) >= recipe.windows.length).all()
            for part in (parts.validation, parts.calibration)
        )
    ]
    assert used.ravel().tolist() == apart
    assert 0 < len(apart) < len(parts.abnormal)
    assert "best_f1" not in [offer.method for offer in bundle.manifest.threshold.offered]


@pytest.mark.slow
@pytest.mark.parametrize("model", [{"family": "lstm", "step": 8, "code": 4}, {"family": "conv1d"}])
def test_the_same_recipe_gives_the_same_bytes_whatever_was_built_before(model, tmp_path):
    recipe = small_recipe(model=model, fit={"epochs": 1})
    bundles = [train(recipe, tmp_path / "a", False)]
    bundles.append(train(recipe, tmp_path / "b", False, before_fit=lambda _: None))
    for name in ("model.tflite", "golden.npz", "manifest.json", "evaluation.npz"):
        first, second = ((bundle.path / name).read_bytes() for bundle in bundles)
        assert first == second, name

"""Parts of the report by family and corruption, whatever the recipe's name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.training import small_recipe
from tests.tools.report.test_report import Page
from tools.measure.bench.small_bundle import small_bundle
from tools.report.figures import parts_of
from tools.report.figures.signal import layout, time_axis
from tools.report.figures.trained import Damaged, Trained
from tools.report.page import write_report
from training.bundle import Bundle, pack_arrays, write_bundle
from training.recipe import read_recipe
from training.sections import Corruption
from training.train import train

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def without_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.report.figures.latent.has_umap", lambda: False)


def bundle_of(
    path: Path,
    family: str = "dense",
    recipe: dict[str, Any] | None = None,
    evaluation: dict[str, Any] | None = None,
    **options: Any,
) -> Bundle:
    """The small bundle as if it had come from that family and those sections of a recipe."""
    bundle = small_bundle(path, **options)
    m = bundle.manifest
    return write_bundle(
        path,
        m.model_copy(
            update={
                "recipe": m.recipe | (recipe or {}),
                "model": m.model.model_copy(update={"family": family}),
            }
        ),
        bundle.model,
        (path / "golden.npz").read_bytes(),
        pack_arrays(bundle.evaluation() | (evaluation or {})),
    )


def report_of(bundle: Bundle) -> Page:
    return Page(write_report(bundle.path).read_text())


def test_a_plain_autoencoder_has_nothing_special_to_show(tmp_path):
    bundle = bundle_of(tmp_path / "waves")
    assert parts_of(Trained(bundle)) == []
    assert "family" not in report_of(bundle).sections


def test_a_sparse_code_tells_how_active_it_is(tmp_path):
    bundle = bundle_of(tmp_path / "mine", "sparse", {"model": {"penalty": "l1"}})
    evaluation = bundle.evaluation()
    code = evaluation["code"][evaluation["labels"] == 0]
    section = report_of(bundle).sections["family"]
    assert f"The mean activation is {code.mean():.3f}" in section
    assert f"{100 * (code > 0.01).mean():.0f} % of the units are active (above 0.01)" in section


def test_gain_is_ten_decibel_where_the_error_falls_to_a_tenth():
    clean = np.zeros((2, 8), np.float32)
    hidden = np.zeros((2, 8), bool)
    result = Damaged(clean, clean + np.sqrt(np.float32(10)), clean - 1, hidden)
    assert result.gain_db() == pytest.approx(10)


def test_noise_is_told_by_kind_beside_the_mixture(tmp_path):
    noise = {"gaussian": 0.3, "hum": 0.4}
    bundle = bundle_of(tmp_path / "mine", recipe={"corruption": noise})
    trained = Trained(bundle)
    clean = trained.input()[trained.labels() == 0]
    section = report_of(bundle).sections["family"].replace("−", "-")
    for kinds, words in (
        (noise, "reduces noise by {:.1f} dB"),
        ({"gaussian": 0.3}, "gaussian {:+.1f} dB"),
        ({"hum": 0.4}, "hum {:+.1f} dB"),
    ):
        result = trained.damaged(clean, Corruption(**kinds))
        before = ((result.damaged - clean) ** 2).sum()
        after = ((result.restored - clean) ** 2).sum()
        assert words.format(10 * np.log10(before / after)) in section
    assert "Noisy, cleaned, clean" in section and "Masked" not in section


def test_the_error_under_a_mask_is_of_all_that_was_hidden_and_of_the_whole(tmp_path):
    damage = {"square": 3, "width": 8}
    bundle = bundle_of(tmp_path / "mine", recipe={"corruption": damage}, window=64)
    trained = Trained(bundle)
    clean = trained.input()[trained.labels() == 0]
    result = trained.damaged(clean, trained.damage)
    assert (result.hidden.sum(axis=1) == 9).all()
    np.testing.assert_array_equal(result.damaged[~result.hidden], clean[~result.hidden])
    assert (result.damaged[result.hidden] == 0).all()
    rows = result.hidden.reshape(-1, 8, 8).any(axis=2).sum(axis=1)
    columns = result.hidden.reshape(-1, 8, 8).any(axis=1).sum(axis=1)
    assert (rows == 3).all() and (columns == 3).all()
    kept = result.given_kept().restored
    np.testing.assert_array_equal(kept[~result.hidden], clean[~result.hidden])
    np.testing.assert_array_equal(kept[result.hidden], result.restored[result.hidden])
    section = report_of(bundle).sections["family"]
    for which, words in ((result.hidden, "masked values"), (..., "all values")):
        before, after = (
            np.sqrt(np.mean((each - clean)[which] ** 2)) for each in (result.damaged, kept)
        )
        assert f"{words}, {before:.3f} before and {after:.3f} after" in section


def test_what_is_masked_may_also_have_noise(tmp_path):
    damage = {"span": 5, "gaussian": 0.1, "fill": -1.0}
    trained = Trained(bundle_of(tmp_path / "mine", recipe={"corruption": damage}))
    result = trained.damaged(trained.input(), trained.damage)
    assert (result.hidden.sum(axis=1) == 5).all()
    assert (np.abs(result.damaged[result.hidden] + 1) <= trained.quantizer.scale / 2 + 1e-6).all()
    titles = [part.title for part in parts_of(trained)]
    assert titles == ["Noisy, cleaned, clean", "Masked, restored, original"]


def test_images_are_drawn_as_images(tmp_path):
    bundle = bundle_of(
        tmp_path / "mine", recipe={"corruption": {"width": 8, "square": 2}}, window=64
    )
    assert layout(bundle.manifest).kind == "image"
    page = report_of(bundle)
    assert page.count("img", "pixels") == 2 * 16 and page.count("svg", "window") == 0
    assert "8 by 8 pixels" in page.sections["windows"]


def test_a_window_of_frames_and_bands_is_a_spectrogram(tmp_path):
    recipe = {"model": {"height": 16, "width": 4}}
    bundle = bundle_of(tmp_path / "mine", "conv2d", recipe, window=16, channels=4)
    shape = layout(bundle.manifest)
    assert shape.kind == "spectrogram"
    window = np.arange(64.0)  # frame by frame, of four bands each
    np.testing.assert_array_equal(shape.pixels(window)[-1], np.arange(0, 64, 4))
    assert report_of(bundle).count("img", "pixels") == 2 * 16


def test_codes_are_coloured_by_class_where_the_data_set_has_classes(tmp_path):
    plain = bundle_of(tmp_path / "plain")
    classes = np.arange(len(plain.evaluation()["shown"]), dtype=np.int16) % 4
    other = bundle_of(tmp_path / "mine", evaluation={"classes": classes})
    for bundle, names in ((plain, {"normal", "abnormal"}), (other, {"0", "1", "2", "3"})):
        drawn = write_report(bundle.path).read_text().split("Latent space")[1].split("</svg>")[0]
        assert names <= set(re.findall(r">(\w+)</text>", drawn))
        assert ("normal" in re.findall(r">(\w+)</text>", drawn)) == (bundle is plain)


def test_time_has_the_unit_that_suits_its_length(tmp_path):
    m = bundle_of(tmp_path / "waves", window=24).manifest
    for rate, name, last in (
        (100, "time (ms)", 230),
        (1, "time (s)", 23),
        (1 / 3600, "time (h)", 23),
    ):
        signal = m.signal.model_copy(update={"rate_hz": rate})
        time, result = time_axis(m.model_copy(update={"signal": signal}))
        assert (result, time[-1]) == (name, pytest.approx(last))
    signal = m.signal.model_copy(update={"rate_is_nominal": True})
    assert time_axis(m.model_copy(update={"signal": signal}))[1] == "sample"


def test_without_the_float_weights_their_part_says_that_it_is_left_out(tmp_path):
    bundle = bundle_of(tmp_path / "mine", "variational")
    section = report_of(bundle).sections["family"]
    assert section.count("Left out:") == 2


@pytest.mark.slow
def test_a_variational_recipe_of_ones_own_has_its_generated_windows_and_its_map(tmp_path):
    changes = (
        *("name=mine", "data.name=simulated", "data.train_seconds=300", "data.test_seconds=120"),
        *("model.code=2", "fit.epochs=2", "model.warm_up=5", "split.calibration=0.2"),
    )
    bundle = train(read_recipe("variational", changes), tmp_path / "mine", progress=False)
    parts = {part.title: part for part in parts_of(Trained(bundle))}
    assert list(parts) == [
        "Generated windows", "Interpolation between codes", "Map of the code",
    ]  # fmt: skip
    assert all(part.panels for part in parts.values())
    words = parts["Generated windows"].words
    area = re.search(r"sampled on the host, has an AUROC of (\d\.\d+)", words)
    assert 0.5 < float(area[1]) <= 1
    page = report_of(bundle)
    assert page.count("figure", "part") == 3
    (bundle.path / "keras.weights.h5").unlink()
    for part in parts_of(Trained(bundle)):
        assert part.words.startswith("Left out:") and "missing" in part.words and not part.panels


def test_the_parts_of_a_filtered_recording_are_those_of_its_training(tmp_path):
    quick = {"fit": {"epochs": 1}, "checks": {"baselines": False, "challenge": 0}}
    recipe = small_recipe(filter={"low_hz": 5.0}, **quick)
    trained = Trained(train(recipe, tmp_path / "small", progress=False))
    windows = trained.parts.test[trained.evaluation["shown"]]
    quantized = trained.quantizer.quantize(windows.counts)
    np.testing.assert_array_equal(quantized, trained.evaluation["input"])

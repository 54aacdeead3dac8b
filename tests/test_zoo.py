"""The zoo: every recipe is in it, and a row holds what was measured."""

import dataclasses
import re

import pytest

from tools.zoo.page import Row, page
from tools.zoo.run import run
from tools.zoo.small import SMALL
from training.recipe import read_recipe, recipe_names

ROW = Row(
    recipe="linear",
    family="dense",
    what="Linear.",
    data="Beats",
    changes=("fit.epochs=3",),
    seconds=4.2,
    parameters=2388,
    macs=2240,
    model_bytes=4352,
    estimated_bytes=4300,
    arena_bytes=1360,
    estimated_arena=1350,
    operators=("FULLY_CONNECTED",),
    auroc=(0.98, None),
    error=(0.02, 0.021),
    told="As PCA.",
)


def test_every_recipe_is_in_the_zoo_but_the_template_and_the_stand_in():
    assert set(SMALL) == set(recipe_names()) - {"csv", "simulated"}


@pytest.mark.parametrize("name", SMALL)
def test_small_settings_are_settings(name):
    read_recipe(name, SMALL[name])


def test_the_page_has_a_line_and_a_section_a_recipe_and_names_small_settings():
    text = page([ROW, dataclasses.replace(ROW, recipe="other", changes=(), seconds=85.8)])
    assert "2 recipes in 1.5 minutes" in text
    line = next(x for x in text.splitlines() if x.startswith("| [linear]"))
    assert [cell.strip() for cell in line.split("|")[2:-1]] == [
        "dense", "2,388", "2,240", "4,352", "1,360", "0.9800", "-", "0.02", "0.021", "1.050",
    ]  # fmt: skip
    assert "Small settings: `fit.epochs=3`. As PCA." in text
    assert text.count("Small settings:") == 1
    assert re.findall(r"!\[(\w+)\]\(zoo/(\w+)\.png\)", text) == [("linear",) * 2, ("other",) * 2]


def test_a_row_reads_back_as_it_was(tmp_path):
    ROW.save(tmp_path / "row.json")
    assert Row.load(tmp_path / "row.json") == ROW


@pytest.mark.data("ecg5000")
def test_a_linear_autoencoder_comes_close_to_pca_and_int8_to_float(tmp_path):
    (row,) = run(tmp_path / "build", tmp_path / "docs", ["linear"])
    assert (tmp_path / "docs" / "zoo" / "linear.png").stat().st_size > 10_000
    assert (tmp_path / "docs" / "zoo.md").read_text().count("\n## ") == 1
    pca = float(re.search(r"error (\d\.\d+)", row.told)[1])
    assert pca < row.error[0] < 1.1 * pca
    assert row.error[1] < 1.03 * row.error[0]
    assert row.auroc[1] > row.auroc[0] - 0.01
    assert row.model_bytes == pytest.approx(row.estimated_bytes, rel=0.1)
    assert row.arena_bytes == pytest.approx(row.estimated_arena, rel=0.1)

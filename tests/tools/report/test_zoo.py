"""The zoo: every recipe is in it, and a row holds what was measured."""

import dataclasses
import itertools
import json
import re
from pathlib import Path

import pytest

import tools.cli.report as command
import tools.report.zoo.run as run_module
from tools.checkout import DOCS
from tools.cli.options import BUILD
from tools.report.zoo.board import Verified
from tools.report.zoo.page import NOT_SHOWN, Last, Row, page
from tools.report.zoo.run import run, spread_over_seeds, verify_on_board, write_page
from tools.report.zoo.small import SLOWEST_FIRST, SMALL
from tools.report.zoo.spread import LABELLED, UNLABELLED, Spread, key, over_seeds
from training.bundle.errors import BoardError, DataError, RecipeError, UnavailableError
from training.recipe import read_recipe, recipe_names

ROW = Row(
    recipe="linear",
    bundle="0123456789abcdef",
    family="dense",
    summary="Linear.",
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
    asked_rate=0.02,
    confusion={
        "true_positive": 8,
        "false_positive": 2,
        "true_negative": 98,
        "false_negative": 12,
    },
    remarks="As PCA.",
)
SPREAD = Spread(
    key("linear", ()),
    10,
    {
        "AUROC, int8": (0.98, 0.97, 0.99),
        "false alarms asked": (0.02, 0.02, 0.02),
        "got": (0.015, 0.01, 0.03),
        "recall": (0.9, 0.8, 0.95),
        "float to int8": (0.0001, 0.0, 0.0002),
        "noise removed (dB)": (6.3, 6.2, 6.4),
    },
)
BOARD = Verified("0123456789abcdef", 116, 32_480, 3, "window 4", 9_668, 40_000, 39_000)


def test_every_recipe_is_in_the_zoo_but_the_template_and_the_stand_in():
    assert set(SMALL) == set(recipe_names()) - set(NOT_SHOWN)
    assert set(SLOWEST_FIRST) <= set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_small_settings_are_settings(name):
    read_recipe(name, SMALL[name])


def test_the_page_has_a_line_and_a_section_a_recipe_and_names_small_settings():
    other = dataclasses.replace(ROW, recipe="other", changes=(), seconds=85.8)
    text = page([ROW, other], Last(seconds=120))
    assert f"2 of the {len(recipe_names())} recipes that come with Vigil" in text
    assert "1.5 minutes of training, 2.0 on the clock" in text
    assert "`csv` needs a file of yours, `simulated` replaces heartbeats" in text
    line = next(x for x in text.splitlines() if x.startswith("| [linear]"))
    assert [cell.strip() for cell in line.split("|")[2:-1]] == [
        "dense", "2,388", "2,240", "4,352", "1,360", "0.9800", "-", "0.02", "0.021", "1.050",
    ]  # fmt: skip
    assert "Small settings: `fit.epochs=3`. As PCA." in text
    assert text.count("Small settings:") == 1
    assert "On the emulated board" not in text
    assert re.findall(r"!\[(\w+)\]\(zoo/(\w+)\.png\)", text) == [("linear",) * 2, ("other",) * 2]


def test_a_row_reads_back_as_it_was(tmp_path):
    ROW.save(tmp_path / "row.json")
    assert Row.load(tmp_path / "row.json") == ROW


def test_a_labelled_recipe_has_a_classification_report_and_one_of_one_kind_has_none():
    text = page([ROW], Last())
    rows = [line for line in text.splitlines() if line.startswith(("| normal |", "| abnormal |"))]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in rows] == [
        ["normal", f"{98 / 110:.3f}", "0.980", f"{196 / 210:.3f}", "100", "2"],
        ["abnormal", "0.800", "0.400", f"{16 / 30:.3f}", "20", "8"],
    ]
    one_kind = {"true_positive": 0, "false_positive": 2, "true_negative": 8, "false_negative": 0}
    assert "precision" not in page([dataclasses.replace(ROW, confusion=one_kind)], Last())


def test_a_boards_figures_are_shown_for_the_bundle_that_they_are_of(tmp_path):
    kept = tmp_path / "zoo" / "linear"
    kept.mkdir(parents=True)
    ROW.save(kept / "row.json")
    BOARD.save(kept / "board.json")
    line = "| linear | 116 | 32,480 | 3 | 9,668 | 40,000 | 39,000 |"
    assert line in write_page(tmp_path, tmp_path / "docs", full=False).read_text()
    dataclasses.replace(ROW, bundle="f" * 16).save(kept / "row.json")
    assert line not in write_page(tmp_path, tmp_path / "docs", full=False).read_text()


def test_the_spread_over_seeds_is_shown_for_the_settings_that_it_is_of(tmp_path):
    kept = tmp_path / "zoo" / "linear"
    kept.mkdir(parents=True)
    SPREAD.save(kept / "spread.json")
    line = (
        "| linear | 10 | 0.9800 (0.9700 to 0.9900) | 2.0% | 1.5% (1.0% to 3.0%) "
        "| 90.0% (80.0% to 95.0%) | 0.0002 | noise removed (dB) 6.3 (6.2 to 6.4) |"
    )
    assert line in write_page(tmp_path, tmp_path / "docs", full=False).read_text()
    # A recipe without small settings has its figures on the other page.
    assert line not in write_page(tmp_path, tmp_path / "docs", full=True).read_text()
    dataclasses.replace(SPREAD, recipe=key("linear", ["fit.epochs=3"])).save(kept / "spread.json")
    assert line not in write_page(tmp_path, tmp_path / "docs", full=False).read_text()


def test_a_spread_that_fails_stops_no_other(tmp_path, monkeypatch):
    def spread(name, *_):
        if name == "linear":
            return dataclasses.replace(SPREAD, recipe=key(name, ()))
        return UnavailableError("no beats") if name == "nab" else DataError("a beat is damaged")

    monkeypatch.setattr("tools.report.zoo.run._over_seeds", spread)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    lines = []
    spread_over_seeds(tmp_path, tmp_path / "docs", ["nab", "linear"], 10, lines.append)
    assert lines[0] == "nab: left out: no beats"
    assert lines[1].startswith("linear: AUROC, int8 0.9800 (0.9700 to 0.9900), false alarms asked")
    with pytest.raises(DataError, match="a beat is damaged"):
        spread_over_seeds(tmp_path, tmp_path / "docs", ["sparse", "linear"], 10)
    assert "| linear | 10 |" in (tmp_path / "docs" / "zoo.md").read_text()


def test_both_pages_have_the_spread_of_their_own_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tools.report.zoo.run._over_seeds",
        lambda name, changes, seeds: Spread(key(name, changes), seeds, {"error, int8": (1, 1, 1)}),
    )
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    spread_over_seeds(tmp_path, tmp_path, ["sines"], 10)
    spread_over_seeds(tmp_path, tmp_path, ["sines"], 5, full=True)
    kept = [tmp_path / zoo / "sines" / "spread.json" for zoo in ("zoo", "zoo-full")]
    small, full = (json.loads(path.read_text()) for path in kept)
    assert (small["seeds"], full["seeds"]) == (10, 5)
    assert small["recipe"] != full["recipe"]
    assert "`vigil zoo --seeds 10` wrote" in (tmp_path / "zoo.md").read_text()
    assert "`vigil zoo --full --seeds 5` wrote" in (tmp_path / "zoo-full.md").read_text()


@pytest.mark.data("ecg5000")
@pytest.mark.slow
def test_seeds_give_the_figures_of_their_bundles(tmp_path):
    (row,) = run(tmp_path, tmp_path / "docs", ["linear"])
    spread = spread_over_seeds(tmp_path, tmp_path / "docs", ["linear"], 2)["linear"]
    mean, lowest, highest = spread.figures["AUROC, int8"]
    assert lowest < mean < highest
    assert row.auroc[1] in (lowest, highest)  # the recipe's own seed is 1


def test_digits_in_place_of_mnist_give_no_spread(monkeypatch):
    def absent(_):
        raise UnavailableError("no network")

    monkeypatch.setattr("training.data.mnist.find_files", absent)
    with pytest.raises(UnavailableError, match="MNIST is not available"):
        over_seeds("mnist", ["data.train=200", "data.test=50", "fit.epochs=1"], 2)


def test_what_cannot_be_is_one_line(tmp_path):
    with pytest.raises(RecipeError, match="no recipe 'linaer'"):
        run(tmp_path, tmp_path, ["ecg5000", "linaer"])
    with pytest.raises(RecipeError, match="use vigil train"):
        run(tmp_path, tmp_path, ["training/recipes/linear.toml"])
    with pytest.raises(BoardError, match="run `vigil zoo linear` first"):
        verify_on_board(tmp_path, tmp_path, ["linear"])
    with pytest.raises(RecipeError, match="no recipe 'linaer'"):
        spread_over_seeds(tmp_path, tmp_path, ["linaer"], 2)


@pytest.mark.data("ecg5000")
@pytest.mark.slow
def test_two_recipes_at_a_time_give_the_bundles_of_one_at_a_time(tmp_path):
    both = run(tmp_path / "both", tmp_path / "docs", ["linear", "sparse"])
    (alone,) = run(tmp_path / "alone", tmp_path / "docs", ["linear"])
    assert {row.recipe for row in both} == {"linear", "sparse"}
    assert alone.bundle == next(row.bundle for row in both if row.recipe == "linear")


@pytest.mark.toolchain
@pytest.mark.slow
@pytest.mark.data("ecg5000")
def test_a_trained_recipe_runs_on_the_emulated_board_byte_for_byte(tmp_path):
    (row,) = run(tmp_path / "build", tmp_path / "docs", ["linear"])
    (verified,) = verify_on_board(tmp_path / "build", tmp_path / "docs", ["linear"])
    assert verified.bundle == row.bundle
    assert (verified.differing, verified.bytes) == (0, 116 * 280)
    assert row.macs / 2 < verified.instructions < 5 * row.macs + 5000
    assert "| linear | 116 |" in (tmp_path / "docs" / "zoo.md").read_text()


@pytest.mark.data("ecg5000")
def test_a_linear_autoencoder_comes_close_to_pca_and_int8_to_float(tmp_path):
    (row,) = run(tmp_path / "build", tmp_path / "docs", ["linear"])
    assert (tmp_path / "docs" / "zoo" / "linear.png").stat().st_size > 10_000
    assert (tmp_path / "docs" / "zoo.md").read_text().count("\n## ") == 1
    pca = float(re.search(r"error (\d\.\d+)", row.remarks)[1])
    assert pca < row.error[0] < 1.1 * pca
    assert row.error[1] < 1.03 * row.error[0]
    assert row.auroc[1] > row.auroc[0] - 0.01
    assert row.model_bytes == pytest.approx(row.estimated_bytes, rel=0.1)
    assert row.arena_bytes == pytest.approx(row.estimated_arena, rel=0.1)


def test_what_quantizing_costs_at_most_is_told_of_labelled_and_of_other_recipes():
    better = dataclasses.replace(ROW, recipe="better", auroc=(0.98, 0.99), error=(0.02, 0.03))
    worse = dataclasses.replace(ROW, recipe="worse", auroc=(0.98, 0.9745))
    plain = dataclasses.replace(ROW, recipe="plain", auroc=(None, None), error=(0.02, 0.0205))
    assert (
        "Quantization costs at most 0.0055 of AUROC (worse), at most 2.5 % of the error without "
        "labels (plain), at most 50.0 % of the error with labels (better)."
    ) in page([better, worse, plain], Last())


def test_one_run_of_all_is_remembered_when_others_follow(tmp_path):
    kept = tmp_path / "zoo" / "linear"
    kept.mkdir(parents=True)
    ROW.save(kept / "row.json")
    Last(240.0, {"nab": "no such file"}).save(tmp_path / "zoo" / "run.json")
    text = write_page(tmp_path, tmp_path / "docs", full=False).read_text()
    assert "4.0 on the clock" in text and "**nab is left out**: no such file." in text


def test_a_recipe_that_fails_stops_neither_the_others_nor_the_page(tmp_path, monkeypatch):
    def measured(name, *_):
        return dataclasses.replace(ROW, recipe=name) if name == "linear" else DataError("no beats")

    monkeypatch.setattr("tools.report.zoo.run._measure", measured)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    (tmp_path / "zoo" / "linear").mkdir(parents=True)
    with pytest.raises(DataError, match="no beats"):
        run(tmp_path, tmp_path / "docs", ["nab", "linear"])
    text = (tmp_path / "docs" / "zoo.md").read_text()
    assert "| [linear](#linear)" in text and "**nab is left out**: no beats." in text
    with pytest.raises(DataError):
        run(tmp_path, tmp_path / "docs", ["sparse"])
    text = (tmp_path / "docs" / "zoo.md").read_text()
    assert "**nab is left out**" in text and "**sparse is left out**" in text


def test_a_recipe_whose_small_settings_are_its_own_has_one_row_and_one_picture(
    tmp_path, monkeypatch
):
    places = {}

    def measured(name, _changes, out, picture):
        places[name] = (str(out.relative_to(tmp_path)), str(picture.relative_to(tmp_path)))
        out.mkdir(parents=True)
        return dataclasses.replace(ROW, recipe=name)

    monkeypatch.setattr("tools.report.zoo.run._measure", measured)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    run(tmp_path, tmp_path, ["linear", "sines"], full=True)
    assert places == {
        "linear": ("zoo/linear", "zoo/linear.png"),
        "sines": ("zoo-full/sines", "zoo/full/sines.png"),
    }
    assert "| [linear](zoo.md#linear)" in (tmp_path / "zoo-full.md").read_text()


def test_a_recipe_outside_the_run_of_all_has_a_row_once_it_is_trained(tmp_path):
    kept = tmp_path / "zoo" / "simulated"
    kept.mkdir(parents=True)
    dataclasses.replace(ROW, recipe="simulated").save(kept / "row.json")
    text = write_page(tmp_path, tmp_path / "docs", full=False).read_text()
    assert "| [simulated](#simulated)" in text and "`simulated` replaces" not in text


def table(page_name, first):
    """Rows of the table of docs/PAGE whose head begins with `first`, by column."""
    lines = (DOCS / page_name).read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    head, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in itertools.takewhile(lambda line: line.startswith("|"), lines[at:])
    ]
    return head, rows[1:]


@pytest.mark.parametrize("name", ["zoo.md", "zoo-full.md"])
def test_the_committed_tables_keep_to_the_limits(name):
    """int8 loses at most 0.01 of AUROC, or 3 % of the error where there is none."""
    head, rows = table(name, "recipe")
    assert head[-5:] == ["AUROC float", "int8", "error float", "int8", "int8 / float"]
    assert {re.match(r"\[(\w+)\]", row[0])[1] for row in rows} >= set(SMALL)
    for row in rows:
        area, int8_area, error, int8_error, ratio = row[-5:]
        if area != "-":
            assert float(area) - float(int8_area) <= 0.01, row
        else:
            assert float(ratio) <= 1.03, row
        assert float(ratio) == pytest.approx(float(int8_error) / float(error), rel=2e-3), row


def test_the_committed_board_table_has_every_recipe_and_no_differing_byte():
    lines = (DOCS / "zoo.md").read_text().split("## On the emulated board")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines.splitlines()
        if line.startswith("|")
    ]
    assert rows[0][3] == "differing"
    assert {row[0] for row in rows[2:]} >= set(SMALL)
    assert {row[3] for row in rows[2:]} == {"0"}
    assert all(int(row[2].replace(",", "")) > 0 for row in rows[2:])


def test_the_committed_page_has_the_spread_of_every_recipe_over_ten_seeds():
    text = (DOCS / "zoo.md").read_text().split("## Spread over seeds")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    heads = [row for row in rows if row[:1] == ["recipe"]]
    assert [head[2:-1] for head in heads] == [list(LABELLED), list(UNLABELLED)]
    seeds = {row[0]: int(row[1]) for row in rows if len(row) > 2 and row[1].isdigit()}
    assert seeds.keys() >= set(SMALL) | {"simulated", "ecg5000_labelled"}
    assert min(seeds.values()) >= 10


@pytest.mark.parametrize("name", ["zoo.md", "zoo-full.md"])
def test_every_committed_picture_is_shown_and_there(name):
    folder = DOCS / "zoo" / ("full" if name == "zoo-full.md" else "")
    shown = set(re.findall(r"!\[\w+\]\(([^)]+)\)", (DOCS / name).read_text()))
    assert {(DOCS / path).resolve() for path in shown} == set(folder.glob("*.png"))


def test_a_page_without_some_recipes_does_not_replace_that_of_the_checkout(
    tmp_path: Path, monkeypatch
) -> None:
    pages: list[Path] = []
    for name in ("run", "spread_over_seeds"):
        monkeypatch.setattr(run_module, name, lambda build, docs, *_, **__: pages.append(docs))
    monkeypatch.chdir(tmp_path)
    command.zoo(["linear"])
    command.zoo(seeds=2)
    command.zoo()
    command.zoo(["linear"], docs=tmp_path)
    assert pages == [BUILD, BUILD, DOCS, tmp_path]
    for name in SMALL:
        (BUILD / "zoo" / name).mkdir(parents=True)
        ROW.save(BUILD / "zoo" / name / "row.json")
    command.zoo(["linear"])
    assert pages[-1] == DOCS

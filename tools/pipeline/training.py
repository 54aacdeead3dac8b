"""From a recipe to its bundle: training, every recipe of the zoo, a threshold of one's own."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.bundle.errors import BundleError

if TYPE_CHECKING:
    from training.bundle import Bundle
    from training.data.recording import Dataset
    from training.model_size import ModelSize
    from training.recipe import Recipe


def train(
    console: Console, name: str, settings: list[str], out: Path | None, board: str | None = None
) -> Bundle:
    """Follow a recipe and tell what came of it; with a board, not if the model cannot fit it."""
    from training.recipe import read_recipe

    return follow(console, read_recipe(name, settings), out, board=board)


def follow(
    console: Console,
    recipe: Recipe,
    out: Path | None = None,
    told: Collection[str] = (),
    board: str | None = None,
) -> Bundle:
    """Train, and show the figures that matter; lines already `told` are not told again."""
    from tools.boards.catalogue import find_board

    row = None if board is None else find_board(board)
    start = time.monotonic()
    with console.status("loading TensorFlow"):
        from training.train import train as run

    def say(line: str) -> None:
        if line not in told:
            console.print(escape(line))

    def forecast(estimate: ModelSize) -> None:
        from tools.measure.budget.forecast import check

        if row is not None:
            say(check(recipe.name, estimate, row))

    before_fit = None if row is None else forecast
    bundle = run(recipe, out, progress=console.is_terminal, say=say, before_fit=before_fit)
    show_metrics(console, bundle)
    console.print(f"[bold]{bundle.path}[/] in {time.monotonic() - start:.0f} s")
    return bundle


def show_metrics(console: Console, bundle: Bundle) -> None:
    """A line a stage, and the threshold with its promise."""
    m = bundle.manifest
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("test set" + (", simulated" if m.data.simulated else ""))
    for head in ("AUROC", "average precision", "false alarms", "recall", "precision"):
        table.add_column(head, justify="right")
    for stage, what in ((m.metrics.keras, "Keras, float"), (m.metrics.int8, "int8, as the board")):
        table.add_row(
            what,
            *(_figure(v) for v in (stage.auroc, stage.average_precision)),
            *(_percent(v) for v in (stage.false_alarm_rate, stage.recall, stage.precision)),
        )
    console.print(table)
    console.print(
        f"threshold {m.threshold.value:.4g} ({m.threshold.method}): {escape(m.threshold.guarantee)}"
    )
    from training.threshold import departure

    told = departure(m)
    if told is not None:
        console.print(f"[yellow]{escape(told)}[/]")


def is_current(bundle_path: Path, recipe: Recipe, dataset: Dataset) -> bool:
    """Whether training again would give the bundle that is there: same recipe, data, versions."""
    from training.bundle import read_bundle
    from training.train import versions

    with suppress(BundleError):
        bundle = read_bundle(bundle_path)
        bundle.evaluation()
        m = bundle.manifest
        return (m.recipe, m.versions, m.data.sha256) == (
            recipe.as_json(),
            versions(),
            dataset.sha256,
        )
    return False


def show_recipes(console: Console) -> None:
    """Name, data, model, and the recipe's own first comment line."""
    from training.recipe import RECIPES, read_recipe, recipe_names

    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("recipe", "data", "model", "what you get"):
        table.add_column(head)
    for name in recipe_names():
        recipe = read_recipe(name)
        first = (RECIPES / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
        told = escape(first.lstrip("# ")) if first.startswith("#") else ""
        data, model = recipe.data.model_dump(), recipe.model.model_dump()
        table.add_row(name, data["name"], model["family"], told)
    console.print(table)


def zoo(
    console: Console, names: list[str], build: Path, docs: Path, *, full: bool, board: bool
) -> None:
    """Every recipe, small or in full, or those trained small on the emulated board."""
    from tools.report.zoo.run import run, verify_on_board

    def say(line: str) -> None:
        console.print(escape(line))

    start = time.monotonic()
    if board:
        with console.status("running the zoo on the emulated board"):
            verify_on_board(build, docs, names, say)
    else:
        with console.status("training the zoo"):
            run(build, docs, names, say, full=full)
    page = docs / ("zoo-full.md" if full else "zoo.md")
    console.print(f"[bold]{page}[/] in {time.monotonic() - start:.0f} s")


def calibrate(console: Console, bundle_path: Path, source: Path, rate: float | None) -> None:
    """A threshold from a recording of one patient's or one machine's normal signal."""
    from tools.cli.calibrate import calibrate as run
    from training.bundle.manifest import float32_text

    found = run(bundle_path, source, rate)
    left_out = f" ({found.left_out:,} labelled abnormal left out)" if found.left_out else ""
    console.print(
        f"{escape(source.name)}: {found.windows:,} normal windows{left_out}; the bundle's "
        f"threshold {found.before:.4g} flags {found.flagged_before:,} of them"
    )
    value = float32_text(found.choice.value)
    console.print(f"threshold {value} (conformal): {escape(found.choice.guarantee)}")
    console.print(f"vigil monitor {bundle_path.name} --threshold {value}", soft_wrap=True)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"

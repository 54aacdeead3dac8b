"""Commands from a recipe to a bundle: train, recipes."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tools.boards.catalogue import find_board
from tools.cli.app import app
from tools.cli.options import BUILD, DEFAULT, console, keep_edited
from tools.measure.budget.forecast import check as check_forecast
from training.advice import advice
from training.bundle import Bundle
from training.bundle.decision import alarm_text
from training.bundle.labels import NORMAL
from training.bundle.manifest import Decision, Manifest
from training.challenge import DISTURBANCES, SIZES
from training.data.csv import expanded, load_tables
from training.recipe import RECIPES, Recipe, read_recipe, recipe_names
from training.suggest import find_settings, needed_settings, recipe_name, suggest
from training.threshold import departure

if TYPE_CHECKING:
    from training.model_size import ModelSize


@app.command()
def train(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a recipe, path of a recipe (.toml), or file or folder of samples."
        ),
    ] = DEFAULT,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="Change a setting: SECTION.KEY=VALUE, written as TOML."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the bundle (default: build/NAME)."),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option("--board", "-b", help="Refuse a model that cannot fit this board."),
    ] = None,
) -> None:
    """Fit, quantize, calibrate and evaluate a model; write the bundle build/NAME."""
    out_console = console()
    if is_file(name):
        name = str(write_recipe(out_console, name))
    train_recipe(out_console, read_recipe(name, set_ or []), out, board=board)


def is_file(name: str) -> bool:
    """Whether an argument names samples, not a recipe: a file, a folder, or a pattern."""
    if name.endswith(".toml") or name in recipe_names() or (Path(name) / "manifest.json").exists():
        return False
    return expanded(name).exists() or any(char in name for char in "./*?")


def write_recipe(console: Console, path: str) -> Path:
    """Derive a recipe from a file of samples, write it to build/NAME.toml."""
    settings, tables = find_settings([path])
    name = recipe_name(path)
    suggestion = suggest(name, settings, load_tables(tables, settings))
    BUILD.mkdir(parents=True, exist_ok=True)
    recipe = BUILD / f"{name}.toml"
    if (kept := keep_edited(recipe, suggestion.text)) is not None:
        old, new = escape(str(recipe)), escape(str(kept))
        console.print(f"{old} had other settings: kept as [bold]{new}[/]")
    recipe.write_text(suggestion.text, encoding="utf-8")
    if needed := needed_settings(settings):
        console.print(f"needed settings: {escape(needed)}")
    for reason in suggestion.reasons:
        console.print(escape(reason))
    console.print(f"recipe: [bold]{escape(str(recipe))}[/]")
    return recipe


def train_recipe(
    console: Console,
    recipe: Recipe,
    out: Path | None = None,
    printed: Collection[str] = (),
    board: str | None = None,
) -> Bundle:
    """Train a recipe and print its figures.

    Args:
        printed: messages that the caller has printed already; they are not printed again.
        board: id of the board that the model must fit; checked before the fit.
    """
    row = None if board is None else find_board(board)
    start = time.monotonic()
    with console.status("loading TensorFlow"):
        # Imported here: TensorFlow takes seconds to start; `vigil recipes` does without it.
        from training.train import train as train_bundle

    def say(line: str) -> None:
        if line not in printed:
            console.print(escape(line))

    def forecast(size: ModelSize) -> None:
        if row is not None:
            say(check_forecast(recipe.name, size, row))

    before_fit = None if row is None else forecast
    bundle = train_bundle(recipe, out, progress=console.is_terminal, say=say, before_fit=before_fit)
    show_metrics(console, bundle)
    if (line := _mean_score(bundle)) is not None:
        console.print(line)
    console.print(f"[bold]{bundle.path}[/] in {time.monotonic() - start:.0f} s")
    return bundle


def show_metrics(console: Console, bundle: Bundle) -> None:
    """Print the test metrics of both stages, and the threshold with its guarantee."""
    m = bundle.manifest
    if m.metrics.int8.false_alarm_rate is None and m.metrics.int8.recall is None:
        console.print("the test windows have no labels, so there are no test figures")
    else:
        console.print(_metrics_table(m))
    if m.metrics.int8.flagged is not None:
        counts = m.data.windows
        windows = counts.test_normal + counts.test_abnormal + counts.test_unknown
        console.print(f"{m.metrics.int8.flagged:.1%} of the {windows:,} test windows are flagged")
    console.print(
        f"threshold {m.threshold.value:.4g} ({m.threshold.method}): {escape(m.threshold.guarantee)}"
    )
    if isinstance(m.decision, Decision):
        console.print(f"alarm, {alarm_text(m.decision.alarm)}: {escape(m.decision.guarantee)}")
        console.print(f"drift: {escape(m.decision.drift.guarantee)}")
    for warning in filter(None, [departure(m), *advice(m)]):
        console.print(f"[yellow]{escape(warning)}[/]")
    if m.checks.challenge:
        console.print("normal windows flagged after a known disturbance of three sizes is added:")
        console.print(_challenge_table(m))


def _mean_score(bundle: Bundle) -> str | None:
    """The mean score of the normal test windows at both stages; None if no window has that label.

    It says how well the model reconstructs, also where no abnormal window gives an AUROC.
    """
    evaluation = bundle.evaluation()
    normal = evaluation["labels"] == NORMAL
    if not normal.any():
        return None
    keras, int8 = (evaluation[key][normal].mean() for key in ("keras_test", "int8_test"))
    return f"mean score of the normal test windows: int8 {int8:.4g}, float {keras:.4g}"


def _metrics_table(m: Manifest) -> Table:
    """The test metrics of both stages and of the baselines; it fits a terminal of 80 columns."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("test set" + (", simulated" if m.data.simulated else ""), no_wrap=True)
    for head in ("AUROC", "avg. precision", "false alarms", "recall", "precision"):
        table.add_column(head, justify="right", no_wrap=True)
    given = "the file given" if m.model.family == "imported" else "Keras, float"
    stages = [(given, m.metrics.keras, ""), ("int8, as on board", m.metrics.int8, "bold")]
    stages += [(name, stage, "dim") for name, stage in m.checks.baselines.items()]
    for number, (title, stage, style) in enumerate(stages):
        if number == 2:
            table.add_row("baselines:", style="dim")
        table.add_row(
            title if number < 2 else f"  {title}",
            *(_figure(v) for v in (stage.auroc, stage.average_precision)),
            *(_percent(v) for v in (stage.false_alarm_rate, stage.recall, stage.precision)),
            style=style,
        )
    return table


def _challenge_table(m: Manifest) -> Table:
    """The share of each injected disturbance that is flagged or not judged, by size."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("disturbance", no_wrap=True)
    for size in SIZES:
        table.add_column(f"x{size:g}", justify="right")
    table.add_column("size 1", style="dim")
    for kind in DISTURBANCES:
        cells = [
            f"{100 * (c.flagged + c.not_judged) / c.windows:.0f} %"
            for c in m.checks.challenge
            if c.kind == kind
        ]
        table.add_row(kind, *cells, DISTURBANCES[kind].unit)
    return table


@app.command()
def recipes() -> None:
    """List the recipes, each with its data set and its model family."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("recipe", "data", "model", "purpose"):
        table.add_column(head)
    for name in recipe_names():
        recipe = read_recipe(name)
        header = (RECIPES / f"{name}.toml").read_text(encoding="utf-8").split("\n#\n")[0]
        purpose = escape(" ".join(line.lstrip("# ") for line in header.splitlines()))
        data, model = recipe.data.model_dump(), recipe.model.model_dump()
        table.add_row(name, data["name"], model["family"], purpose)
    console().print(table)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"

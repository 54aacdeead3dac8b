"""Commands from data to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from tools.checkout import DOCS
from tools.cli.app import app
from tools.cli.options import BUILD, Name, bundle_path, console


@app.command()
def train(
    name: Name = "ecg5000",
    set_: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", "-s", help="Change a setting: SECTION.KEY=VALUE, as in TOML."),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="The bundle's folder; build/NAME when left out."),
    ] = None,
    board: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--board", "-b", help="Say before the fit whether the model can fit it."),
    ] = None,
) -> None:
    """Fit, quantize, calibrate and evaluate; writes the bundle build/NAME."""
    from tools import pipeline

    pipeline.train(console(), name, set_ or [], out, board)


@app.command()
def recipes() -> None:
    """List the recipes."""
    from tools import pipeline

    pipeline.show_recipes(console())


@app.command()
def zoo(
    names: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="Recipes; all when left out."),
    ] = None,
    docs: Annotated[Path, typer.Option(help="Where zoo.md and its pictures go.")] = DOCS,
    full: Annotated[
        bool, typer.Option("--full", help="The recipes' own settings; zoo-full.md.")
    ] = False,
    board: Annotated[
        bool, typer.Option("--board", help="Run what was trained on the emulated board.")
    ] = False,
) -> None:
    """Train every recipe small, measure and draw each, and write docs/zoo.md."""
    from tools import pipeline

    if full and board:
        raise typer.BadParameter("--full and --board exclude each other")
    pipeline.zoo(console(), names or [], BUILD, docs, full=full, board=board)


@app.command()
def calibrate(
    source: Annotated[
        Path, typer.Argument(help="A recording of what is normal: .csv, .npz, .hea.")
    ],
    name: Name = "ecg5000",
    rate: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Of false alarms, 0 to 1; the recipe's when left out."),
    ] = None,
) -> None:
    """Choose a threshold for one patient or machine from a stretch of its own normal signal."""
    from tools import pipeline

    if rate is not None and not 0 < rate < 1:
        raise typer.BadParameter(f"--rate {rate:g}: a share between 0 and 1, such as 0.02")
    pipeline.calibrate(console(), bundle_path(name), source, rate)

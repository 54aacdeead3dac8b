"""Commands that write pages: report, zoo."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tools.checkout import DOCS
from tools.cli.app import app
from tools.cli.options import BUILD, DEFAULT, Name, bundle_path, console
from tools.report.page import write_report
from tools.report.zoo import run


@app.command()
def report(name: Name = DEFAULT) -> None:
    """Write build/NAME/report.html from the bundle and its measurements."""
    console().print(f"[bold]{write_report(bundle_path(name))}[/]")


@app.command()
def zoo(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names of recipes (default: all)."),
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(
            help="Folder for zoo.md and its pictures (default: docs of the checkout; build, if a "
            "page of what was trained in build would lack recipes)."
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Train with the recipes' own settings: zoo-full.md.")
    ] = False,
    board: Annotated[
        bool, typer.Option("--board", help="Run the trained models on the emulated board.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Train each with seeds 1 to N: the spread of its figures."),
    ] = None,
) -> None:
    """Train every recipe briefly, measure and draw each, and write docs/zoo.md."""
    if board and (full or seeds is not None):
        raise typer.BadParameter(
            f"--board and {'--full' if full else '--seeds'} exclude each other"
        )
    out, start = console(), time.monotonic()
    every = not (names or board or seeds) or run.has_every_row(BUILD, full=full)
    docs = docs or (DOCS if every else BUILD)

    def say(line: str) -> None:
        out.print(escape(line))

    if board:
        with out.status("running the zoo on the emulated board"):
            run.verify_on_board(BUILD, docs, names or [], say)
    elif seeds is not None:
        with out.status(f"training the zoo with {seeds} seeds"):
            run.spread_over_seeds(BUILD, docs, names or [], seeds, say, full=full)
    else:
        with out.status("training the zoo"):
            run.run(BUILD, docs, names or [], say, full=full)
    page = docs / ("zoo-full.md" if full else "zoo.md")
    out.print(f"[bold]{page}[/] in {time.monotonic() - start:.0f} s")

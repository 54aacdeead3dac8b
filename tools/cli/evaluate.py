"""The command evaluate: a bundle on annotated records, as cardiology evaluates."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from tools.checkout import DOCS, shown
from tools.cli.app import app
from tools.cli.boards import emulated_board
from tools.cli.options import DEFAULT, Name, bundle_path, console
from tools.measure.ecg.annotated import evaluate_annotated
from tools.measure.ecg.study import evaluate as evaluate_ecg
from tools.report.ecg import annotated
from tools.report.ecg.page import write_page
from tools.report.ecg.tables import measures
from training.bundle import read_bundle
from training.bundle.errors import DataError
from training.recipe import make_recipe

SEEDS = 5  # of the pages in docs/


@app.command()
def evaluate(
    name: Name = DEFAULT,
    seeds: Annotated[
        int,
        typer.Option(
            min=0, max=100, help="Seeds of the autoencoders that are compared; 0 compares none."
        ),
    ] = SEEDS,
    board: Annotated[
        bool, typer.Option("--board", help="Also stream every record to the emulated board.")
    ] = False,
    docs: Annotated[Path, typer.Option(help="Folder for the page and its pictures.")] = DOCS,
) -> None:
    """Evaluate an ECG bundle on MIT-BIH by AAMI's rules; write docs/ecg.md, or docs/mitdb.md."""
    bundle, out = bundle_path(name), console()
    _check_folder(docs)
    settings = read_bundle(bundle).manifest.recipe
    if settings.get("data", {}).get("name") == "mitdb":
        if board or not seeds:
            raise typer.BadParameter(
                "beats that are cut at annotations are compared over seeds, without a board; "
                "`vigil verify` runs their bundle on one"
            )
        with out.status("evaluating") as status:
            found = evaluate_annotated(make_recipe(settings), seeds, partial(_say, out, status))
        page = annotated.write_page(found, docs)
        out.print(annotated.areas(found), markup=False, soft_wrap=True)
    else:
        with ExitStack() as stack:
            port = stack.enter_context(emulated_board(out, bundle, "compiled")) if board else None
            status = stack.enter_context(out.status("evaluating"))
            study = evaluate_ecg(bundle, seeds, port, partial(_say, out, status))
            status.update("writing the page")
            options = (f" --seeds {seeds}" if seeds != SEEDS else "") + " --board" * board
            page = write_page(study, docs, options)
        out.print(measures(study), markup=False, soft_wrap=True)
    out.print(f"[bold]{shown(page)}[/]")


def _say(out: Console, status: Status, line: str) -> None:
    """Show what is being done: a run takes minutes, and only a terminal shows a status."""
    status.update(escape(line))
    if not out.is_terminal:
        print(line, flush=True)


def _check_folder(docs: Path) -> None:
    """Raise DataError if the page cannot be written, before minutes of work."""
    try:
        docs.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=docs):
            return
    except OSError as problem:
        raise DataError(
            f"{docs}: cannot be written: {problem.strerror}; choose another folder"
        ) from None

"""The command import: the bundle of a model that was trained elsewhere."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tools.cli.app import app
from tools.cli.child import continue_in_child
from tools.cli.options import console
from tools.cli.train import is_file, show_metrics
from tools.convert.compiled import compile_model
from tools.convert.emit import ENGINES
from tools.convert.model import read_model
from tools.convert.tflm import arena_bytes, tflm_model
from training.bundle.errors import ConvertError
from training.bundle.wording import argument
from training.data.csv import load_tables
from training.recipe import Recipe, make_recipe, read_recipe
from training.suggest import find_settings, needed_settings, suggest


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="The model: a .tflite, .keras or .h5 file, or a SavedModel.")
    ],
    data: Annotated[
        str,
        typer.Argument(
            help="Normal signal to calibrate with: file or folder of samples, or a recipe."
        ),
    ],
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Name of the bundle (default: the file's).")
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(
            help="Windows that the model takes: units, deviation, range, symmetric or per_window "
            "(default: found by trial)."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="Change a setting: SECTION.KEY=VALUE, written as TOML."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the bundle (default: build/NAME)."),
    ] = None,
) -> None:
    """Quantize and calibrate a model that was trained elsewhere; write the bundle build/NAME."""
    continue_in_child(file.name)
    out_console, start = console(), time.monotonic()
    with out_console.status("loading TensorFlow"):
        # Imported here: TensorFlow takes seconds to start; `vigil --help` does without it.
        from training.imported.import_model import import_model
        from training.imported.scaling import SCALINGS
    if scaling is not None and scaling not in SCALINGS:
        raise typer.BadParameter(f"--scaling {scaling}: one of {', '.join(SCALINGS)}")

    def say(line: str) -> None:
        out_console.print(escape(line))

    recipe = _recipe(data, name or _name(file), set_ or [], say)
    bundle = import_model(
        file, recipe, scaling, out, say, check=lambda model: _check(model, file.name)
    )
    show_metrics(out_console, bundle)
    out_console.print(f"[bold]{bundle.path}[/] in {time.monotonic() - start:.0f} s")
    shown = bundle.path.name if out is None else bundle.path
    out_console.print(f"next: [bold]vigil monitor {escape(argument(shown))}[/]")


def _recipe(data: str, name: str, changes: list[str], say: Callable[[str], None]) -> Recipe:
    """The recipe of a name or a .toml file, or that which fits a file of samples."""
    if not is_file(data):
        recipe = read_recipe(data, changes)
    else:
        settings, tables = find_settings([data])
        if needed := needed_settings(settings):
            say(f"needed settings: {needed}")
        text = suggest(name, settings, load_tables(tables, settings)).text
        recipe = make_recipe(tomllib.loads(text), data, changes)
    return recipe.model_copy(update={"name": name, "fallback": None})


def _name(file: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", file.name.split(".")[0]).strip("_-")[:64] or "model"


def _check(data: bytes, where: str) -> None:
    """Refuse a model that no engine can run, with the reason of the compiled engine."""
    model = read_model(data, where)
    reasons = []
    for engine in ENGINES:
        try:
            if engine == "tflm":
                tflm_model(model, data, where)
            else:
                compile_model(model, where, where)
        except ConvertError as problem:
            reasons.append(problem)
    if len(reasons) == len(ENGINES):
        raise reasons[ENGINES.index("compiled")]
    arena_bytes(model, data)  # the interpreter runs it, in a process of its own

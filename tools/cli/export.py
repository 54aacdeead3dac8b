"""The command export: a bundle as a library for another build system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.checkout import shown
from tools.cli.app import app
from tools.cli.options import DEFAULT, Name, bundle_path, console
from tools.convert.exports import export as export_bundle


@app.command()
def export(
    name: Name = DEFAULT,
    form: Annotated[
        Literal["arduino", "cmake", "zephyr", "esp-idf"],
        typer.Option("--as", help="What the library is for."),
    ] = "arduino",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("export"),
    prefix: Annotated[
        str | None,
        typer.Option(help="Begins the names of functions and files (default: the bundle's name)."),
    ] = None,
) -> None:
    """Write a bundle as a library: for Arduino, CMake, Zephyr or ESP-IDF."""
    written = export_bundle(bundle_path(name), form, out, prefix)
    console().print(f"{shown(written)}: a library for {form}", soft_wrap=True)

"""Commands that measure what was made, and the whole chain at once."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Optional

import typer

from tools.checkout import DOCS
from tools.cli.app import app
from tools.cli.options import (
    BoardOption,
    EngineOption,
    JsonOption,
    Name,
    PortOption,
    bundle_path,
    console,
)


@app.command()
def verify(
    name: Name = "ecg5000",
    port: PortOption = None,
    engine: EngineOption = "compiled",
    windows: Annotated[
        int, typer.Option("--windows", "-n", min=0, help="Windows beside the golden ones.")
    ] = 500,
    json: JsonOption = False,
) -> None:
    """Run the same windows on every rung, and count the bytes that differ."""
    from tools import pipeline

    if not pipeline.verify(console(), bundle_path(name), port, engine, windows, json):
        raise typer.Exit(1)


@app.command()
def budget(
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            help="A recipe's name or path; left out, ecg5000, or with --check and --accept the "
            "reference model, which needs no data."
        ),
    ] = None,
    board: BoardOption = "emulated",
    engine: EngineOption = "compiled",
    json: JsonOption = False,
    picture: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Draw it, too: .png or .svg."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fail on growth against the recorded baseline.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Record this as the new baseline.")
    ] = False,
) -> None:
    """Show flash and SRAM by part, against the board's limits."""
    from tools import pipeline

    if check and accept:
        raise typer.BadParameter("--check and --accept exclude each other")
    record = ["vigil", "budget", *([name] if name else []), "--board", board, "--engine", engine]
    if name is None and not (check or accept):
        name = "ecg5000"
    path = pipeline.reference_bundle() if name in (None, "reference") else bundle_path(name or "")
    pipeline.budget(
        console(),
        path,
        board,
        engine,
        json,
        picture,
        check=check,
        accept=accept,
        record=shlex.join([*record, "--accept"]),
    )


@app.command()
def bench(
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            help="A recipe's name or path, a bundle's folder, or a .tflite file: the compiled "
            "engine on that model, printed. Left out, every engine on the models of docs/bench.md."
        ),
    ] = None,
    docs: Annotated[
        Path, typer.Option(help="Folder for bench.md and images/bench.svg and .png.")
    ] = DOCS,
) -> None:
    """Measure engines layer by layer, emulated; without a name, docs/bench.md and its plot."""
    from tools import pipeline

    path = None
    if name is not None:
        path = Path(name) if name.endswith(".tflite") else bundle_path(name)
    pipeline.bench(console(), path, docs)


@app.command()
def estimate(
    name: Name = "ecg5000",
    engine: EngineOption = "compiled",
    json: JsonOption = False,
) -> None:
    """Estimate time and energy of an inference on every board, before there is one."""
    from tools import pipeline

    pipeline.show_estimate(console(), bundle_path(name), engine, json)


@app.command()
def report(name: Name = "ecg5000") -> None:
    """Write build/NAME/report.html from what was measured."""
    from tools import pipeline

    pipeline.report(console(), bundle_path(name))


@app.command()
def doctor() -> None:
    """Check the whole chain, from Python to the serial port; a line each."""
    from tools import pipeline

    if not pipeline.doctor(console()):
        raise typer.Exit(1)


@app.command()
def demo(
    name: Name = "ecg5000",
    windows: Annotated[
        int, typer.Option("--windows", "-n", min=1, help="Windows to stream live.")
    ] = 80,
) -> None:
    """From data to an anomaly flagged by an emulated microcontroller, and a report of it all."""
    from tools.cli import demo as show

    show.run(console(), name, windows)

"""Commands from a bundle to a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from tools.cli.app import app
from tools.cli.options import (
    BoardOption,
    EngineOption,
    Name,
    PortOption,
    SensorOption,
    bundle_path,
    console,
)


@app.command()
def convert(
    name: Name = "ecg5000",
    encoder: Annotated[
        bool, typer.Option("--encoder", help="Its encoder alone, into the bundle's own folder.")
    ] = False,
) -> None:
    """Turn a bundle into C++ for the firmware: firmware/generated."""
    from tools import pipeline

    if encoder:
        pipeline.convert_encoder(console(), bundle_path(name))
    else:
        pipeline.convert(console(), bundle_path(name))


@app.command()
def build(
    name: Name = "ecg5000",
    board: BoardOption = "emulated",
    engine: EngineOption = "compiled",
    sensor: SensorOption = None,
) -> None:
    """Convert, and compile the firmware for a board."""
    from tools import pipeline

    pipeline.build(console(), bundle_path(name), board, engine, sensor)


@app.command()
def flash(
    name: Name = "ecg5000",
    board: BoardOption = "nano33ble",
    engine: EngineOption = "tflm",
    port: PortOption = None,
    sensor: SensorOption = None,
) -> None:
    """Convert, compile and upload to a board that is plugged in."""
    from tools import pipeline

    pipeline.flash(console(), bundle_path(name), board, engine, port, sensor)


@app.command()
def boards() -> None:
    """List the boards of the catalogue, and the ports where one is plugged in."""
    from tools import pipeline

    pipeline.show_boards(console())


@app.command()
def board(
    name: Name = "ecg5000",
    engine: EngineOption = "compiled",
    link: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Also reach the port by this name (a symbolic link)."),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="It can sample itself: the test set is played to it.")
    ] = False,
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--source", help="The same, with this recording: .csv, .npz, .hea (WFDB)."),
    ] = None,
) -> None:
    """Boot the emulated board and print its serial port; Ctrl-C powers it down."""
    from tools import pipeline

    plays = sample or source is not None
    pipeline.run_board(console(), bundle_path(name), engine, link, plays, source)

"""Commands from a bundle to an image: convert, build, flash."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.boards import build as platformio
from tools.boards.catalogue import Board, find_board
from tools.boards.image_cache import ImageCache
from tools.boards.ports import find_port
from tools.boards.sensors import find_sensor
from tools.checkout import GENERATED, shown
from tools.cli.app import app
from tools.cli.options import (
    DEFAULT,
    AlarmOption,
    BoardOption,
    EngineOption,
    Name,
    PortOption,
    SensorOption,
    ThresholdOption,
    alarm_levels_of,
    bundle_path,
    console,
)
from tools.convert import convert as convert_bundle
from tools.convert.encoder import convert_encoder
from tools.convert.sensor import Sensor
from tools.measure import budget
from training.bundle.errors import BoardError
from training.bundle.manifest import AlarmLevels
from training.bundle.wording import argument


@app.command()
def convert(
    name: Name = DEFAULT,
    encoder: Annotated[
        bool, typer.Option("--encoder", help="Convert the encoder alone: build/NAME/encoder.")
    ] = False,
) -> None:
    """Convert a bundle to C++ for the firmware: firmware/generated."""
    bundle, out = bundle_path(name), console()
    if not encoder:
        files = convert_bundle(bundle, GENERATED)
        names = ", ".join(file.name for file in files)
        out.print(f"{shown(GENERATED)}: {names}", soft_wrap=True)
        return
    folder = bundle / "encoder"
    converted = convert_encoder(bundle, folder)
    names = ", ".join(file.name for file in converted.files)
    out.print(f"{shown(folder)}: {names}", soft_wrap=True)
    out.print(
        f"{converted.code} values per window, {converted.macs:,} multiply-accumulates; "
        f"{converted.windows} golden windows equal the interpreter's, byte for byte"
    )


@app.command()
def build(
    name: Name = DEFAULT,
    board: BoardOption = "emulated",
    engine: EngineOption = "compiled",
    sensor: SensorOption = None,
    threshold: ThresholdOption = None,
    alarm: AlarmOption = None,
) -> None:
    """Convert a bundle and compile the firmware for a board."""
    build_image(
        console(), bundle_path(name), board, engine, sensor, threshold, alarm_levels_of(alarm)
    )


def build_image(
    console: Console,
    bundle: Path,
    board: str,
    engine: str,
    sensor: str | None = None,
    threshold: float | None = None,
    alarm: AlarmLevels | None = None,
) -> platformio.BuildResult:
    """Convert and compile a bundle unless its image is up to date; return the kept image.

    Args:
        engine: "compiled" or "tflm".
        sensor: key of the sensor that the board samples by itself; None if it samples none.
        threshold: that the board starts with; None: the bundle's.
        alarm: the alarm that the board starts with; None: the bundle's.

    Raises:
        BoardError: the build failed, or the image does not fit the board.
    """
    row = find_board(board)
    environment = row.environment(engine)
    own_sensor = find_sensor(sensor, row) if sensor is not None else None
    cache = ImageCache(bundle, environment, sensor, threshold, alarm)
    if kept := cache.find():
        console.print(f"{shown(kept.elf)}: up to date", soft_wrap=True)
        return kept
    with platformio.alone(lambda: _say_waiting(console)):
        inputs = cache.inputs()
        library = _convert(bundle, row, engine, own_sensor, threshold, alarm)
        with console.status(f"compiling for {row.name}, {engine} engine"):
            result = platformio.build(environment, library=library)
        measured = budget.measure(result.elf, row)
        budget.check(measured)
        result = cache.keep(result, inputs)
    console.print(
        f"{shown(result.elf)}: {measured.flash.used:,} bytes of flash, "
        f"{measured.sram.used:,} of SRAM, in {result.seconds:.0f} s",
        soft_wrap=True,
    )
    return result


@app.command()
def flash(
    name: Name = DEFAULT,
    board: BoardOption = "nano33ble",
    engine: Annotated[
        str | None,
        typer.Option("--engine", "-e", help="compiled or tflm (default: the board's first)."),
    ] = None,
    port: PortOption = None,
    sensor: SensorOption = None,
    threshold: ThresholdOption = None,
    alarm: AlarmOption = None,
) -> None:
    """Convert, compile and upload to a board that is plugged in."""
    row, out = find_board(board), console()
    if row.emulated:
        raise BoardError("the emulated board needs no upload: run `vigil board` or `vigil monitor`")
    engine = engine or next(iter(row.environments), "compiled")
    with platformio.alone(lambda: _say_waiting(out)):
        bundle = bundle_path(name)
        levels = alarm_levels_of(alarm)
        build_image(out, bundle, board, engine, sensor, threshold, levels)
        # PlatformIO uploads what it builds from these sources, which may be another model's.
        own_sensor = find_sensor(sensor, row) if sensor is not None else None
        library = _convert(bundle, row, engine, own_sensor, threshold, levels)
        port = port or find_port(row).path
        with out.status(f"uploading to {row.name} on {port}"):
            platformio.flash(row.environment(engine), port, library=library)
    name, how = argument(name), " --sample" if sensor is not None else ""
    out.print(f"{row.name}: {row.checked}; check it: `vigil verify {name} --port {port}`")
    out.print(f"flashed {row.name} on {port}; next: `vigil monitor {name}{how} --port {port}`")


def _convert(
    bundle: Path,
    row: Board,
    engine: str,
    sensor: Sensor | None,
    threshold: float | None,
    alarm: AlarmLevels | None,
) -> str | None:
    """Write the sources of a board's image; return the library that its sensor needs, if any."""
    convert_bundle(
        bundle,
        GENERATED,
        [engine],
        sensor,
        threshold,
        alarm,
        plain=not row.dsp,
        vectors=row.vectors,
    )
    return None if sensor is None else sensor.library


def _say_waiting(console: Console) -> None:
    console.print("waiting for another vigil that is building")

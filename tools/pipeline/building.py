"""From a bundle to C++, an image and a board; the catalogue of boards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tools.pipeline.paths import GENERATED, shown
from training.bundle.errors import BoardError

if TYPE_CHECKING:
    from tools.boards.build import BuildResult


def convert(console: Console, bundle_path: Path) -> None:
    """Make firmware/generated from the bundle."""
    from tools.convert import convert as run

    files = run(bundle_path, GENERATED)
    where = shown(GENERATED)
    console.print(f"{where}: {', '.join(file.name for file in files)}", soft_wrap=True)


def convert_encoder(console: Console, bundle_path: Path) -> None:
    """Make encoder/ in the bundle's folder from its encoder.tflite."""
    from tools.convert.encoder import convert_encoder as run

    made = run(bundle_path, bundle_path / "encoder")
    files = ", ".join(file.name for file in made.files)
    console.print(f"{shown(bundle_path / 'encoder')}: {files}", soft_wrap=True)
    console.print(
        f"a window to {made.code} values, {made.macs:,} multiply-accumulates; "
        f"{made.windows} golden windows give the interpreter's bytes"
    )


def build(
    console: Console, bundle_path: Path, board: str, engine: str, sensor: str | None = None
) -> BuildResult:
    """Convert and compile; the image must fit its board, and stays in the bundle's folder.

    `sensor`: what it reads by itself.
    """
    from tools.boards.build import alone
    from tools.boards.build import build as run
    from tools.boards.catalogue import find_board
    from tools.boards.sensors import find_sensor
    from tools.convert import convert as convert_bundle
    from tools.measure import budget

    row = find_board(board)
    environment = row.environment(engine)
    own = find_sensor(sensor, row) if sensor is not None else None
    with alone(lambda: _say_waiting(console)):
        convert_bundle(bundle_path, GENERATED, engines=[engine], sensor=own)
        with console.status(f"compiling for {row.name}, {engine} engine"):
            result = run(environment)
        measured = budget.measure(result.elf, row)
        budget.check(measured)
        result = result.kept(bundle_path / "firmware")
    console.print(
        f"{shown(result.elf)}: {measured.flash.used:,} bytes of flash, "
        f"{measured.sram.used:,} of SRAM, in {result.seconds:.0f} s"
    )
    return result


def _say_waiting(console: Console) -> None:
    console.print("another vigil is building: waiting for it")


def flash(
    console: Console,
    bundle_path: Path,
    board: str,
    engine: str,
    port: str | None,
    sensor: str | None = None,
) -> None:
    """Build and upload."""
    from tools.boards.build import alone
    from tools.boards.build import flash as run
    from tools.boards.catalogue import find_board
    from tools.boards.ports import find_port

    row = find_board(board)
    if row.emulated:
        raise BoardError("the emulated board needs no upload: run `vigil board` or `vigil monitor`")
    with alone(lambda: _say_waiting(console)):
        build(console, bundle_path, board, engine, sensor)
        port = port or find_port(row).path
        with console.status(f"uploading to {row.name} on {port}"):
            run(row.environment(engine), port)
    how = " --sample" if sensor is not None else ""
    console.print(f"flashed {row.name} on {port}: now `vigil monitor{how} --port {port}`")


def show_boards(console: Console) -> None:
    """The catalogue, and where a board is plugged in."""
    from tools.boards.catalogue import load_boards
    from tools.boards.ports import find_ports
    from tools.boards.sensors import sensor_keys

    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("board", "", "core", "clock", "flash", "SRAM", "engines", "port"):
        table.add_column(head, justify="right" if head in ("clock", "flash", "SRAM") else "left")
    ports = find_ports()
    for row in load_boards().values():
        table.add_row(
            row.id,
            row.name,
            row.core,
            f"{row.clock_hz / 1e6:g} MHz",
            f"{row.flash_bytes:,}",
            f"{row.sram_bytes:,}",
            ", ".join(row.environments) or "budget only",
            ", ".join(port.path for port in ports if port.board == row),
        )
    console.print(table)
    for row in load_boards().values():
        keys = [key for key, boards in sensor_keys().items() if row.id in boards]
        if keys:
            console.print(f"{row.id} can sample by itself: --sensor {', '.join(keys)}")

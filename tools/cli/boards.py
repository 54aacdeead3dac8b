"""Commands about boards: boards lists them, board runs the emulated one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools.boards.adc import AdcRecording
from tools.boards.catalogue import find_board, load_boards
from tools.boards.emulated import EmulatedBoard
from tools.boards.ports import find_ports
from tools.boards.sensors import sensor_keys
from tools.cli.app import app
from tools.cli.build import build_image
from tools.cli.options import DEFAULT, EngineOption, Name, bundle_path, console
from tools.recordings.load import of_bundle, of_file
from training.bundle import read_bundle
from training.bundle.errors import BoardError
from training.bundle.wording import argument


@app.command()
def boards() -> None:
    """List the boards of the catalogue, and the ports where one is plugged in."""
    out = console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("board", "core"):
        table.add_column(head, no_wrap=True)
    for head in ("MHz", "flash", "SRAM"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("engines")
    for row in load_boards().values():
        table.add_row(
            f"{row.id}\n[dim]{row.name}[/]",
            row.core,
            f"{row.clock_hz / 1e6:g}",
            f"{row.flash_bytes:,}",
            f"{row.sram_bytes:,}",
            "\n".join(row.environments) or "none",
        )
    out.print(table)
    for port in find_ports():
        out.print(f"{port.board.id} is plugged in: {port.path}", soft_wrap=True)
    for key, with_sensor in sensor_keys().items():
        out.print(f"--sensor {key}: {', '.join(with_sensor)}", soft_wrap=True)
    rows = load_boards().values()
    _print_by_board(out, ((row.id, row.checked) for row in rows))
    _print_by_board(out, ((row.id, line) for row in rows for line in row.missing_figures()))


def _print_by_board(out: Console, facts: Iterable[tuple[str, str]]) -> None:
    """Print each fact once, with the boards that it holds for."""
    boards: dict[str, list[str]] = {}
    for board_id, fact in facts:
        boards.setdefault(fact, []).append(board_id)
    for fact, ids in boards.items():
        out.print(f"{fact}: {', '.join(ids)}", soft_wrap=True)


@app.command()
def board(
    name: Name = DEFAULT,
    key: Annotated[
        str, typer.Option("--board", "-b", help="An emulated board of the catalogue.")
    ] = "emulated",
    engine: EngineOption = "compiled",
    link: Annotated[
        Path | None,
        typer.Option(help="Also make the port available under this name (a symbolic link)."),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Let the board sample the test set by itself.")
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option("--source", help="Let it sample this recording: any file of samples."),
    ] = None,
) -> None:
    """Boot an emulated board and print its serial port; Ctrl-C powers it down."""
    _check_emulated(key)
    bundle, out = bundle_path(name), console()
    sample = sample or source is not None
    recording = _adc_recording(bundle, source) if sample else None
    image = build_image(out, bundle, key, engine).elf
    with EmulatedBoard(image, adc=recording, flash=bundle / "firmware" / "flash") as running:
        if link is not None:
            _link_to(link, running.port)
        try:
            how = f"{argument(name)} {'--sample ' if sample else ''}--port {link or running.port}"
            out.print(
                f"emulated board on {running.port}; `vigil monitor {how}` in another terminal; "
                "Ctrl-C powers it down",
                soft_wrap=True,
            )
            while running.running:
                time.sleep(0.2)
            raise BoardError(
                f"the emulated board ended with exit code {running.exit_code}: "
                f"{running.log.strip() or 'it printed no message'}"
            )
        except KeyboardInterrupt:
            out.print("powered down")
        finally:
            if link is not None:
                link.unlink(missing_ok=True)


@contextmanager
def emulated_board(
    console: Console, bundle: Path, engine: str, key: str = "emulated"
) -> Iterator[str]:
    """Build for an emulated board of the catalogue, boot it, and yield its port."""
    _check_emulated(key)
    result = build_image(console, bundle, key, engine)
    with EmulatedBoard(result.elf) as running:
        yield running.port


def _check_emulated(key: str) -> None:
    if not find_board(key).emulated:
        known = ", ".join(board.id for board in load_boards().values() if board.emulated)
        raise BoardError(f"{key} is no emulated board; these are: {known}")


def _adc_recording(bundle_dir: Path, source: Path | None) -> AdcRecording:
    """What the emulated board's converter plays: `source`, or the test set if None."""
    bundle = read_bundle(bundle_dir)
    played = of_bundle(bundle) if source is None else of_file(source, bundle)
    return AdcRecording(played.counts, played.missing)


def _link_to(link: Path, port: str) -> None:
    if link.is_symlink():
        link.unlink()
    try:
        link.symlink_to(port)
    except FileExistsError:
        raise BoardError(f"{link} exists and is no symbolic link: choose another name") from None
    except OSError as problem:
        raise BoardError(f"{link}: {problem.strerror}") from None

"""Boards that run: the emulated one, streams to and from a board, and what the chain needs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from tools.pipeline.building import build
from training.bundle.errors import BoardError

if TYPE_CHECKING:
    from tools.boards.adc import AdcRecording
    from tools.monitor.run import MonitorSettings
    from tools.monitor.summary import Summary


@contextmanager
def emulated(console: Console, bundle_path: Path, engine: str) -> Iterator[str]:
    """Build for the emulated board, boot it, and yield its port."""
    from tools.boards.emulated import EmulatedBoard

    result = build(console, bundle_path, "emulated", engine)
    with EmulatedBoard(result.elf) as running:
        yield running.port


def run_board(
    console: Console,
    bundle_path: Path,
    engine: str,
    link: Path | None,
    plays: bool = False,
    source: Path | None = None,
) -> None:
    """Keep the emulated board running until it ends or somebody stops it.

    `plays`: its converter plays `source`, or the data set's test recording.
    """
    from tools.boards.emulated import EmulatedBoard

    adc = _recording_of(bundle_path, source) if plays else None
    result = build(console, bundle_path, "emulated", engine)
    with EmulatedBoard(result.elf, adc=adc) as running:
        if link is not None:
            _point(link, running.port)
        try:
            how = f"{'--sample ' if plays else ''}--port {link or running.port}"
            console.print(
                f"emulated board on {running.port}; `vigil monitor {how}` in another terminal; "
                "Ctrl-C powers it down",
                soft_wrap=True,
            )
            while running.running:
                time.sleep(0.2)
            raise BoardError(
                f"the emulated board ended with exit code {running.exit_code}: "
                f"{running.log.strip() or 'it said nothing'}"
            )
        except KeyboardInterrupt:
            console.print("powered down")
        finally:
            if link is not None:
                link.unlink(missing_ok=True)


def _recording_of(bundle_path: Path, source: Path | None) -> AdcRecording:
    """What the emulated board is to sample by itself."""
    from tools.boards.adc import AdcRecording
    from tools.monitor.source import of_bundle, of_file
    from training.bundle import read_bundle

    bundle = read_bundle(bundle_path)
    played = of_bundle(bundle) if source is None else of_file(source, bundle)
    return AdcRecording(played.counts, played.missing)


def _point(link: Path, port: str) -> None:
    if link.is_symlink():
        link.unlink()
    try:
        link.symlink_to(port)
    except FileExistsError:
        raise BoardError(f"{link} exists and is no symbolic link: choose another name") from None
    except OSError as problem:
        raise BoardError(f"{link}: {problem.strerror}") from None


def monitor(settings: MonitorSettings) -> Summary:
    """Watch a board; without a port, one that is plugged in, else an emulated one."""
    from tools.monitor.run import run

    return run(_with_image(settings, [settings.port]))


def monitor_web(settings: MonitorSettings, ports: list[str], web_port: int) -> list[Summary]:
    """The same in a browser: ports given, else boards plugged in, else an emulated one."""
    from tools.boards.ports import find_ports
    from tools.monitor.web.run import WebSettings, run_web

    wanted: list[str | None] = [*(ports or (port.path for port in find_ports()))]
    wanted = wanted or [None]
    return run_web(WebSettings(_with_image(settings, wanted), wanted, web_port))


def _with_image(settings: MonitorSettings, ports: Sequence[str | None]) -> MonitorSettings:
    """Settings with an image for the emulated board, built if one is going to be booted."""
    from tools.boards.ports import find_ports
    from tools.monitor.port import EMULATED

    boots = EMULATED in ports or (None in ports and not find_ports())
    if settings.image is not None or settings.on_host or not boots:
        return settings
    result = build(Console(stderr=True, highlight=False), settings.bundle, "emulated", "compiled")
    return replace(settings, image=result.elf)


def doctor(console: Console) -> bool:
    """Whether nothing is missing; a line for each part of the chain."""
    from tools.cli.doctor import State, examine

    marks = {State.GOOD: "[green]✓[/]", State.NOTE: "[yellow]•[/]", State.BAD: "[red]✗[/]"}
    well = True
    for finding in examine():
        well &= finding.state is not State.BAD
        line = f"{marks[finding.state]} {finding.name:<22} {escape(finding.found)}"
        console.print(line + (f": {escape(finding.do)}" if finding.do else ""), soft_wrap=True)
    return well

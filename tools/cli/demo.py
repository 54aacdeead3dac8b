"""The command demo: from data to a report, on an emulated board."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tools.cli.app import app
from tools.cli.build import build_image
from tools.cli.measure import budget, verify
from tools.cli.options import BUILD, DEFAULT, Name, console
from tools.cli.report import report
from tools.cli.train import show_metrics, train_recipe
from tools.monitor.run import run as run_monitor
from tools.monitor.settings import Emulated, MonitorSettings, Streamed
from training.bundle import read_bundle
from training.bundle.errors import BundleError
from training.bundle.manifest import Wearer
from training.data.recording import Dataset
from training.recipe import Recipe, read_recipe
from training.versions import versions
from training.windows import load_data

JUDGED = 80  # windows that are streamed, after those from which a wearer is learned
LIVE_SPEED = 12.0  # times real time, on a terminal: slow enough to see each beat


@app.command()
def demo(
    name: Name = DEFAULT,
    windows: Annotated[
        int | None,
        typer.Option(
            "--windows",
            "-n",
            min=1,
            show_default=False,
            help="Windows to stream (default: 80 that are judged).",
        ),
    ] = None,
) -> None:
    """Train, build, stream, verify and report, on an emulated microcontroller."""
    out, start = console(), time.monotonic()
    _step(out, f"train: recipe '{name}'")
    bundle = _current_bundle(out, name)

    _step(out, "build: convert the bundle to C++, compile for an emulated Cortex-M4")
    image = build_image(out, bundle, "emulated", "compiled").elf

    _step(out, "monitor: stream samples to the emulated board over its serial port")
    _watch(bundle, image, windows)

    _step(out, "verify: run the same windows on every target")
    verify(str(bundle))

    _step(out, "budget: flash and SRAM by part")
    budget(str(bundle))

    _step(out, "report")
    report(str(bundle))
    out.print(f"\n[bold green]done[/] in {time.monotonic() - start:.0f} s")


def _current_bundle(out: Console, name: str) -> Path:
    """The folder of the recipe's bundle, trained now unless it is up to date."""
    printed: list[str] = []
    recipe, dataset = load_data(read_recipe(name), printed.append)
    for line in printed:
        out.print(escape(line))
    path = BUILD / recipe.name
    if _is_current(path, recipe, dataset):
        out.print(f"{path} is up to date: same recipe, data, seed and versions")
        show_metrics(out, read_bundle(path))
    else:
        train_recipe(out, recipe, printed=printed)
    return path


def _is_current(path: Path, recipe: Recipe, dataset: Dataset) -> bool:
    """Whether training again would give the bundle at `path`: same recipe, data and versions."""
    with suppress(BundleError):
        bundle = read_bundle(path)
        bundle.evaluation()
        m = bundle.manifest
        return (m.recipe, m.versions, m.data.sha256) == (
            recipe.as_json(),
            versions(),
            dataset.sha256,
        )
    return False


def _watch(bundle: Path, image: Path, windows: int | None) -> None:
    """Stream `windows` windows; at LIVE_SPEED on a terminal, as fast as possible elsewhere."""
    m = read_bundle(bundle).manifest
    timed = m.signal.rate_hz is not None
    if windows is None:
        windows = JUDGED + (m.wearer.learn if isinstance(m.wearer, Wearer) else 0)
    speed = LIVE_SPEED if timed and sys.stdout.isatty() else None
    settings = MonitorSettings(bundle, (Emulated(image),), Streamed(speed=speed), windows=windows)
    if any(summary.interrupted for summary in run_monitor(settings)):
        raise KeyboardInterrupt  # ends the demo, not the stream alone as `q` does


def _step(out: Console, title: str) -> None:
    out.print()
    out.rule(f"[bold]{title}", align="left", style="dim")

"""`vigil demo`: the whole way, from data to a report, with nothing plugged in."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from tools import pipeline

ENGINE = "compiled"
VERIFY_WINDOWS = 500
LIVE_SPEED = 12.0  # times real time, on a terminal: fast enough not to bore, slow enough to see


def run(console: Console, name: str, windows: int) -> None:
    """Train unless the bundle is current; build, boot, stream, verify, budget, report."""
    start = time.monotonic()
    bundle_path = _bundle(console, name)

    _step(console, "build: the bundle to C++, and that to an image for an emulated Cortex-M4")
    image = pipeline.build(console, bundle_path, "emulated", ENGINE).elf

    _step(console, "monitor: heartbeats over a serial port to the emulated board, scores back")
    _watch(bundle_path, image, windows)

    _step(console, "verify: the same windows in the interpreter, on this machine and on the board")
    if not pipeline.verify(console, bundle_path, None, ENGINE, VERIFY_WINDOWS, False):
        raise SystemExit(1)

    _step(console, "budget: what it takes of the board")
    pipeline.budget(
        console, bundle_path, "emulated", ENGINE, False, None, check=False, accept=False
    )

    _step(console, "report")
    pipeline.report(console, bundle_path)
    console.print(f"\n[bold green]done[/] in {time.monotonic() - start:.0f} s")


def _bundle(console: Console, name: str) -> Path:
    from training.recipe import read_recipe
    from training.train import load_data

    _step(console, f"train: recipe '{name}'")
    told: list[str] = []
    recipe, dataset = load_data(read_recipe(name), told.append)
    for line in told:
        console.print(escape(line))
    path = Path("build") / recipe.name
    if pipeline.is_current(path, recipe, dataset):
        from training.bundle import read_bundle

        console.print(f"{path} is up to date: same recipe, data, seed and versions")
        pipeline.show_metrics(console, read_bundle(path))
    else:
        pipeline.follow(console, recipe, told=told)
    return path


def _watch(bundle_path: Path, image: Path, windows: int) -> None:
    from tools.monitor.run import MonitorSettings
    from training.bundle import read_bundle

    live = sys.stdout.isatty()
    timed = read_bundle(bundle_path).manifest.signal.rate_hz is not None
    pipeline.monitor(
        MonitorSettings(
            bundle=bundle_path,
            image=image,
            windows=windows,
            speed=LIVE_SPEED if live and timed else None,
        )
    )


def _step(console: Console, what: str) -> None:
    console.print()
    console.rule(f"[bold]{what}", align="left", style="dim")

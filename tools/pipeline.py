"""The steps behind the commands: each makes what it needs first, does its part, and tells.

train -> bundle -> convert -> build -> board -> monitor, verify, budget -> report
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.errors import BoardError, BundleError

if TYPE_CHECKING:
    from tools.boards.adc import AdcRecording
    from tools.boards.build import BuildResult
    from tools.budget import Budget, Measured
    from tools.monitor.run import MonitorSettings
    from tools.monitor.summary import Summary
    from tools.verify import VerifyResult
    from training.bundle import Bundle
    from training.data.recording import Dataset
    from training.estimate import Estimate
    from training.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "firmware" / "generated"
BASELINE = ROOT / "benchmarks" / "budget-baseline.json"


# --- train ----------------------------------------------------------------------------------------


def train(
    console: Console, name: str, settings: list[str], out: Path | None, board: str | None = None
) -> Bundle:
    """Follow a recipe and tell what came of it; with a board, not if the model cannot fit it."""
    from training.recipe import read_recipe

    return follow(console, read_recipe(name, settings), out, board=board)


def follow(
    console: Console,
    recipe: Recipe,
    out: Path | None = None,
    told: Collection[str] = (),
    board: str | None = None,
) -> Bundle:
    """Train, and show the figures that matter; lines already `told` are not told again."""
    from tools.boards.catalogue import find_board

    row = None if board is None else find_board(board)
    start = time.monotonic()
    with console.status("loading TensorFlow"):
        from training.train import train as run

    def say(line: str) -> None:
        if line not in told:
            console.print(escape(line))

    def forecast(estimate: Estimate) -> None:
        from tools.forecast import check

        if row is not None:
            say(check(recipe.name, estimate, row))

    before_fit = None if row is None else forecast
    bundle = run(recipe, out, progress=console.is_terminal, say=say, before_fit=before_fit)
    show_metrics(console, bundle)
    console.print(f"[bold]{bundle.path}[/] in {time.monotonic() - start:.0f} s")
    return bundle


def show_metrics(console: Console, bundle: Bundle) -> None:
    """A line a stage, and the threshold with its promise."""
    m = bundle.manifest
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("test set" + (", simulated" if m.data.simulated else ""))
    for head in ("AUROC", "average precision", "false alarms", "recall", "precision"):
        table.add_column(head, justify="right")
    for stage, what in ((m.metrics.keras, "Keras, float"), (m.metrics.int8, "int8, as the board")):
        table.add_row(
            what,
            *(_figure(v) for v in (stage.auroc, stage.average_precision)),
            *(_percent(v) for v in (stage.false_alarm_rate, stage.recall, stage.precision)),
        )
    console.print(table)
    console.print(
        f"threshold {m.threshold.value:.4g} ({m.threshold.method}): {escape(m.threshold.guarantee)}"
    )
    from training.threshold import departure

    told = departure(m)
    if told is not None:
        console.print(f"[yellow]{escape(told)}[/]")


def is_current(bundle_path: Path, recipe: Recipe, dataset: Dataset) -> bool:
    """Whether training again would give the bundle that is there: same recipe, data, versions."""
    from training.bundle import read_bundle
    from training.train import versions

    with suppress(BundleError):
        bundle = read_bundle(bundle_path)
        bundle.evaluation()
        m = bundle.manifest
        return (m.recipe, m.versions, m.data.sha256) == (
            recipe.as_json(),
            versions(),
            dataset.sha256,
        )
    return False


def show_recipes(console: Console) -> None:
    """Name, data, model, and the recipe's own first comment line."""
    from training.recipe import RECIPES, read_recipe, recipe_names

    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("recipe", "data", "model", "what you get"):
        table.add_column(head)
    for name in recipe_names():
        recipe = read_recipe(name)
        first = (RECIPES / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
        told = escape(first.lstrip("# ")) if first.startswith("#") else ""
        data, model = recipe.data.model_dump(), recipe.model.model_dump()
        table.add_row(name, data["name"], model["family"], told)
    console.print(table)


def zoo(
    console: Console, names: list[str], build: Path, docs: Path, *, full: bool, board: bool
) -> None:
    """Every recipe, small or in full, or those trained small on the emulated board."""
    from tools.zoo.run import run, verify_on_board

    def say(line: str) -> None:
        console.print(escape(line))

    start = time.monotonic()
    if board:
        with console.status("running the zoo on the emulated board"):
            verify_on_board(build, docs, names, say)
    else:
        with console.status("training the zoo"):
            run(build, docs, names, say, full=full)
    page = docs / ("zoo-full.md" if full else "zoo.md")
    console.print(f"[bold]{page}[/] in {time.monotonic() - start:.0f} s")


def calibrate(console: Console, bundle_path: Path, source: Path, rate: float | None) -> None:
    """A threshold from a recording of one patient's or one machine's normal signal."""
    from tools.calibrate import calibrate as run
    from training.manifest import float32_text

    found = run(bundle_path, source, rate)
    left_out = f" ({found.left_out:,} labelled abnormal left out)" if found.left_out else ""
    console.print(
        f"{escape(source.name)}: {found.windows:,} normal windows{left_out}; the bundle's "
        f"threshold {found.before:.4g} flags {found.flagged_before:,} of them"
    )
    value = float32_text(found.choice.value)
    console.print(f"threshold {value} (conformal): {escape(found.choice.guarantee)}")
    console.print(f"vigil monitor {bundle_path.name} --threshold {value}", soft_wrap=True)


# --- convert, build, flash ------------------------------------------------------------------------


def convert(console: Console, bundle_path: Path) -> None:
    """Make firmware/generated from the bundle."""
    from tools.convert import convert as run

    files = run(bundle_path, GENERATED)
    where = _shown(GENERATED)
    console.print(f"{where}: {', '.join(file.name for file in files)}", soft_wrap=True)


def build(
    console: Console, bundle_path: Path, board: str, engine: str, sensor: str | None = None
) -> BuildResult:
    """Convert and compile; the image must fit its board. `sensor`: what it reads by itself."""
    from tools import budget
    from tools.boards.build import build as run
    from tools.boards.catalogue import find_board
    from tools.boards.sensors import find_sensor
    from tools.convert import convert as convert_bundle

    row = find_board(board)
    environment = row.environment(engine)
    own = find_sensor(sensor, row) if sensor is not None else None
    convert_bundle(bundle_path, GENERATED, engines=[engine], sensor=own)
    with console.status(f"compiling for {row.name}, {engine} engine"):
        result = run(environment)
    measured = budget.measure(result.elf, row)
    budget.check(measured)
    console.print(
        f"{_shown(result.elf)}: {measured.flash.used:,} bytes of flash, "
        f"{measured.sram.used:,} of SRAM, in {result.seconds:.0f} s"
    )
    return result


def flash(
    console: Console,
    bundle_path: Path,
    board: str,
    engine: str,
    port: str | None,
    sensor: str | None = None,
) -> None:
    """Build and upload."""
    from tools.boards.build import flash as run
    from tools.boards.catalogue import find_board
    from tools.boards.ports import find_port

    row = find_board(board)
    if row.emulated:
        raise BoardError("the emulated board needs no upload: run `vigil board` or `vigil monitor`")
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


# --- boards that run ------------------------------------------------------------------------------


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
    from tools.doctor import State, examine

    marks = {State.GOOD: "[green]✓[/]", State.NOTE: "[yellow]•[/]", State.BAD: "[red]✗[/]"}
    well = True
    for finding in examine():
        well &= finding.state is not State.BAD
        line = f"{marks[finding.state]} {finding.name:<22} {escape(finding.found)}"
        console.print(line + (f": {escape(finding.do)}" if finding.do else ""), soft_wrap=True)
    return well


# --- verify, budget, report -----------------------------------------------------------------------


def verify(
    console: Console,
    bundle_path: Path,
    port: str | None,
    engine: str,
    windows: int,
    as_json: bool,
) -> bool:
    """Every rung against the interpreter; True when no byte differs."""
    from tools.verify.text import render

    quiet = Console(stderr=True, highlight=False) if as_json else console
    result = run_verify(quiet, bundle_path, port, engine, windows)
    if as_json:
        print(result.to_json(), end="")
    else:
        console.print(render(result))
    return result.ok


def run_verify(
    console: Console, bundle_path: Path, port: str | None, engine: str, windows: int
) -> VerifyResult:
    """Verify against the board on `port`, or an emulated one; kept for the report."""
    from tools.verify import save
    from tools.verify.verify import verify as run

    if port is not None:
        with console.status(f"verifying against the board on {port}"):
            result = run(bundle_path, [port], windows)
    else:
        with emulated(console, bundle_path, engine) as found, console.status("verifying"):
            result = run(bundle_path, [found], windows)
    save(result, bundle_path)
    return result


def budget(
    console: Console,
    bundle_path: Path,
    board: str,
    engine: str,
    as_json: bool,
    picture: Path | None,
    *,
    check: bool,
    accept: bool,
) -> None:
    """Flash and SRAM of the bundle's image by part; fails over a limit, or on growth."""
    from tools import budget as room

    quiet = Console(stderr=True, highlight=False) if as_json else console
    found = measure_budget(quiet, bundle_path, board, engine)
    if as_json:
        print(found.to_json(), end="")
    else:
        console.print(room.render(found, largest=3))
    if picture is not None:
        quiet.print(str(room.draw(found, picture)))
    room.check(found)
    key = f"{bundle_path.name} {board} {engine}"
    if accept:
        room.accept(found, key, BASELINE)
        quiet.print(f"recorded as the baseline of '{key}' in {_shown(BASELINE)}")
    elif check:
        room.gate(found, key, BASELINE)
        quiet.print(f"within the baseline of '{key}'")


def measure_budget(console: Console, bundle_path: Path, board: str, engine: str) -> Budget:
    """Build, measure, and on the emulated board run it for stack, arena and instructions."""
    from tools import budget as room
    from tools.boards.catalogue import find_board
    from training.bundle import read_bundle

    bundle = read_bundle(bundle_path)
    row = find_board(board)
    result = build(console, bundle_path, board, engine)
    found = room.measure(result.elf, row, bundle=bundle.hash8.hex())
    if row.emulated:
        found = room.with_measured(found, measured_emulated(result.elf, bundle))
    room.save(found, bundle_path, result.environment)
    return found


def measured_emulated(elf: Path, bundle: Bundle) -> Measured:
    """What the emulated board says after it worked through the bundle's golden windows."""
    from tools.boards.emulated import EmulatedBoard
    from tools.budget.boot import measured_on

    counts = bundle.golden.counts
    frames = counts.reshape(-1, counts.shape[-1])
    with EmulatedBoard(elf, deterministic=True) as running:
        return measured_on(running.port, frames)


def report(console: Console, bundle_path: Path) -> Path:
    """Write report.html from the bundle, its budgets and what verify found."""
    from tools.report import write_report

    path = write_report(bundle_path)
    console.print(f"[bold]{path}[/]")
    return path


# --- bench, estimate ------------------------------------------------------------------------------


def bench(console: Console, docs: Path) -> None:
    """Measure every engine, and write docs/bench.md with its plot. From a checkout only."""
    import sys

    from training.data.cache import data_folder

    sys.path.insert(0, str(ROOT))  # benchmarks are no part of the installed package
    from benchmarks.page import write

    with console.status("measuring") as status:
        path = write(Path("build"), data_folder(), docs, lambda line: status.update(escape(line)))
    console.print(path.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"[bold]{_shown(path)}[/]")


def reference_bundle() -> Path:
    """The bundle by which sizes are compared: the same on every machine, and no data in it."""
    import sys

    sys.path.insert(0, str(ROOT))
    from benchmarks.reference import make

    return make(Path("build") / "reference").path


def show_estimate(console: Console, bundle_path: Path, engine: str, as_json: bool) -> None:
    """Build for the emulated board, count an inference there, tell what that means on boards."""
    from tools.boards.catalogue import load_boards
    from tools.estimate import count_inference, estimate, render
    from training.bundle import read_bundle

    quiet = Console(stderr=True, highlight=False) if as_json else console
    golden = read_bundle(bundle_path).golden
    result = build(quiet, bundle_path, "emulated", engine)
    counts = count_inference(result.elf, golden.input, golden.output)
    windows = len(golden.input)
    found = estimate(bundle_path.name, engine, counts, windows, list(load_boards().values()))
    if as_json:
        print(found.to_json(), end="")
    else:
        console.print(render(found))


def _shown(path: Path) -> Path:
    """Relative to here where that is shorter to read."""
    with suppress(ValueError):
        return path.resolve().relative_to(Path.cwd())
    return path


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"

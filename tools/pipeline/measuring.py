"""What was made, measured: verify, budget, report, bench, estimate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from tools.pipeline.building import build
from tools.pipeline.paths import BASELINE, shown
from tools.pipeline.running import emulated

if TYPE_CHECKING:
    from tools.measure.budget import Budget
    from tools.measure.verify import VerifyResult


def verify(
    console: Console,
    bundle_path: Path,
    port: str | None,
    engine: str,
    windows: int,
    as_json: bool,
) -> bool:
    """Every rung against the interpreter; True when no byte differs."""
    from tools.measure.verify.text import render

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
    from tools.measure.verify import save
    from tools.measure.verify.verify import verify as run

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
    record: str = "vigil budget --accept",
) -> None:
    """Flash and SRAM of the bundle's image by part; fails over a limit, or on growth.

    `record` is the command that accepts what this one measures as a baseline.
    """
    from tools.measure import budget as room
    from tools.report.budget_picture import check_picture, draw

    if picture is not None:
        check_picture(picture)
    quiet = Console(stderr=True, highlight=False) if as_json else console
    found = measure_budget(quiet, bundle_path, board, engine)
    if as_json:
        print(found.to_json(), end="")
    else:
        console.print(room.render(found, largest=3))
    if picture is not None:
        quiet.print(str(draw(found, picture)))
    room.check(found)
    key = f"{bundle_path.name} {board} {engine}"
    if accept:
        room.accept(found, key, BASELINE)
        quiet.print(f"recorded as the baseline of '{key}' in {shown(BASELINE)}")
    elif check:
        room.gate(found, key, BASELINE, record)
        quiet.print(f"within the baseline of '{key}'")


def measure_budget(console: Console, bundle_path: Path, board: str, engine: str) -> Budget:
    """Build, measure, and on the emulated board run it for stack, arena and instructions."""
    from tools.boards.catalogue import find_board
    from tools.measure import budget as room
    from tools.measure.budget.boot import measured_emulated
    from training.bundle import read_bundle

    bundle = read_bundle(bundle_path)
    row = find_board(board)
    result = build(console, bundle_path, board, engine)
    found = room.measure(result.elf, row, bundle=bundle.hash8.hex())
    if row.emulated:
        found = room.with_measured(found, measured_emulated(result.elf, bundle))
    room.save(found, bundle_path, result.environment)
    return found


def report(console: Console, bundle_path: Path) -> Path:
    """Write report.html from the bundle, its budgets and what verify found."""
    from tools.report import write_report

    path = write_report(bundle_path)
    console.print(f"[bold]{path}[/]")
    return path


def bench(console: Console, bundle_path: Path | None, docs: Path) -> None:
    """Measure every engine, and write docs/bench.md with its plot; of one bundle, only print.

    From a checkout only. `bundle_path` may be a .tflite file.
    """
    from tools.report.bench_page import of_one, write
    from training.data.cache import data_folder

    keep = Path("build") / "bench"
    with console.status("measuring") as status:

        def say(line: str) -> None:
            status.update(escape(line))

        if bundle_path is None:
            path = write(keep, data_folder(), docs, say)
            text = path.read_text(encoding="utf-8")
        else:
            text = of_one(bundle_path, say)
    console.print(text, markup=False, soft_wrap=True)
    if bundle_path is None:
        console.print(f"[bold]{shown(path)}[/]")


def reference_bundle() -> Path:
    """The bundle by which sizes are compared: the same on every machine, and no data in it."""
    from tools.measure.bench.reference import make

    return make(Path("build") / "reference").path


def show_estimate(console: Console, bundle_path: Path, engine: str, as_json: bool) -> None:
    """Build for the emulated board, count an inference there, tell what that means on boards."""
    from tools.boards.catalogue import load_boards
    from tools.measure.estimate import WINDOWS, count_inference, estimate, render
    from training.bundle import read_bundle

    quiet = Console(stderr=True, highlight=False) if as_json else console
    golden = read_bundle(bundle_path).golden
    result = build(quiet, bundle_path, "emulated", engine)
    inputs, outputs = golden.input[:WINDOWS], golden.output[:WINDOWS]
    with quiet.status(f"counting the instructions of {len(inputs)} inferences"):
        counts = count_inference(result.elf, inputs, outputs)
    found = estimate(bundle_path.name, engine, counts, len(inputs), list(load_boards().values()))
    if as_json:
        print(found.to_json(), end="")
    else:
        console.print(render(found))

"""Commands that measure a bundle: verify, budget, bench, estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tools.boards.catalogue import find_board, load_boards
from tools.checkout import DOCS, shown
from tools.cli.app import app
from tools.cli.boards import emulated_board
from tools.cli.build import build_image
from tools.cli.options import (
    BUILD,
    DEFAULT,
    BoardOption,
    EngineOption,
    JsonOption,
    Name,
    PortOption,
    bundle_path,
    console,
)
from tools.convert.chain_work import chain_shape, stage_instructions
from tools.convert.hidden_order import normal_windows
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.measure import budget as budgets
from tools.measure import estimate as estimates
from tools.measure import verify as verification
from tools.measure.bench.reference import make as make_reference
from tools.measure.budget.boot import measured_emulated
from tools.measure.budget.gate import BASELINE
from tools.measure.verify.verify import verify as run_verify
from tools.report import budget_picture
from training.bundle import read_bundle
from training.bundle.wording import argument
from training.data.download import data_folder


@app.command()
def verify(
    name: Name = DEFAULT,
    port: PortOption = None,
    board: Annotated[
        str, typer.Option("--board", "-b", help="Emulated board to boot, without --port.")
    ] = "emulated",
    engine: EngineOption = "compiled",
    windows: Annotated[
        int,
        typer.Option("--windows", "-n", min=0, help="Test windows, besides the golden ones."),
    ] = 500,
    json: JsonOption = False,
) -> None:
    """Run the same windows on every target and count the bytes that differ."""
    bundle, out = bundle_path(name), console(stderr=json)
    if port is not None:
        with out.status(f"verifying against the board on {port}"):
            result = run_verify(bundle, [port], windows)
    else:
        with emulated_board(out, bundle, engine, board) as emulated, out.status("verifying"):
            result = run_verify(bundle, [emulated], windows)
    verification.save(result, bundle)
    if json:
        print(result.to_json(), end="")
    else:
        out.print(verification.render(result))
    if not result.ok:
        raise typer.Exit(1)


@app.command()
def budget(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name or path of a recipe (default: ecg5000; with --check or --accept the "
            "reference model, which needs no data)."
        ),
    ] = None,
    board: BoardOption = "emulated",
    engine: EngineOption = "compiled",
    json: JsonOption = False,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the budget to this file: .png or .svg.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fail if the image has outgrown the recorded baseline.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Record the image as the new baseline.")
    ] = False,
) -> None:
    """Show flash and SRAM by part; fail if a limit of the board is exceeded."""
    if check and accept:
        raise typer.BadParameter("--check and --accept exclude each other")
    if picture is not None:
        budget_picture.check_picture(picture)
    reference = name == "reference" or (name is None and (check or accept))
    bundle_dir = (
        make_reference(BUILD / "reference").path if reference else bundle_path(name or DEFAULT)
    )
    out, row = console(stderr=json), find_board(board)
    bundle = read_bundle(bundle_dir)
    image = build_image(out, bundle_dir, board, engine)
    result = budgets.measure(image.elf, row, bundle=bundle.hash8.hex())
    if row.emulated:
        result = budgets.with_measured(result, measured_emulated(image.elf, bundle))
    budgets.save(result, bundle_dir, image.environment)
    if json:
        print(result.to_json(), end="")
    else:
        out.print(budgets.render(result, largest=3))
    if picture is not None:
        out.print(str(budget_picture.draw(result, picture)))
    budgets.check(result)
    key = f"{bundle_dir.name} {board} {engine}"
    if accept:
        budgets.accept(result, key, BASELINE)
        out.print(f"recorded as the baseline of '{key}' in {shown(BASELINE)}")
    elif check:
        model = f" {argument(name)}" if name else ""
        record = f"vigil budget{model} --board {board} --engine {engine} --accept"
        budgets.gate(result, key, BASELINE, record)
        out.print(f"within the baseline of '{key}'")


@app.command()
def bench(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name or path of a recipe, folder of a bundle, or a .tflite file: measure the "
            "compiled engine on that model and print the result (default: every engine on the "
            "models of docs/bench.md)."
        ),
    ] = None,
    docs: Annotated[Path, typer.Option(help="Folder for bench.md and images/bench.svg.")] = DOCS,
) -> None:
    """Measure the engines layer by layer, emulated; without a name, write docs/bench.md."""
    # Imported here: it loads matplotlib, 0.6 s that the other commands of this file do not need.
    from tools.report import bench_page

    out = console()
    with out.status("measuring") as status:

        def say(line: str) -> None:
            status.update(escape(line))

        if name is None:
            page = bench_page.write(BUILD / "bench", data_folder(), docs, say)
            text = page.read_text(encoding="utf-8")
        else:
            path = Path(name) if name.endswith(".tflite") else bundle_path(name)
            text = bench_page.of_one(path, say)
    out.print(text, markup=False, soft_wrap=True)
    if name is None:
        out.print(f"[bold]{shown(page)}[/]")


@app.command()
def estimate(
    name: Name = DEFAULT,
    engine: EngineOption = "compiled",
    json: JsonOption = False,
) -> None:
    """Estimate time and energy per inference for every board, without the board."""
    bundle, out = bundle_path(name), console(stderr=json)
    contents = read_bundle(bundle)
    golden = contents.golden
    planned = None
    if engine == "compiled":
        windows = normal_windows(golden)
        planned = make_plan(read_model(contents.model), bundle.name, windows=windows).instructions
    image = build_image(out, bundle, "emulated", engine).elf
    inputs, outputs = golden.input[: estimates.WINDOWS], golden.output[: estimates.WINDOWS]
    with out.status(f"counting the instructions of {len(inputs)} inferences"):
        counts = estimates.count_inference(image, inputs, outputs)
    boards = list(load_boards().values())
    stages = stage_instructions(chain_shape(contents.manifest, golden.counts))
    result = estimates.estimate(bundle.name, engine, counts, len(inputs), boards, planned, stages)
    if json:
        print(result.to_json(), end="")
    else:
        out.print(estimates.render(result))

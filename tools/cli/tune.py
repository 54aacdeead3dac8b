"""The command `tune`: the autoencoder that detects best within a board's budget."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from tools.boards.catalogue import find_board
from tools.cli.app import app
from tools.cli.boards import emulated_board
from tools.cli.options import BUILD, DEFAULT, console
from tools.convert.hidden_order import normal_windows
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.measure import estimate as estimates
from tools.measure.bench.emulator import missing
from tools.measure.verify.verify import verify as run_verify
from tools.tune import text
from tools.tune.budget import FORM, read_budget
from tools.tune.space import read_space
from tools.tune.study import CONCURRENT, Study
from training.bundle import read_bundle
from training.bundle.errors import TuneError
from training.bundle.wording import plural
from training.recipe import read_recipe
from training.versions import code_hash, versions
from training.windows import load_data

if TYPE_CHECKING:
    from tools.tune.search import Setting
    from tools.tune.workers import Workers

TRIALS = 96
REFRESH_S = 0.25  # between two refreshes of the table
LINE = 8  # trials per line of text without a terminal

_DECIDING = "training", "tools.convert", "tools.measure", "tools.tune"
"""Packages on which the figures of a trial depend."""


@app.command()
def tune(
    name: Annotated[
        str, typer.Argument(help="Name of a recipe, or path of a recipe (.toml).")
    ] = DEFAULT,
    board: Annotated[
        str, typer.Option("--board", "-b", help="A board of the catalogue, whose limits count.")
    ] = "nano33ble",
    budget: Annotated[
        str | None, typer.Option(metavar=FORM, help="Limits below the board's, each optional.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help=f"End after so many trials (default: {TRIALS})."),
    ] = None,
    time_: Annotated[
        str | None,
        typer.Option(
            "--time",
            help="Begin no trial after this time, such as 90s, 10m or 2h; finalists follow.",
        ),
    ] = None,
    storage: Annotated[
        Path | None, typer.Option(help="File of the trials (default: build/NAME-tuned/search.log).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the search in the storage.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2000, help="Of the search.")] = 1,
    splits: Annotated[int, typer.Option(min=2, max=64, help="Splits that score a trial.")] = 8,
    finalists: Annotated[int, typer.Option(min=1, max=32, help="Points of the front.")] = 5,
    seeds: Annotated[int, typer.Option(min=2, max=64, help="Fresh seeds per finalist.")] = 8,
    concurrent: Annotated[
        int,
        typer.Option(
            min=1,
            max=1024,
            help="Trials asked before the first of them is scored; give a cluster's processors.",
        ),
    ] = CONCURRENT,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes (default: one per processor).")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Head node of a Ray cluster that does the trials."),
    ] = None,
) -> None:
    """Search for the model that detects best within the budget of a board: build/NAME-tuned."""
    out, row = console(), find_board(board)
    limit, seconds = read_budget(row, budget), read_time(time_)
    recipe, dataset = load_data(read_recipe(name), lambda line: out.print(escape(line)))
    space = read_space(recipe)
    folder = BUILD / f"{recipe.name}-tuned"
    path = folder / "search.log" if storage is None else storage
    if trials is None and seconds is None:
        trials = TRIALS
    identity = {
        "recipe": recipe.as_json(),
        "space": space.as_json(),
        "data": dataset.sha256,
        "cost": "window",  # what trials are ranked by, beside detection
        "budget": {k: v for k, v in vars(limit).items() if v != float("inf")},
        "board": str(row),
        "splits": splits,
        "seed": seed,
        "concurrent": concurrent,
        "versions": versions(),
        "code of Vigil": code_hash(_DECIDING),
    }
    with out.status("loading TensorFlow"):
        # Imported here: TensorFlow takes seconds to start, and the checks above do without it.
        from tools.tune.cost import Costs
        from tools.tune.evaluation import Bench
        from tools.tune.search import Setting, affordable
        from tools.tune.workers import LocalWorkers

        costs = Costs(row, dataset.train.rate_hz, dataset.train.rate_is_nominal)
        setting = Setting(recipe, dataset, space, limit, costs, splits, seed, concurrent)
        setting = replace(setting, space=affordable(setting))
        objective = Bench(recipe, dataset, space).objective
    out.print(f"objective: {escape(objective)}, mean of {splits} splits; budget: {limit.text}")
    pool: Workers
    if ray is not None:
        from tools.tune.cluster import RayWorkers

        pool = RayWorkers(ray, recipe, dataset, setting.space)
        out.print(f"Ray cluster at {ray}: {pool.count} processors")
    else:
        pool = LocalWorkers(workers or os.cpu_count() or 1, recipe, dataset, setting.space)
    if pool.count > concurrent:
        out.print(
            f"{pool.count} processors, but {concurrent} {plural('trial', concurrent)} at a time: "
            f"--concurrent {pool.count} would use all of them in a new search"
        )
    try:
        # After the workers, so that a cluster that cannot be reached leaves no storage behind.
        study = Study(path, identity, setting.space, limit, resume)
        run(out, setting, study, pool, trials, seconds)
        finish(out, setting, study, pool, objective, folder, finalists, seeds)
    except KeyboardInterrupt:
        out.print(f"stopped; all trials are kept in {escape(str(path))}: continue with --resume")
        raise
    finally:
        pool.close()


def read_time(text: str | None) -> float | None:
    """Read --time in seconds.

    Raises:
        TuneError: it is not understood.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None or float(match[1]) <= 0:
        raise TuneError(f"--time {text}: write a number with a unit, such as 90s, 10m or 2h")
    return float(match[1]) * {"s": 1, "": 1, "m": 60, "h": 3600}[match[2]]


def run(
    out: Console,
    setting: Setting,
    study: Study,
    workers: Workers,
    trials: int | None,
    seconds: float | None,
) -> None:
    """Search, with the front on the terminal; without a terminal, a line now and then."""
    from tools.tune.search import search

    done = study.finished()
    before, start = sum(bool(each.detection) for each in done), time.monotonic()
    if done:
        trials_are = "trial is" if before == 1 else "trials are"
        out.print(f"{before} fitted {trials_are} stored already")

    def state() -> Any:
        passed = time.monotonic() - start
        left = None if seconds is None else seconds - passed
        return text.progress(done, before, passed, trials, left)

    shown = start
    with Live(state(), console=out, auto_refresh=False, transient=not out.is_terminal) as live:
        for each in search(setting, study, workers, trials, seconds):
            done.append(each)
            if out.is_terminal and time.monotonic() >= shown + REFRESH_S:
                live.update(state(), refresh=True)  # takes longer the more trials there are
                shown = time.monotonic()
            if not out.is_terminal and len(done) % LINE == 0:
                means = [d.mean for d in done if d.detection]
                rate = 60 * (len(means) - before) / (time.monotonic() - start)
                best = max(means, default=float("nan"))
                fitted = f"{len(means)} {plural('trial', len(means))}"
                print(f"{fitted}, {rate:.1f} a minute, best {best:.4f}", flush=True)
        live.update(state())
    if not out.is_terminal:
        out.print(state())


def finish(
    out: Console,
    setting: Setting,
    study: Study,
    workers: Workers,
    objective: str,
    folder: Path,
    most: int,
    seeds: int,
) -> None:
    """Score the finalists with fresh seeds, train them, write the result, and run the winner."""
    from tools.tune import picture, result
    from training.train import train

    trials = study.finished()
    chosen = result.choose_finalists(trials, most)
    scored: list[result.Finalist] = []
    with out.status(state := f"training finalists with {seeds} fresh seeds each") as status:
        for each in result.score_finalists(setting, study, workers, chosen, seeds):
            scored.append(each)
            line = f"{state}: {len(scored)} done, {each.recipe.name}: {each.fresh.text}"
            status.update(escape(line))
            if not out.is_terminal:
                print(line, flush=True)
    best = result.recommend(scored, setting.budget)
    folder.mkdir(parents=True, exist_ok=True)
    out.print(text.result(scored, best))
    remarks = [result.kilobyte(scored, best, setting.budget)]
    if keep := result.unsurpassed(scored, best, setting.budget):
        remarks.insert(0, keep)
    for remark in remarks:
        out.print(escape(remark))
    count = f"{len(trials)} {plural('trial', len(trials))}"
    title = f"{setting.recipe.name}: {count}"
    picture.draw(folder / "front.svg", title, objective, trials, scored, best, setting.budget)
    facts = {"objective": objective, "trials": len(trials), "budget": setting.budget.text}
    result.write_json(folder / "front.json", scored, best, facts)
    page = [
        f"# {setting.recipe.name}, tuned\n",
        f"Written by `vigil tune`. {count}; objective: {objective}. Mean and range: "
        f"of {setting.splits} splits (searched), of {seeds} seeds (fresh, test). The test part was "
        "scored once, after the choice.\n",
        text.markdown(scored, best),
        "![Detection against instructions](front.svg)\n",
        *(remark + "\n" for remark in remarks),
    ]
    for each, path in result.write_recipes(scored, folder):
        with out.status(f"training {each.recipe.name}"):
            bundle = train(read_recipe(path), BUILD / each.recipe.name, progress=False)
        if each is best:
            out.print(f"chosen: [bold]{escape(str(path))}[/]; its bundle: {bundle.path}")
            page.append(_on_the_emulated_board(out, bundle.path) + "\n")
    (folder / "front.md").write_text("\n".join(page), encoding="utf-8")
    out.print(f"[bold]{folder / 'front.md'}[/]")


def _on_the_emulated_board(out: Console, bundle: Path) -> str:
    """Build the chosen bundle, run it on the emulated board, and return a sentence about it."""
    absent = missing()
    if absent is not None:
        return f"Not run on the emulated board: {absent}."
    with emulated_board(out, bundle, "compiled") as port, out.status("verifying"):
        verified = run_verify(bundle, [port], 100)
    if not verified.ok:
        raise TuneError(f"{bundle}: the emulated board differs; run `vigil verify {bundle}`")
    contents = read_bundle(bundle)
    # The forecast of the table is of the costliest of the fresh seeds, and this of the bundle.
    plan = make_plan(
        read_model(contents.model), bundle.name, windows=normal_windows(contents.golden)
    )
    elf = bundle / "firmware" / f"{find_board('emulated').environment('compiled')}.elf"
    windows = slice(0, estimates.WINDOWS)
    golden = contents.golden
    counts = estimates.count_inference(elf, golden.input[windows], golden.output[windows])
    line = (
        f"{bundle.name} on the emulated board: every byte equal; "
        f"{counts.instructions:,.0f} instructions of an inference counted, "
        f"{plan.instructions:,.0f} predicted."
    )
    out.print(escape(line))
    return line

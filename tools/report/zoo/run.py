"""Train every recipe, two at a time, and write the page of the zoo."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tools.report.figures.trained import Trained
from tools.report.zoo.board import Verified, on_board
from tools.report.zoo.kinds import show
from tools.report.zoo.page import Last, Row, page
from tools.report.zoo.small import SLOWEST_FIRST, SMALL
from tools.report.zoo.spread import Spread, described, key, over_seeds
from training.bundle.errors import BoardError, RecipeError, UnavailableError, VigilError
from training.bundle.labels import NORMAL
from training.recipe import RECIPES, read_recipe, recipe_names

if TYPE_CHECKING:
    from training.model_size import ModelSize

ROW = "row.json"
BOARD = "board.json"
SPREAD = "spread.json"
LAST = "run.json"  # the last runs

Result = TypeVar("Result")
Say = Callable[[str], None]


def run(
    build: Path,
    docs: Path,
    names: Sequence[str] = (),
    say: Say = lambda _: None,
    *,
    full: bool = False,
) -> list[Row]:
    """Train recipes into build/zoo/NAME, and write docs/zoo/NAME.png and docs/zoo.md.

    At most two recipes are trained at a time, each in a process of its own: one small model cannot
    keep two cores busy. A recipe that fails is left out, and the page says so.

    Args:
        build: folder of the bundles and their rows.
        docs: folder of the page and its pictures.
        names: names of recipes; all of SMALL if empty.
        full: train with the recipes' own settings, into build/zoo-full, docs/zoo/full/NAME.png
            and docs/zoo-full.md. All recipes are then those that have small settings.

    Raises:
        RecipeError: a name is not that of a recipe that comes with Vigil.
        VigilError: a recipe failed for another reason than missing data; raised at the end.
    """
    start = time.monotonic()
    settings = _chosen(names, full=full)
    kept = build / folder(full)
    # A recipe without small settings has one row and one picture for both pages.
    folders = {name: _kept(build, name, full=full) for name in settings}
    rows: list[Row] = []
    problems: dict[str, VigilError] = {}
    tasks = {}
    for name in settings:
        picture = docs / "zoo" / ("full" if folders[name].parent.name == folder(True) else "")
        tasks[name] = (name, settings[name], folders[name], picture / f"{name}.png")
    for name, row in _each(_measure, tasks):
        if isinstance(row, VigilError):
            say(f"{name}: left out: {row}")
            problems[name] = row
            (folders[name] / ROW).unlink(missing_ok=True)
            continue
        say(
            f"{name}: {row.seconds:.0f} s, {row.model_bytes:,} bytes, error int8 / float "
            f"{row.error[1] / row.error[0]:.3f}"
        )
        row.save(folders[name] / ROW)
        rows.append(row)
    last = Last.load(kept / LAST)
    left_out = {name: why for name, why in last.left_out.items() if name not in settings}
    left_out |= {name: str(problem) for name, problem in problems.items()}
    seconds = last.seconds if names else time.monotonic() - start
    kept.mkdir(parents=True, exist_ok=True)
    Last(seconds, left_out).save(kept / LAST)
    write_page(build, docs, full=full)
    failed = [p for p in problems.values() if not isinstance(p, UnavailableError)]
    if failed:
        raise failed[0]
    return rows


def _chosen(names: Sequence[str], *, full: bool) -> dict[str, tuple[str, ...]]:
    """Return the settings of each recipe; of all recipes of the page if there are no names.

    Raises:
        RecipeError: a name is not that of a recipe that comes with Vigil.
    """
    names = names or [name for name in SMALL if SMALL[name] or not full]
    settings = {name: () if full else SMALL.get(name, ()) for name in names}
    for name, changes in settings.items():
        if name.endswith(".toml"):
            raise RecipeError(f"{name}: the zoo has only Vigil's own recipes; use vigil train")
        read_recipe(name, changes)  # an unknown name is reported before anything is trained
    return settings


def folder(full: bool) -> str:
    """Folder of the bundles below build."""
    return "zoo-full" if full else "zoo"


def _kept(build: Path, name: str, *, full: bool) -> Path:
    """Folder of a recipe's bundle and figures; without small settings it is that of both pages."""
    return build / folder(full and bool(SMALL.get(name))) / name


def has_every_row(build: Path, *, full: bool) -> bool:
    """Return whether every recipe of the page was trained in `build`."""
    return all((_kept(build, name, full=full) / ROW).exists() for name in _chosen((), full=full))


def write_page(build: Path, docs: Path, *, full: bool) -> Path:
    """Write docs/zoo.md, or zoo-full.md, from the rows and other figures in `build`."""
    rows, boards, spreads = [], {}, {}
    for name in (*SMALL, *(n for n in recipe_names() if n not in SMALL)):
        kept = _kept(build, name, full=full)
        if (kept / ROW).exists():
            rows.append(Row.load(kept / ROW))
            verified = Verified.load(kept / BOARD, rows[-1].bundle)
            if verified is not None:
                boards[name] = verified
        changes = () if full else SMALL.get(name, ())
        spread = Spread.load(kept / SPREAD, key(name, changes))
        if spread is not None and (not full or SMALL.get(name)):
            spreads[name] = spread
    path = docs / ("zoo-full.md" if full else "zoo.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    last = Last.load(build / folder(full) / LAST)
    path.write_text(page(rows, last, boards, spreads, full=full), encoding="utf-8")
    return path


def spread_over_seeds(
    build: Path,
    docs: Path,
    names: Sequence[str],
    seeds: int,
    say: Say = lambda _: None,
    *,
    full: bool = False,
) -> dict[str, Spread]:
    """Train recipes with the seeds 1 to `seeds`, and add the spread of their figures to the page.

    Args:
        build: folder of the figures: build/zoo/NAME/spread.json.
        docs: folder of the page.
        names: as those of `run`.
        seeds: number of seeds, at least 2.
        full: train with the recipes' own settings, and write docs/zoo-full.md.

    Raises:
        RecipeError: a name is not that of a recipe that comes with Vigil.
        VigilError: a recipe failed for another reason than missing data; raised at the end.
    """
    settings = _chosen(names, full=full)
    spreads: dict[str, Spread] = {}
    failed: list[VigilError] = []
    tasks = {name: (name, changes, seeds) for name, changes in settings.items()}
    for name, spread in _each(_over_seeds, tasks):
        if isinstance(spread, VigilError):
            say(f"{name}: left out: {spread}")
            failed += [] if isinstance(spread, UnavailableError) else [spread]
            continue
        kept = _kept(build, name, full=full)
        kept.mkdir(parents=True, exist_ok=True)
        spread.save(kept / SPREAD)
        spreads[name] = spread
        say(f"{name}: {', '.join(described(spread))}")
        write_page(build, docs, full=full)
    if failed:
        raise failed[0]
    return spreads


def verify_on_board(
    build: Path, docs: Path, names: Sequence[str] = (), say: Say = lambda _: None
) -> list[Verified]:
    """Run the bundles of `vigil zoo` on the emulated board, and add the results to docs/zoo.md.

    Raises:
        BoardError: a recipe of `names` has not been trained.
    """
    done = []
    for name in names or [n for n in SMALL if (build / folder(False) / n / ROW).exists()]:
        kept = build / folder(False) / name
        if not (kept / ROW).exists():
            raise BoardError(f"{kept}: not trained yet; run `vigil zoo {name}` first")
        try:
            verified = on_board(kept, build / "zoo-board")
        except VigilError as problem:
            say(f"{name}: not run on the emulated board: {problem}")
            continue
        verified.save(kept / BOARD)
        done.append(verified)
        say(
            f"{name}: {verified.windows} windows on the emulated board, {verified.differing:,} of "
            f"{verified.bytes:,} bytes differ, {verified.instructions:,} instructions per inference"
        )
    write_page(build, docs, full=False)
    return done


def _each(
    work: Callable[..., Result], tasks: Mapping[str, tuple[Any, ...]]
) -> Iterator[tuple[str, Result]]:
    """Yield each recipe's result when it is there; at most two recipes are worked on at a time."""
    workers = min(2, os.cpu_count() or 1, len(tasks))
    if workers < 2:
        for name, task in tasks.items():
            yield name, work(*task)
        return
    # Spawned, because forked processes would share TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        order = sorted(tasks, key=lambda name: name not in SLOWEST_FIRST)
        waiting = {pool.submit(work, *tasks[name]): name for name in order}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _over_seeds(name: str, changes: tuple[str, ...], seeds: int) -> Spread | VigilError:
    try:
        return over_seeds(name, changes, seeds)
    except VigilError as problem:
        return problem


def _measure(name: str, changes: tuple[str, ...], out: Path, picture: Path) -> Row | VigilError:
    try:
        return measure(name, changes, out, picture)
    except VigilError as problem:
        return problem


def measure(name: str, changes: tuple[str, ...], out: Path, picture: Path) -> Row:
    """Train one recipe with `changes`, measure it, and draw it."""
    # Imported here: it starts TensorFlow, which takes seconds and which `--help` does not need.
    from training.train import train

    start = time.monotonic()
    estimates: list[ModelSize] = []
    # Without its fallback, which would give the row of another recipe.
    recipe = read_recipe(name, changes).model_copy(update={"fallback": None})
    bundle = train(recipe, out, progress=False, before_fit=estimates.append)
    seconds = time.monotonic() - start
    return describe(name, changes, Trained(bundle), seconds, estimates[0], picture)


def describe(
    name: str,
    changes: tuple[str, ...],
    trained: Trained,
    seconds: float,
    estimate: ModelSize,
    picture: Path,
) -> Row:
    """Draw a trained recipe and collect its figures."""
    remarks = show(trained, picture)
    bundle = trained.bundle
    m, e = bundle.manifest, trained.evaluation
    normal = e["labels"] == NORMAL
    header = (RECIPES / f"{name}.toml").read_text(encoding="utf-8").split("\n#\n")[0]
    return Row(
        recipe=name,
        bundle=bundle.hash8.hex(),
        family=m.model.family,
        summary=" ".join(line.lstrip("# ") for line in header.splitlines()),
        data=m.data.description,
        changes=changes,
        seconds=seconds,
        parameters=m.model.parameters,
        macs=m.model.macs,
        model_bytes=m.model.bytes,
        estimated_bytes=estimate.model_bytes,
        arena_bytes=trained.interpreter.arena_bytes,
        estimated_arena=estimate.arena_bytes,
        operators=tuple(m.model.operators),
        auroc=(m.metrics.keras.auroc, m.metrics.int8.auroc),
        error=(float(np.mean(e["keras_test"][normal])), float(np.mean(e["int8_test"][normal]))),
        asked_rate=m.threshold.false_alarm_rate,
        confusion=m.metrics.int8.confusion.model_dump(),
        remarks=remarks,
    )

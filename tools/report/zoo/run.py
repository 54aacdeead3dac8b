"""Train every recipe, two at a time, and write the page."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.report.figures.trained import Trained
from tools.report.zoo.board import Verified, on_board
from tools.report.zoo.kinds import show
from tools.report.zoo.page import Last, Row, page
from tools.report.zoo.small import SLOWEST_FIRST, SMALL
from training.bundle.errors import BoardError, RecipeError, UnavailableError, VigilError
from training.bundle.labels import NORMAL
from training.recipe import RECIPES, read_recipe, recipe_names

if TYPE_CHECKING:
    from training.model_size import ModelSize

ROW = "row.json"
BOARD = "board.json"
LAST = "run.json"  # what the page says of runs beside their rows

Say = Callable[[str], None]


def run(
    build: Path,
    docs: Path,
    names: Sequence[str] = (),
    say: Say = lambda _: None,
    *,
    full: bool = False,
) -> list[Row]:
    """Train the recipes `names` (all of SMALL when empty) into build/zoo/NAME.

    With `full` their own settings are followed in place of the small ones, into build/zoo-full;
    all are then those whose small settings are others. Writes docs/zoo/NAME.png of each and
    docs/zoo.md (full/NAME.png and zoo-full.md) of all that have been trained there. Recipes are
    trained in as many processes as there are cores, two at most: one small model cannot keep two
    cores busy.
    A recipe that cannot be followed is left out, and said here and on the page. RecipeError for
    a name that is none of those that come along; in the end the error of a recipe that failed,
    but for data that cannot be had.
    """
    start = time.monotonic()
    chosen = list(names) or [name for name in SMALL if SMALL[name] or not full]
    settings = {name: () if full else SMALL.get(name, ()) for name in chosen}
    for name, changes in settings.items():
        if name.endswith(".toml"):
            raise RecipeError(f"{name}: the zoo holds the recipes that come along; use vigil train")
        read_recipe(name, changes)  # an unknown name is told before anything is trained
    place = build / folder(full)
    # Where the small settings are the recipe's own there is one row and one picture for both pages.
    places = {name: build / folder(full and bool(SMALL.get(name))) / name for name in chosen}
    rows: list[Row] = []
    problems: dict[str, VigilError] = {}
    for name, row in _each(settings, places, docs / "zoo"):
        if isinstance(row, VigilError):
            say(f"{name}: left out: {row}")
            problems[name] = row
            (places[name] / ROW).unlink(missing_ok=True)
            continue
        say(
            f"{name}: {row.seconds:.0f} s, {row.model_bytes:,} bytes, error int8 / float "
            f"{row.error[1] / row.error[0]:.3f}"
        )
        row.save(places[name] / ROW)
        rows.append(row)
    last = Last.load(place / LAST)
    left_out = {name: told for name, told in last.left_out.items() if name not in settings}
    left_out |= {name: str(problem) for name, problem in problems.items()}
    seconds = last.seconds if names else time.monotonic() - start
    place.mkdir(parents=True, exist_ok=True)
    Last(seconds, left_out).save(place / LAST)
    write_page(build, docs, full=full)
    failed = [p for p in problems.values() if not isinstance(p, UnavailableError)]
    if failed:
        raise failed[0]
    return rows


def folder(full: bool) -> str:
    """Where below build the bundles are."""
    return "zoo-full" if full else "zoo"


def write_page(build: Path, docs: Path, *, full: bool) -> Path:
    """docs/zoo.md, or zoo-full.md, of all rows and boards' figures that are kept in `build`."""
    rows, boards = [], {}
    for name in (*SMALL, *(n for n in recipe_names() if n not in SMALL)):
        changed = bool(SMALL.get(name))
        kept = build / folder(full and changed) / name  # the same settings, the same row
        if (kept / ROW).exists():
            rows.append(Row.load(kept / ROW))
            found = Verified.load(kept / BOARD, rows[-1].bundle)
            if found is not None:
                boards[name] = found
    path = docs / ("zoo-full.md" if full else "zoo.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    last = Last.load(build / folder(full) / LAST)
    path.write_text(page(rows, boards, last, full=full), encoding="utf-8")
    return path


def verify_on_board(
    build: Path, docs: Path, names: Sequence[str] = (), say: Say = lambda _: None
) -> list[Verified]:
    """Run what `run` trained small on the emulated board, and add it to docs/zoo.md.

    BoardError for a recipe that has not been trained.
    """
    done = []
    for name in names or [n for n in SMALL if (build / folder(False) / n / ROW).exists()]:
        kept = build / folder(False) / name
        if not (kept / ROW).exists():
            raise BoardError(f"{kept}: no trained recipe; run `vigil zoo {name}` first")
        try:
            found = on_board(kept, build / "zoo-board")
        except VigilError as problem:
            say(f"{name}: not run on the emulated board: {problem}")
            continue
        found.save(kept / BOARD)
        done.append(found)
        say(
            f"{name}: {found.windows} windows on the emulated board, {found.differing:,} of "
            f"{found.bytes:,} bytes differ, {found.instructions:,} instructions an inference"
        )
    write_page(build, docs, full=False)
    return done


def _each(
    settings: dict[str, tuple[str, ...]], places: dict[str, Path], pictures: Path
) -> Iterator[tuple[str, Row | VigilError]]:
    """Rows as they are done; pictures of what goes into build/zoo-full are apart, too."""
    tasks = {}
    for name in sorted(settings, key=lambda n: n not in SLOWEST_FIRST):
        full = "full" if places[name].parent.name == folder(True) else ""
        picture = pictures / full / f"{name}.png"
        tasks[name] = (name, settings[name], places[name], picture)
    workers = min(2, os.cpu_count() or 1, len(tasks))
    if workers < 2:
        for name, task in tasks.items():
            yield name, _measure(*task)
        return
    # Forked processes would share TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = {pool.submit(_measure, *task): name for name, task in tasks.items()}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _measure(name: str, changes: tuple[str, ...], out: Path, picture: Path) -> Row | VigilError:
    try:
        return measure(name, changes, out, picture)
    except VigilError as problem:
        return problem


def measure(name: str, changes: tuple[str, ...], out: Path, picture: Path) -> Row:
    """Train one recipe with `changes`, and measure and draw it."""
    # Starts TensorFlow, which takes seconds: `vigil report` and `--help` do without it.
    from training.train import train

    start = time.monotonic()
    estimates: list[ModelSize] = []
    # Its fallback would be another recipe's row.
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
    """Draw a recipe that was trained in so many seconds, and gather its figures."""
    told = show(trained, picture)
    bundle = trained.bundle
    m, e = bundle.manifest, trained.evaluation
    normal = e["labels"] == NORMAL
    header = (RECIPES / f"{name}.toml").read_text(encoding="utf-8").split("\n#\n")[0]
    return Row(
        recipe=name,
        bundle=bundle.hash8.hex(),
        family=m.model.family,
        what=" ".join(line.lstrip("# ") for line in header.splitlines()),
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
        told=told,
    )

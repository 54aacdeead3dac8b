"""Train every recipe, two at a time, and write the page."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from tools.zoo.board import Verified, on_board
from tools.zoo.kinds import show
from tools.zoo.page import Row, page
from tools.zoo.small import SLOWEST_FIRST, SMALL
from tools.zoo.trained import Trained
from training.data.cache import UnavailableError
from training.data.recording import NORMAL
from training.errors import BoardError, VigilError
from training.estimate import Estimate
from training.recipe import RECIPES, read_recipe
from training.train import train

ROW = "row.json"
BOARD = "board.json"

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
    A recipe whose data cannot be had is left out, and said. RecipeError for an unknown name.
    """
    start = time.monotonic()
    chosen = list(names) or [name for name in SMALL if SMALL[name] or not full]
    settings = {name: () if full else SMALL.get(name, ()) for name in chosen}
    for name, changes in settings.items():
        read_recipe(name, changes)  # an unknown name is told before anything is trained
    place = build / folder(full)
    pictures = docs / "zoo" / ("full" if full else "")
    rows = []
    for name, row in _each(settings, place, pictures):
        if isinstance(row, UnavailableError):
            say(f"{name}: left out: {row}")
            continue
        say(
            f"{name}: {row.seconds:.0f} s, {row.model_bytes:,} bytes, error int8 / float "
            f"{row.error[1] / row.error[0]:.3f}"
        )
        row.save(place / name / ROW)
        rows.append(row)
    took = None if names else time.monotonic() - start
    write_page(build, docs, full=full, seconds=took)
    return rows


def folder(full: bool) -> str:
    """Where below build the bundles are."""
    return "zoo-full" if full else "zoo"


def write_page(build: Path, docs: Path, *, full: bool, seconds: float | None = None) -> Path:
    """docs/zoo.md, or zoo-full.md, of all rows and boards' figures that are kept in `build`.

    `seconds` is how long it took to train them, where all were in one run.
    """
    rows, boards = [], {}
    for name, changes in SMALL.items():
        kept = build / folder(full and bool(changes)) / name  # the same settings, the same row
        if (kept / ROW).exists():
            rows.append(Row.load(kept / ROW))
            found = Verified.load(kept / BOARD, rows[-1].bundle)
            if found is not None:
                boards[name] = found
    path = docs / ("zoo-full.md" if full else "zoo.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(rows, boards, full=full, seconds=seconds), encoding="utf-8")
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
    settings: dict[str, tuple[str, ...]], place: Path, pictures: Path
) -> Iterator[tuple[str, Row | UnavailableError]]:
    """Rows as they are done."""
    tasks = {
        name: (name, settings[name], place / name, pictures / f"{name}.png")
        for name in sorted(settings, key=lambda n: n not in SLOWEST_FIRST)
    }
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


def _measure(
    name: str, changes: tuple[str, ...], out: Path, picture: Path
) -> Row | UnavailableError:
    try:
        return measure(name, changes, out, picture)
    except UnavailableError as problem:
        return problem


def measure(name: str, changes: tuple[str, ...], out: Path, picture: Path) -> Row:
    """Train one recipe with `changes`, and measure and draw it."""
    start = time.monotonic()
    estimates: list[Estimate] = []
    # Its fallback would be another recipe's row.
    recipe = read_recipe(name, changes).model_copy(update={"fallback": None})
    bundle = train(recipe, out, progress=False, before_fit=estimates.append)
    trained = Trained(bundle, time.monotonic() - start)
    return describe(name, changes, trained, estimates[0], picture)


def describe(
    name: str, changes: tuple[str, ...], trained: Trained, estimate: Estimate, picture: Path
) -> Row:
    """Draw a trained recipe and gather its figures."""
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
        seconds=trained.seconds,
        parameters=m.model.parameters,
        macs=m.model.macs,
        model_bytes=m.model.bytes,
        estimated_bytes=estimate.model_bytes,
        arena_bytes=trained.oracle.arena_bytes,
        estimated_arena=estimate.arena_bytes,
        operators=tuple(m.model.operators),
        auroc=(m.metrics.keras.auroc, m.metrics.int8.auroc),
        error=(float(np.mean(e["keras_test"][normal])), float(np.mean(e["int8_test"][normal]))),
        asked_rate=m.threshold.false_alarm_rate,
        confusion=m.metrics.int8.confusion.model_dump(),
        told=told,
    )

"""Train every recipe small, one after the other, and write the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tools.zoo.kinds import show
from tools.zoo.page import Row, page
from tools.zoo.small import SMALL
from tools.zoo.trained import Trained
from training.data.cache import UnavailableError
from training.data.recording import NORMAL
from training.estimate import Estimate
from training.recipe import RECIPES, read_recipe
from training.train import train

ROW = "row.json"


def run(
    build: Path, docs: Path, names: Sequence[str] = (), say: Callable[[str], None] = lambda _: None
) -> list[Row]:
    """Train the recipes `names` (all of SMALL when empty) into build/zoo/NAME.

    Writes docs/zoo/NAME.png of each, and docs/zoo.md of all that have been trained there.
    A recipe whose data cannot be had is left out, and said. RecipeError for an unknown name.
    """
    rows = []
    for name in names or SMALL:
        picture = docs / "zoo" / f"{name}.png"
        try:
            row = measure(name, SMALL.get(name, ()), build / "zoo" / name, picture)
        except UnavailableError as problem:
            say(f"{name}: left out: {problem}")
            continue
        say(
            f"{name}: {row.seconds:.0f} s, {row.model_bytes:,} bytes, error int8 / float "
            f"{row.error[1] / row.error[0]:.3f}"
        )
        row.save(build / "zoo" / name / ROW)
        rows.append(row)
    kept = [build / "zoo" / name / ROW for name in SMALL]
    text = page([Row.load(path) for path in kept if path.exists()])
    (docs / "zoo.md").write_text(text, encoding="utf-8")
    return rows


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
        told=told,
    )

"""Train recipes over many seeds: how far one training's figures can be trusted.

    python -m benchmarks.seeds [NAME ...] [--seeds 10] [--write]

A seed chooses the split of the normal windows, the first weights and the order of the batches.
`--write` puts each row into docs/seeds.md when it is measured; rows of other recipes stay. ECG5000
takes 3 seconds per seed on an idle core; all recipes with 10 seeds take about two hours.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.checkout import ROOT
from tools.report.figures.family import HIDDEN, restoration
from tools.report.figures.trained import Trained
from tools.report.zoo.kinds import EXTRAS, digits, neighbours
from tools.report.zoo.small import SMALL
from training.bundle import Bundle
from training.bundle.errors import VigilError
from training.data.mnist import STAND_IN
from training.recipe import read_recipe
from training.train import train

PAGE = ROOT / "docs" / "seeds.md"

HEAD = """# Spread over seeds

This page is written by `python -m benchmarks.seeds --seeds {seeds} --write`.

A recipe's `seed` chooses the split of the normal windows, the first weights and the order of the
batches. Each row is the int8 model's figures on the recipe's test windows over {seeds} seeds: the
mean, and the lowest to the highest in brackets. The last column is the largest difference in AUROC
between the float and the int8 model of one seed. Figures of a single seed on other pages lie
anywhere in these ranges. [Detection](detection.md) and [ECG](ecg.md) have the designs for your own
sensor and for continuous ECG.
"""

DIGITS = """## Recipes without labels

These recipes reconstruct digits. They are trained with the small settings of the [zoo](zoo.md). The
error is the int8 model's mean score of the test images, and its growth that from float to int8. The
accuracy is that of a 5-nearest-neighbour classifier on the float code, on all 10,000 test images.
The root mean square errors are those of restored images, int8: of the masked pixels, and of all.

"""


@dataclass(frozen=True)
class Table:
    """One table of the page, and how its figures are measured."""

    text: str  # before the table, after that of the page
    names: tuple[str, ...]  # recipes, in the order of the rows
    heads: tuple[str, ...]  # of the columns after the recipe's name
    small: bool  # train with the zoo's small settings
    figures: Callable[[Bundle], tuple[float | None, ...]]  # of one seed
    # Maps the figures of all seeds, float64 [seeds, figures], to the cells after the name.
    cells: Callable[[NDArray[np.float64]], list[str]]

    @property
    def head(self) -> str:
        """Head of the table in Markdown."""
        return _line(("recipe", *self.heads)) + "\n|---|" + "--:|" * len(self.heads)


def _detection(bundle: Bundle) -> tuple[float | None, ...]:
    m = bundle.manifest
    keras, int8 = m.metrics.keras, m.metrics.int8
    asked = m.threshold.false_alarm_rate
    return int8.auroc, keras.auroc, asked, int8.false_alarm_rate, int8.recall


def _detection_cells(values: NDArray[np.float64]) -> list[str]:
    areas, keras, asked, false_alarms, recall = values.T
    return [
        _spread(areas, ".4f"),
        f"{asked[0]:.1%}",
        _spread(false_alarms, ".1%"),
        _spread(recall, ".1%"),
        f"{np.abs(areas - keras).max():.4f}",
    ]


def _reconstruction(bundle: Bundle) -> tuple[float | None, ...]:
    trained = Trained(bundle)
    errors = (float(trained.evaluation[f"{stage}_test"].mean()) for stage in ("int8", "keras"))
    accuracy = masked = everywhere = None
    if EXTRAS.get(bundle.manifest.name) is digits:
        accuracy = neighbours(trained).accuracy
    elif any(getattr(trained.damage, kind) for kind in HIDDEN):
        after = {name: after for name, (_, after) in restoration(trained)[1].items()}
        masked, everywhere = after["masked values"], after["all values"]
    return *errors, accuracy, masked, everywhere


def _reconstruction_cells(values: NDArray[np.float64]) -> list[str]:
    error, keras, accuracy, masked, everywhere = values.T
    return [
        _spread(error, ".4f"),
        _spread(error / keras - 1, "z.1%"),
        *(_spread(each, ".3f") for each in (accuracy, masked, everywhere)),
    ]


def _spread(values: NDArray[np.float64], style: str) -> str:
    if np.isnan(values).all():
        return "-"
    return f"{values.mean():{style}} ({values.min():{style}} to {values.max():{style}})"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


TABLES = (
    Table(
        "",
        (
            *("ecg5000", "ecg5000_tiny", "ecg5000_labelled", "linear", "sparse", "sparse_kl"),
            *("denoising", "stacked", "variational", "lstm", "nab", "activity", "simulated"),
            *("sines", "vibration"),
        ),
        ("AUROC, int8", "false alarms asked", "got", "recall", "float to int8"),
        False,
        _detection,
        _detection_cells,
    ),
    Table(
        DIGITS,
        ("mnist", "inpainting", "mnist_conv", "mnist_variational", "adversarial"),
        ("error, int8", "growth", "accuracy of the code", "masked pixels", "all pixels"),
        True,
        _reconstruction,
        _reconstruction_cells,
    ),
)
NAMES = tuple(name for table in TABLES for name in table.names)


def table_of(name: str) -> Table:
    """Return a recipe's table; the first for a recipe that has no row by default."""
    return next((table for table in TABLES if name in table.names), TABLES[0])


def measure(names: Sequence[str], seeds: int) -> Iterator[tuple[str, str]]:
    """Train each recipe with the seeds 1 to `seeds`; a recipe without its data is left out.

    Yields:
        The recipe's name, and its row in Markdown.
    """
    for name in names:
        table = table_of(name)
        settings = SMALL[name] if table.small else ()
        figures = []
        try:
            with tempfile.TemporaryDirectory() as folder:
                for seed in range(1, seeds + 1):
                    recipe = read_recipe(name, [*settings, f"seed={seed}", "checks.challenge=0"])
                    bundle = train(recipe, Path(folder) / name, progress=False)
                    m = bundle.manifest
                    if m.name != name or m.data.description == STAND_IN:
                        break
                    figures.append([math.nan if f is None else f for f in table.figures(bundle)])
        except (VigilError, OSError) as problem:
            print(f"{name}: left out: {problem}", flush=True)
            continue
        if len(figures) < seeds:
            print(f"{name}: left out: its data are not available", flush=True)
            continue
        yield name, _line((name, *table.cells(np.array(figures, np.float64))))


def put(name: str, row: str, seeds: int, page: Path) -> None:
    """Write a row into the page, in the order of NAMES; keep the rows of other recipes.

    Rows of another number of seeds are dropped.
    """
    text = page.read_text("utf-8") if page.exists() else ""
    lines = text.splitlines() if f" over {seeds} seeds:" in text else []
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}
    rows.pop("recipe", None)  # the heads
    rows[name] = row
    absent = [name for name in NAMES if name not in rows]
    missing = [f"Not yet measured over {seeds} seeds: {', '.join(absent)}.\n"] if absent else []
    parts = [HEAD.format(seeds=seeds), *missing, *(_table(table, rows) for table in TABLES)]
    page.write_text("\n".join(part for part in parts if part), "utf-8")


def _table(table: Table, rows: Mapping[str, str]) -> str:
    """A table with its text; empty if it has no row."""
    order = {name: number for number, name in enumerate(table.names)}
    own = sorted(
        (name for name in rows if table_of(name) is table),
        key=lambda name: (order.get(name, len(order)), name),
    )
    if not own:
        return ""
    return table.text + "\n".join([table.head, *(rows[name] for name in own), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    table = None
    for name, row in measure(arguments.names, arguments.seeds):
        if table is not table_of(name):
            table = table_of(name)
            print(table.head, flush=True)
        print(row, flush=True)
        if arguments.write:
            put(name, row, arguments.seeds, PAGE)


if __name__ == "__main__":
    main()

"""Train the labelled recipes over many seeds: how far one training's figures can be trusted.

    python -m benchmarks.seeds [NAME ...] [--seeds 10] [--write]

A seed chooses the split of the normal windows, the first weights and the order of the batches.
`--write` puts each row into docs/seeds.md when it is measured; rows of other recipes stay. ECG5000
takes 3 seconds per seed on an idle core; all recipes with 10 seeds take about an hour and a half.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.checkout import ROOT
from training.bundle.errors import VigilError
from training.bundle.manifest import Manifest, Stage
from training.recipe import read_recipe
from training.train import train

PAGE = ROOT / "docs" / "seeds.md"
NAMES = (
    *("ecg5000", "ecg5000_tiny", "linear", "sparse", "sparse_kl", "denoising", "stacked"),
    *("variational", "lstm", "nab", "activity", "simulated", "sines", "vibration"),
)
HEADS = ("recipe", "AUROC, int8", "false alarms asked", "got", "recall", "float to int8")

HEAD = """# Spread over seeds

This page is written by `python -m benchmarks.seeds --seeds {seeds} --write`.

A recipe's `seed` chooses the split of the normal windows, the first weights and the order of the
batches. Each row is the int8 model's figures on the recipe's test windows over {seeds} seeds: the
mean, and the lowest to the highest in brackets. The last column is the largest difference in AUROC
between the float and the int8 model of one seed. Figures of a single seed on other pages lie
anywhere in these ranges. [Detection](detection.md) and [ECG](ecg.md) have the designs for your own
sensor and for continuous ECG.

{missing}"""


@dataclass(frozen=True)
class Row:
    """One recipe's bundles, one per seed."""

    name: str
    manifests: tuple[Manifest, ...]

    def cells(self) -> list[str]:
        """Return the row of the table."""
        int8 = [m.metrics.int8 for m in self.manifests]
        areas = _values(int8, "auroc")
        keras = _values([m.metrics.keras for m in self.manifests], "auroc")
        return [
            self.name,
            _spread(areas, ".4f"),
            f"{self.manifests[0].threshold.false_alarm_rate:.1%}",
            _spread(_values(int8, "false_alarm_rate"), ".1%"),
            _spread(_values(int8, "recall"), ".1%"),
            f"{np.abs(areas - keras).max():.4f}",
        ]


def _values(stages: Sequence[Stage], figure: str) -> np.ndarray:
    """One figure of each seed, float64 [seeds]; NaN where the labels do not allow it."""
    return np.array([getattr(stage, figure) for stage in stages], np.float64)


def _spread(values: np.ndarray, style: str) -> str:
    return f"{values.mean():{style}} ({values.min():{style}} to {values.max():{style}})"


def measure(names: Sequence[str], seeds: int) -> Iterator[Row]:
    """Train each recipe with the seeds 1 to `seeds`; a recipe without its data is left out."""
    for name in names:
        manifests = []
        try:
            with tempfile.TemporaryDirectory() as folder:
                for seed in range(1, seeds + 1):
                    recipe = read_recipe(name, [f"seed={seed}", "checks.challenge=0"])
                    manifests.append(train(recipe, Path(folder) / name, progress=False).manifest)
        except (VigilError, OSError) as problem:
            print(f"{name}: left out: {problem}", flush=True)
            continue
        if manifests[0].name != name:
            print(f"{name}: left out: its data are not at hand", flush=True)
            continue
        yield Row(name, tuple(manifests))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


TABLE = _line(HEADS) + "\n|---|" + "--:|" * (len(HEADS) - 1)


def put(row: Row, seeds: int, page: Path) -> None:
    """Write a row into the page, in the order of NAMES; keep the rows of other recipes.

    Rows of another number of seeds are dropped.
    """
    text = page.read_text("utf-8") if page.exists() else ""
    kept = text.split(TABLE)[-1] if f" over {seeds} seeds:" in text else ""
    rows = {line.split("|")[1].strip(): line for line in kept.splitlines() if line[:2] == "| "}
    rows[row.name] = _line(row.cells())
    order = {name: number for number, name in enumerate(NAMES)}
    names = sorted(rows, key=lambda name: (order.get(name, len(order)), name))
    absent = [name for name in NAMES if name not in rows]
    missing = f"Not yet measured over {seeds} seeds: {', '.join(absent)}.\n\n" if absent else ""
    lines = [TABLE, *(rows[name] for name in names)]
    page.write_text(HEAD.format(seeds=seeds, missing=missing) + "\n".join(lines) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    print(TABLE, flush=True)
    for row in measure(arguments.names, arguments.seeds):
        print(_line(row.cells()), flush=True)
        if arguments.write:
            put(row, arguments.seeds, PAGE)


if __name__ == "__main__":
    main()

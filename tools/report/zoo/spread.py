"""A recipe trained with several seeds: how far the figures of one training can be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tools.report.figures.family import ADDED, HIDDEN, mixture, restoration
from tools.report.figures.trained import Trained
from tools.report.zoo.kinds import EXTRAS, digits, neighbours
from training.bundle.errors import UnavailableError
from training.bundle.files import sha256
from training.data.mnist import STAND_IN
from training.recipe import Recipe, read_recipe

LABELLED = {
    "AUROC, int8": ".4f",
    "false alarms asked": ".1%",
    "got": ".1%",
    "recall": ".1%",
    "float to int8": ".4f",
}
"""Figures of recipes with labels, and their formats."""

UNLABELLED = {"error, int8": ".4f", "growth": "z.1%"}
"""Figures of the others."""

OTHERS = {
    "noise removed (dB)": ".1f",
    "accuracy of the code": ".3f",
    "error of masked pixels": ".3f",
    "of all pixels": ".3f",
}
"""Figures that few recipes have."""

_WORDS = """\
`{command}` wrote these tables. A seed chooses the first weights, the order of the batches and,
where windows are shuffled, the split of the normal windows. Each row has the int8 model's figures
on the recipe's test windows: the mean over so many seeds, and the lowest to the highest in
brackets. The figures of a single seed, as on the rest of this page, may lie anywhere in these
ranges. *float to int8* is the largest difference in AUROC between the float and the int8 model of a
seed. *growth* is that of the error from float to int8. The accuracy is that of a
5-nearest-neighbour classifier on the float code, on all 10,000 test images. The errors of restored
pixels are root mean squares, int8. [Detection](detection.md) and [ECG](ecg.md) have the designs for
your own sensor and for continuous ECG.
"""


@dataclass(frozen=True)
class Spread:
    """The figures of one recipe over several seeds."""

    recipe: str  # its key, so that figures of other settings are not used
    seeds: int
    figures: Mapping[str, tuple[float, float, float]]  # by name: mean, lowest, highest

    def save(self, path: Path) -> None:
        """Write the figures beside the bundle."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, recipe: str) -> Spread | None:
        """Read what `save` wrote; None if it is absent or of other settings."""
        if not path.exists():
            return None
        spread = cls(**json.loads(path.read_text(encoding="utf-8")))
        return spread if spread.recipe == recipe else None


def key(name: str, changes: Sequence[str]) -> str:
    """Return a hash of the settings of a recipe that its figures depend on."""
    recipe = _settings(name, changes)
    return sha256(recipe.model_dump_json(exclude={"seed"}).encode())[:16]


def _settings(name: str, changes: Sequence[str]) -> Recipe:
    """Read a recipe without checks, which change no figure, and without its fallback."""
    recipe = read_recipe(name, [*changes, "checks.challenge=0", "checks.baselines=false"])
    return recipe.model_copy(update={"fallback": None})


def over_seeds(name: str, changes: Sequence[str], seeds: int) -> Spread:
    """Train a recipe with `changes` and the seeds 1 to `seeds`.

    Raises:
        DataError: the recipe's data are not available.
    """
    # Imported here: it starts TensorFlow, which takes seconds and which `--help` does not need.
    from training.train import train

    recipe, each = _settings(name, changes), []
    with TemporaryDirectory() as folder:
        for seed in range(1, seeds + 1):
            own = recipe.model_copy(update={"seed": seed})
            trained = Trained(train(own, Path(folder) / name, progress=False))
            if trained.bundle.manifest.data.description == STAND_IN:
                raise UnavailableError(
                    "MNIST is not available, and other digits have other figures"
                )
            each.append(figures(trained))
    spreads = {}
    for figure in each[0]:
        values = [one[figure] for one in each]
        spreads[figure] = (float(np.mean(values)), min(values), max(values))
    return Spread(key(name, changes), seeds, spreads)


def figures(trained: Trained) -> dict[str, float]:
    """Return the figures of one seed by name, of the int8 model unless the name says otherwise."""
    manifest = trained.bundle.manifest
    keras, int8 = manifest.metrics.keras, manifest.metrics.int8
    if keras.auroc is not None and int8.auroc is not None:
        asked = manifest.threshold.false_alarm_rate
        rates = (asked, int8.false_alarm_rate or 0.0, int8.recall or 0.0)
        labelled = (int8.auroc, *rates, abs(int8.auroc - keras.auroc))
        found = dict(zip(LABELLED, labelled, strict=True))
    else:
        after, before = (float(trained.evaluation[f"{x}_test"].mean()) for x in ("int8", "keras"))
        found = dict(zip(UNLABELLED, (after, after / before - 1), strict=True))
    others = {}
    if any(getattr(trained.damage, kind) for kind in ADDED):
        others["noise removed (dB)"] = mixture(trained).gain_db()
    if EXTRAS.get(manifest.name) is digits:
        others["accuracy of the code"] = neighbours(trained).accuracy
    elif any(getattr(trained.damage, kind) for kind in HIDDEN):
        errors = restoration(trained)[1]
        others["error of masked pixels"] = errors["masked values"][1]
        others["of all pixels"] = errors["all values"][1]
    return found | others


def section(spreads: Mapping[str, Spread], *, full: bool) -> list[str]:
    """Return the lines of the page; empty without spreads."""
    if not spreads:
        return []
    command = f"vigil zoo {'--full ' if full else ''}--seeds"
    seeds = min(spread.seeds for spread in spreads.values())
    words = _WORDS.format(command=f"{command} {seeds}")
    lines = ["## Spread over seeds", " ".join(words.split()), ""]
    for kind in (LABELLED, UNLABELLED):
        rows = [row for name, spread in spreads.items() for row in _row(name, spread, kind)]
        if rows:
            heads = ("recipe", "seeds", *kind, "other figures")
            lines += [_line(heads), "|---|" + "--:|" * (len(heads) - 1), *rows, ""]
    return lines


def _row(name: str, spread: Spread, kind: Mapping[str, str]) -> list[str]:
    """Return the row of a recipe of this kind; empty for another kind."""
    if not set(kind) <= set(spread.figures):
        return []
    cells = {figure: _cell(spread.figures[figure], style) for figure, style in kind.items()}
    if kind is LABELLED:
        cells["float to int8"] = format(spread.figures["float to int8"][2], ".4f")
    others = ", ".join(described(spread, OTHERS)) or "-"
    return [_line((name, str(spread.seeds), *cells.values(), others))]


def described(
    spread: Spread, styles: Mapping[str, str] = LABELLED | UNLABELLED | OTHERS
) -> list[str]:
    """Return the name of each figure of `styles` that the recipe has, with mean and range."""
    return [
        f"{figure} {_cell(spread.figures[figure], style)}"
        for figure, style in styles.items()
        if figure in spread.figures
    ]


def _cell(figure: Sequence[float], style: str) -> str:
    mean, lowest, highest = (format(value, style) for value in figure)
    return mean if lowest == highest else f"{mean} ({lowest} to {highest})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

"""docs/zoo.md from measured rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tools.report.zoo.board import Verified
from tools.report.zoo.small import SMALL
from training.bundle.manifest import Confusion
from training.metrics import classification
from training.recipe import recipe_names


@dataclass(frozen=True)
class Row:
    """One recipe as trained and measured."""

    recipe: str
    bundle: str  # its hash
    family: str
    what: str  # the recipe's first line
    data: str
    changes: tuple[str, ...]  # small settings in place of the recipe's
    seconds: float
    parameters: int
    macs: int
    model_bytes: int
    estimated_bytes: int
    arena_bytes: int
    estimated_arena: int
    operators: tuple[str, ...]
    auroc: tuple[float | None, float | None]  # float, int8
    error: tuple[float, float]  # mean score of normal test windows: float, int8
    asked_rate: float  # of false alarms
    confusion: dict[str, int]  # int8, at the threshold
    told: str

    def save(self, path: Path) -> None:
        """Kept beside the bundle, so that the page can be written without training all again."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Row:
        """What `save` wrote."""
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for key in ("changes", "operators", "auroc", "error"):
            values[key] = tuple(values[key])
        return cls(**values)


@dataclass(frozen=True)
class Last:
    """Of the last runs: how long the last one of all recipes took, and why recipes have no row."""

    seconds: float | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Kept beside the bundles, so that the page can be written without training all again."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Last:
        """What `save` wrote; of no run where there is no file."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()


NOT_SHOWN = {
    "csv": "waits for a file of yours",
    "simulated": "stands in where heartbeats cannot be had",
}
"""Recipes that no run of all recipes trains, and why."""

IN_FULL = frozenset(name for name, changes in SMALL.items() if changes)
"""Recipes whose small settings are others; the rest are in full already."""

_MEASURED = (
    "All figures are measured: float and int8 on the same test windows, int8 in the TensorFlow "
    "Lite Micro interpreter. Error is the mean score of the normal test windows. Flash is the "
    "model's flatbuffer; arena is the interpreter's on this host, where pointers have 64 bits (a "
    "board takes less). Data that say so are simulated."
)


def page(
    rows: Sequence[Row], boards: Mapping[str, Verified], last: Last, *, full: bool = False
) -> str:
    """The whole text."""
    trained = [r for r in rows if not full or r.recipe in IN_FULL]
    whole = f"{sum(r.seconds for r in trained) / 60:.1f} minutes of training"
    if last.seconds is not None:
        whole += f", {last.seconds / 60:.1f} on the clock, pictures included"
    shown = {row.recipe for row in rows}
    shown |= set(last.left_out)
    without = [f"`{name}` {why}" for name, why in NOT_SHOWN.items() if name not in shown]
    missing = f" Not here: {', '.join(without)}." if without else ""
    missing += "".join(f" **{name} is left out**: {why}." for name, why in last.left_out.items())
    count = f"{len(rows)} of the {len(recipe_names())} recipes that come along"
    if full:
        head = (
            f"# The zoo in full\n\n{count}, with their own settings, by `vigil zoo --full`: "
            f"{whole}. Recipes that [zoo.md](zoo.md) does not make smaller are in the table alone."
            f"{missing} {_MEASURED}"
        )
    else:
        head = (
            f"# The zoo\n\n{count}, trained by `vigil zoo`, which also wrote this page: {whole}, "
            "small settings where they are named below; in full they are in "
            f"[zoo-full.md](zoo-full.md).{missing} {_MEASURED}"
        )
    return "\n".join(
        [
            head,
            "",
            *_losses(rows),
            "| recipe | family | parameters | MACs | flash | arena | AUROC float | int8 "
            "| error float | int8 | int8 / float |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            *(_line(row, full) for row in rows),
            "",
            *([] if full else _boards(boards)),
            *(_section(row, full) for row in rows if not full or row.recipe in IN_FULL),
        ]
    )


def _losses(rows: Sequence[Row]) -> list[str]:
    """What quantizing cost at most: of AUROC where there is one, else of the error.

    An error that grew by more than that where there is an AUROC is told, too.
    """
    areas = [(a - b, row.recipe) for row in rows for a, b in (row.auroc,) if a and b]
    errors = [(_growth(row), row.recipe) for row in rows if not row.auroc[1]]
    others = [(_growth(row), row.recipe) for row in rows if row.auroc[1]]
    told = []
    if areas:
        loss, name = max(areas)
        told.append(f"at most {max(loss, 0):.4f} of AUROC ({name})")
    if errors:
        loss, name = max(errors)
        told.append(f"at most {100 * max(loss, 0):.1f} % of the error without labels ({name})")
    if others:
        growth, name = max(others)
        told.append(f"at most {100 * max(growth, 0):.1f} % of the error with labels ({name})")
    return [f"Quantizing costs {', '.join(told)}.", ""] if told else []


def _growth(row: Row) -> float:
    return row.error[1] / row.error[0] - 1


def _line(row: Row, full: bool) -> str:
    page = "zoo.md" if full and row.recipe not in IN_FULL else ""
    cells = [
        f"[{row.recipe}]({page}#{row.recipe})",
        row.family,
        f"{row.parameters:,}",
        f"{row.macs:,}",
        f"{row.model_bytes:,}",
        f"{row.arena_bytes:,}",
        *("-" if a is None else f"{a:.4f}" for a in row.auroc),
        *(f"{e:.4g}" for e in row.error),
        f"{row.error[1] / row.error[0]:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


def _boards(boards: Mapping[str, Verified]) -> list[str]:
    if not boards:
        return []
    return [
        "## On the emulated board",
        "By `vigil zoo --board`: each of these bundles turned to C++ (compiled engine), built with "
        "the Nano's memory limits, booted on the emulated Cortex-M4, and streamed its golden "
        "windows and some more of the test set. Every byte of scaled input and of output is "
        "compared with the interpreter's. Flash and SRAM are the whole image's, without the "
        "stack; instructions are those of one inference, emulated.",
        "",
        "| recipe | windows | bytes compared | differing | instructions | flash | SRAM |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {name} | {b.windows:,} | {b.bytes:,} | {b.differing:,} | {b.instructions:,} "
            f"| {b.flash:,} | {b.sram:,} |"
            for name, b in boards.items()
        ),
        "",
    ]


def _section(row: Row, full: bool) -> str:
    changes = ""
    if row.changes:
        changes = f" Small settings: {', '.join(f'`{change}`' for change in row.changes)}."
    told = f" {row.told}" if row.told else ""
    return (
        f"## {row.recipe}\n{row.what} `vigil train {row.recipe}`.\n\n"
        f"![{row.recipe}](zoo/{'full/' if full else ''}{row.recipe}.png)\n\n"
        f"{row.data}. Trained, quantized and measured in {row.seconds:.0f} s.{changes}{told} "
        f"Operators: {', '.join(row.operators)}. Estimated before training: "
        f"{row.estimated_bytes:,} bytes of flash, {row.estimated_arena:,} of arena.\n"
        f"{_report(row)}"
    )


def _report(row: Row) -> str:
    """Classification report, where the test windows are of both kinds."""
    confusion = Confusion(**row.confusion)
    classes = classification(confusion)
    if not all(c.windows for c in classes):
        return ""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    flagged = (confusion.false_positive, confusion.true_positive)
    lines = [
        f"\nint8 at the threshold, {100 * row.asked_rate:g} % false alarms asked for:\n",
        "| class | precision | recall | F1 | windows | flagged |",
        "|---|--:|--:|--:|--:|--:|",
        *(
            f"| {c.name} | {share(c.precision)} | {share(c.recall)} | {share(c.f1)} "
            f"| {c.windows:,} | {hit:,} |"
            for c, hit in zip(classes, flagged, strict=True)
        ),
    ]
    return "\n".join(lines) + "\n"

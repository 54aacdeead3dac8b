"""The pages docs/zoo.md and docs/zoo-full.md, from measured rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from tools.report.zoo.board import Verified
from tools.report.zoo.small import SMALL
from tools.report.zoo.spread import Spread, section
from training.bundle.manifest import Confusion
from training.metrics import classification
from training.recipe import recipe_names


@dataclass(frozen=True)
class Row:
    """One recipe, trained and measured."""

    recipe: str
    bundle: str  # hash of the bundle
    family: str
    summary: str  # the first lines of the recipe
    data: str
    changes: tuple[str, ...]  # small settings that replace the recipe's own
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
    remarks: str

    def save(self, path: Path) -> None:
        """Write the row, so that the page can be written without training again."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Row:
        """Read what `save` wrote."""
        return TypeAdapter(cls).validate_json(path.read_bytes())


@dataclass(frozen=True)
class Last:
    """The last runs: minutes that a run of all recipes took, and why a recipe has no row."""

    seconds: float | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the runs, so that the page can be written without training again."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Last:
        """Read what `save` wrote; no run if there is no file."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()


NOT_SHOWN = {
    "csv": "needs a file of yours",
    "simulated": "replaces heartbeats that cannot be downloaded",
    "ecg": "has a page of its own, ecg.md",
    "ecg_simulated": "replaces records that cannot be downloaded",
    "ecg5000_labelled": "has the network of `ecg5000`",
}
"""Recipes that a run of all recipes leaves out, and why."""

IN_FULL = frozenset(name for name, changes in SMALL.items() if changes)
"""Recipes with small settings of their own; the others are trained in full for both pages."""

_MEASURED = (
    "All figures are measured, with one seed: float and int8 on the same test windows, int8 in the "
    "TensorFlow Lite Micro interpreter. {spread}. Error is the mean score of the "
    "normal test windows. Flash is the size of the model's flatbuffer. Arena is the interpreter's "
    "on this host, where pointers have 64 bits; a board needs less. Simulated data are marked as "
    "such."
)


def page(
    rows: Sequence[Row],
    last: Last,
    boards: Mapping[str, Verified] | None = None,
    spreads: Mapping[str, Spread] | None = None,
    *,
    full: bool = False,
) -> str:
    """The text of one page: docs/zoo.md, or docs/zoo-full.md with `full`, without the boards."""
    trained = [r for r in rows if not full or r.recipe in IN_FULL]
    whole = f"{sum(r.seconds for r in trained) / 60:.1f} minutes of training"
    if last.seconds is not None:
        whole += f", {last.seconds / 60:.1f} on the clock, pictures included"
    shown = {row.recipe for row in rows}
    shown |= set(last.left_out)
    without = [f"`{name}` {why}" for name, why in NOT_SHOWN.items() if name not in shown]
    missing = f" Not trained: {', '.join(without)}." if without else ""
    missing += "".join(f" **{name} is left out**: {why}." for name, why in last.left_out.items())
    count = f"{len(rows)} of the {len(recipe_names())} recipes that come with Vigil"
    spread = "`vigil zoo --seeds 10` trains with several seeds"
    if spreads:
        spread = "[Spread over seeds](#spread-over-seeds) has several seeds"
    measured = _MEASURED.format(spread=spread)
    if full:
        head = (
            f"# Zoo in full\n\n`vigil zoo --full` wrote this page: {count}, trained with their own "
            f"settings ({whole}). A recipe without small settings is only in the table; its "
            f"section is in [zoo.md](zoo.md).{missing}\n\n{measured}"
        )
    else:
        head = (
            f"# Zoo\n\n`vigil zoo` wrote this page: {count}, trained with the small settings that "
            f"their sections name ({whole}). [zoo-full.md](zoo-full.md) has the recipes' own "
            f"settings.{missing}\n\n{measured}"
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
            *section(spreads or {}, full=full),
            *([] if full else _boards(boards or {})),
            *(_section(row, full) for row in rows if not full or row.recipe in IN_FULL),
        ]
    )


def _losses(rows: Sequence[Row]) -> list[str]:
    """The greatest loss by quantization: of AUROC, and of error with and without labels."""
    areas = [(a - b, row.recipe) for row in rows for a, b in (row.auroc,) if a and b]
    errors = [(_growth(row), row.recipe) for row in rows if not row.auroc[1]]
    others = [(_growth(row), row.recipe) for row in rows if row.auroc[1]]
    losses = []
    if areas:
        loss, name = max(areas)
        losses.append(f"at most {max(loss, 0):.4f} of AUROC ({name})")
    if errors:
        loss, name = max(errors)
        losses.append(f"at most {100 * max(loss, 0):.1f} % of the error without labels ({name})")
    if others:
        growth, name = max(others)
        losses.append(f"at most {100 * max(growth, 0):.1f} % of the error with labels ({name})")
    return [f"Quantization costs {', '.join(losses)}.", ""] if losses else []


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
        "`vigil zoo --board` wrote this table. It converts each bundle to C++ (compiled engine), "
        "builds it with the Nano's memory limits, boots it on the emulated Cortex-M4, and streams "
        "the golden windows and some of the test set. It compares every byte of scaled input and "
        "of output with the interpreter's. Flash and SRAM are those of the whole image, without "
        "the stack. Instructions are those of one inference, emulated.",
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
    remarks = f" {row.remarks}" if row.remarks else ""
    return (
        f"## {row.recipe}\n{row.summary} `vigil train {row.recipe}`.\n\n"
        f"![{row.recipe}](zoo/{'full/' if full else ''}{row.recipe}.png)\n\n"
        f"{row.data}. Trained, quantized and measured in {row.seconds:.0f} s.{changes}{remarks} "
        f"Operators: {', '.join(row.operators)}. Estimated before training: "
        f"{row.estimated_bytes:,} bytes of flash, {row.estimated_arena:,} of arena.\n"
        f"{_report(row)}"
    )


def _report(row: Row) -> str:
    """The classification report; empty unless the test windows are of both classes."""
    confusion = Confusion(**row.confusion)
    classes = classification(confusion)
    if not all(c.windows for c in classes):
        return ""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    flagged = (confusion.false_positive, confusion.true_positive)
    lines = [
        f"\nint8 at the threshold, {100 * row.asked_rate:g} % false alarms chosen:\n",
        "| class | precision | recall | F1 | windows | flagged |",
        "|---|--:|--:|--:|--:|--:|",
        *(
            f"| {c.name} | {share(c.precision)} | {share(c.recall)} | {share(c.f1)} "
            f"| {c.windows:,} | {hit:,} |"
            for c, hit in zip(classes, flagged, strict=True)
        ),
    ]
    return "\n".join(lines) + "\n"

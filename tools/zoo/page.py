"""docs/zoo.md from measured rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One recipe as trained and measured."""

    recipe: str
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


def page(rows: Sequence[Row]) -> str:
    """The whole text."""
    seconds = sum(row.seconds for row in rows)
    return "\n".join(
        [
            "# The zoo",
            "",
            "Every recipe that comes along, trained by `vigil zoo`, which also wrote this page: "
            f"{len(rows)} recipes in {seconds / 60:.1f} minutes of training, quantizing and "
            "measuring, small settings where they are "
            "named below. All figures are measured: float and int8 on the same test windows, int8 "
            "in the TensorFlow Lite Micro interpreter. Error is the mean score of the normal test "
            "windows. Flash is the model's flatbuffer; arena is the interpreter's on this host, "
            "where pointers have 64 bits (a board takes less). Data that say so are simulated.",
            "",
            "| recipe | family | parameters | MACs | flash | arena | AUROC float | int8 "
            "| error float | int8 | int8 / float |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            *(_line(row) for row in rows),
            "",
            *(_section(row) for row in rows),
        ]
    )


def _line(row: Row) -> str:
    cells = [
        f"[{row.recipe}](#{row.recipe})",
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


def _section(row: Row) -> str:
    changes = ""
    if row.changes:
        changes = f" Small settings: {', '.join(f'`{change}`' for change in row.changes)}."
    told = f" {row.told}" if row.told else ""
    return (
        f"## {row.recipe}\n{row.what} `vigil train {row.recipe}`.\n\n"
        f"![{row.recipe}](zoo/{row.recipe}.png)\n\n"
        f"{row.data}. Trained, quantized and measured in {row.seconds:.0f} s.{changes}{told} "
        f"Operators: {', '.join(row.operators)}. Estimated before training: "
        f"{row.estimated_bytes:,} bytes of flash, {row.estimated_arena:,} of arena.\n"
    )

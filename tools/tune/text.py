"""The state and the result of a search as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.tune.result import Finalist, Spread
from tools.tune.study import Done, front
from training.bundle.wording import plural

MOST_ROWS = 12


def progress(
    trials: Sequence[Done], before: int, seconds: float, most: int | None, left: float | None
) -> RenderableType:
    """Return the Pareto front so far, the rate and the time left.

    "window" and "inference" are instructions: of a window as a whole, and of the model alone.

    Args:
        before: fitted trials that were stored before this run began.
        seconds: since then.
        most: number of trials at which the search ends, or None.
        left: seconds until it ends, if it was given a time.
    """
    fitted = sum(bool(each.detection) for each in trials)
    new = fitted - before
    rate = 60 * new / seconds if seconds > 0 else 0.0
    if left is None and most is not None and new:
        left = (most - fitted) * seconds / new
    parts = [
        f"{fitted} {plural('trial', fitted)}"
        if most is None
        else f"{fitted} of {most} {plural('trial', most)}",
        f"{rate:.1f} a minute",
    ]
    if left is not None:
        parts.append(f"{max(0.0, left) / 60:.1f} minutes left")
    refused = sum(not each.detection and each.problem is None for each in trials)
    invalid = sum(each.problem is not None for each in trials)
    if refused:
        parts.append(f"{refused} beyond the budget")
    if invalid:
        parts.append(f"{invalid} not possible")
    table = _table("trial", "detection", "window", "inference", "flash", "SRAM", "settings")
    points = front(list(trials))
    for each in points[-MOST_ROWS:]:
        assert each.cost is not None
        settings = ", ".join(f"{k.split('.')[-1]} {_short(v)}" for k, v in each.values.items())
        table.add_row(
            str(each.number),
            f"{each.mean:.4f}",
            f"{each.cost.window:,.0f}",
            f"{each.cost.instructions:,.0f}",
            f"{each.cost.flash:,}",
            f"{each.cost.sram:,}",
            settings,
        )
    return Group(Text("; ".join(parts), style="bold"), table)


def result(finalists: Sequence[Finalist], chosen: Finalist) -> RenderableType:
    """Return the finalists: what the search believed, fresh seeds, and the test; 80 columns."""
    table = _table("", "window", "inference", "searched", "fresh seeds", "test")
    for each in finalists:
        name = "as it was" if each.trial is None else each.recipe.name.rpartition("-")[2]
        table.add_row(
            name,
            f"{each.cost.window:,.0f}",
            f"{each.cost.instructions:,.0f}",
            each.believed.short,
            each.fresh.short,
            "-" if each.test is None else each.test.short,
            style="bold" if each is chosen else "",
        )
    return table


def markdown(finalists: Sequence[Finalist], chosen: Finalist) -> str:
    """Return the same as a Markdown table."""
    costs = ("instructions of a window", "of its inference", "flash", "SRAM")
    head = ("", *costs, "searched (float)", "fresh seeds (int8)")
    rows = [(*head, "test AUROC", "test false alarms", "test recall"), ("---",) * 10]
    for each in finalists:
        name = each.recipe.name + (" (as it was)" if each.trial is None else "")
        rows.append(
            (
                f"**{name}**" if each is chosen else name,
                *(f"{each.cost.window:,.0f}", f"{each.cost.instructions:,.0f}"),
                *(f"{each.cost.flash:,}", f"{each.cost.sram:,}"),
                *(each.believed.text, each.fresh.text, _or_dash(each.test)),
                *(_or_dash(each.false_alarms), _or_dash(each.recall)),
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in heads:
        right = head in ("trial", "detection", "window", "inference", "flash", "SRAM")
        table.add_column(head, justify="right" if right else "left", no_wrap=head != "settings")
    return table


def _or_dash(spread: Spread | None) -> str:
    return "-" if spread is None else spread.text


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return "-".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return " ".join(f"{key} {each}" for key, each in value.items())
    return str(value)

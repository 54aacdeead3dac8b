"""What verify found, as text for a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.measure.verify.result import Count, VerifyResult


def render(result: VerifyResult) -> RenderableType:
    """The table of rungs, for rich."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("differs from the interpreter")
    for head in ("windows", "input bytes", "output bytes", "scores"):
        table.add_column(head, justify="right", no_wrap=True)
    for rung in result.rungs:
        cells = [_cell(c) for c in (rung.input, rung.output, rung.score)]
        table.add_row(rung.name, f"{rung.windows:,}", *cells)
    lines: list[RenderableType] = [
        Text(f"{result.name}: {result.golden} golden windows and {result.more:,} more"),
        Text(),
        table,
        Text(),
    ]
    for rung in result.rungs:
        if rung.note:
            lines.append(Text(f"{rung.name}: {rung.note}", style="dim"))
        if rung.first_wrong:
            lines.append(Text(f"{rung.name}: {rung.first_wrong}", style="bold red"))
    if result.keras is not None:
        k = result.keras
        lines.append(
            Text(
                f"Keras, in floating point: scores differ from int8 by {k.mean_absolute:.3g} on "
                f"average, {k.largest:.3g} at most (mean score {k.mean_score:.3g})",
                style="dim",
            )
        )
    ran = "" if all(rung.windows for rung in result.rungs) else " that ran"
    verdict = (
        Text(f"equal on every rung{ran}", style="bold green")
        if result.ok
        else Text("NOT equal: the rungs above disagree with the interpreter", style="bold red")
    )
    return Group(*lines, verdict)


def render_text(result: VerifyResult, width: int = 100) -> str:
    """As render(), as plain text."""
    console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(render(result))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _cell(count: Count | None) -> Text:
    if count is None:
        return Text("–", style="dim")
    style = "bold red" if count.wrong else "green"
    return Text(f"{count.wrong:,}", style=style).append(f" of {count.of:,}", style="dim")

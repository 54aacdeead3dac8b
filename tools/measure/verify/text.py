"""The result of verify as text for a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.measure.verify.result import Count, VerifyResult


def render(result: VerifyResult) -> RenderableType:
    """Return the table of targets, for rich."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("target", no_wrap=True)
    for head in ("windows", "input bytes", "output bytes", "scores"):
        table.add_column(head, justify="right", no_wrap=True)
    for target in result.targets:
        cells = [_cell(c) for c in (target.input, target.output, target.score)]
        table.add_row(target.name, f"{target.windows:,}", *cells)
    lines: list[RenderableType] = [
        Text(f"{result.name}: {result.golden} golden windows and {result.more:,} more"),
        Text("Values that differ from the interpreter's, of the values compared:", style="dim"),
        Text(),
        table,
        Text(),
    ]
    for target in result.targets:
        if target.note:
            lines.append(Text(f"{target.name}: {target.note}", style="dim"))
        if target.first_wrong:
            lines.append(Text(f"{target.name}: {target.first_wrong}", style="bold red"))
    if result.keras is not None:
        k = result.keras
        lines.append(
            Text(
                "Keras, in floating point: scores differ from the int8 scores by "
                f"{k.mean_absolute:.3g} on average, {k.largest:.3g} at most "
                f"(mean score {k.mean_score:.3g})",
                style="dim",
            )
        )
    ran = "" if all(target.windows for target in result.targets) else " that ran"
    verdict = (
        Text(f"equal on every target{ran}", style="bold green")
        if result.ok
        else Text("NOT equal: targets above differ from the interpreter", style="bold red")
    )
    return Group(*lines, verdict)


def render_text(result: VerifyResult, width: int = 100) -> str:
    """Return render() as plain text."""
    console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(render(result))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _cell(count: Count | None) -> Text:
    if count is None:
        return Text("–", style="dim")
    style = "bold red" if count.wrong else "green"
    return Text(f"{count.wrong:,}", style=style).append(f" of {count.of:,}", style="dim")

"""A budget as text for a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.measure.budget.budget import Budget, Memory
from tools.measure.budget.parts import OWN

_BAR, _TITLE, _SYMBOL = 20, 19, 39  # characters; a line fits a terminal of 80
_TRACK = 12  # the bar of a whole memory
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_NAMES = {"flash": "Flash", "sram": "SRAM"}


def render(budget: Budget, largest: int = 0) -> RenderableType:
    """Return tables with bars, for rich, with the `largest` largest symbols of each part."""
    parts: list[RenderableType] = [Text(f"{budget.image} on {budget.board}", style="bold")]
    for memory in (budget.flash, budget.sram):
        parts += [Text(), _memory(memory, largest)]
    parts += [Text(), *(Text(line) for line in facts(budget))]
    return Group(*parts)


def render_text(budget: Budget, width: int = 88, largest: int = 0) -> str:
    """Return render() as plain text."""
    console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(render(budget, largest))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _memory(memory: Memory, largest: int) -> RenderableType:
    over = memory.free < 0
    head = Text(f"{_NAMES[memory.name]:<{_TITLE + 2}}", style="bold")
    head.append(f"{memory.used:>9,}")
    head.append(f" of {memory.limit:,}", style="dim")
    head.append_text(Text("  ").append_text(_track(memory.used, memory.limit, _colour(over))))
    head.append(f"  {100 * memory.used / memory.limit:.1f} %", style=_colour(over))
    head.append(_left(memory), style="bold red" if over else "dim")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(min_width=_TITLE, no_wrap=True)
    table.add_column(justify="right", min_width=9, no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", min_width=_BAR)
    table.add_column(justify="right", no_wrap=True)
    most = max((p.size for p in memory.parts if p.name != "heap"), default=1)
    for part in memory.parts:
        if part.name == "heap":
            continue
        bar = _bar(part.size, most, "cyan" if part.name in OWN else "bright_black")
        share = Text(f"{100 * part.size / memory.used:.1f} %", style="dim")
        table.add_row(f"  {part.title}", f"{part.size:,}", bar, share)
        for item in part.largest[:largest]:
            name = item.symbol if len(item.symbol) <= _SYMBOL else item.symbol[: _SYMBOL - 1] + "…"
            table.add_row("", Text(f"{item.size:,}", style="dim"), Text(name, style="dim"), "")
    return Group(head, table)


def _colour(over: bool) -> str:
    return "bold red" if over else "green"


def _track(value: int, whole: int, style: str) -> Text:
    """Return a bar of at most _TRACK characters, with dots up to `whole`."""
    bar = _bar(value, whole, style, _TRACK)
    return bar.append("·" * (_TRACK - len(bar)), style="dim")


def _bar(value: int, whole: int, style: str, width: int = _BAR) -> Text:
    """Return a bar in eighths of a character, `width` characters for `whole`."""
    eighths = min(round(8 * width * value / whole), 8 * width) if whole else 0
    if value and not eighths:
        eighths = 1
    full, rest = divmod(eighths, 8)
    return Text("█" * full + (_EIGHTHS[rest] if rest else ""), style=style)


def _left(memory: Memory) -> str:
    if memory.free < 0:
        return f", {-memory.free:,} too many"
    return f", {memory.free:,} left"


def facts(budget: Budget) -> list[str]:
    """Return sentences on stack, arena and time; each measured figure names its source."""
    measured = budget.measured
    mark = f" ({measured.source})" if measured else ""
    stack = f"Stack: {budget.stack_reserved:,} bytes reserved"
    if measured and measured.stack_used is not None:
        stack += f", {measured.stack_used:,} used at most{mark}"
    if budget.stack_worst_case is not None:
        stack += f", {budget.stack_worst_case:,} in the worst case (compiler's figures)"
    if budget.inference_stack is not None:
        stack += f"; an inference takes at most {budget.inference_stack:,} (compiler's figures)"
    lines = [f"{stack}."]
    if measured and measured.arena_used is not None:
        arena = budget.sram.part("arena")
        lines.append(f"Arena: {measured.arena_used:,} of {arena:,} bytes used{mark}.")
    if measured and measured.instructions is not None:
        lines.append(f"Time: {measured.instructions:,} instructions per inference{mark}.")
    return lines

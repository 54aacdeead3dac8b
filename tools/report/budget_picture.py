"""Picture of a budget: each memory to scale, with its parts below."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.measure.budget.budget import Budget, Memory, Part
from tools.measure.budget.parts import OWN
from tools.monitor.theme import DARK, LIGHT, style, themed_svg
from training.bundle.errors import BudgetError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.235  # inches per part
_NAMES = {"flash": "Flash", "sram": "SRAM"}
_SMALL = 0.004  # parts below this share of the used bytes form one row


def check_picture(path: Path) -> None:
    """Raise BudgetError if no picture can be written to `path`."""
    if path.suffix not in (".png", ".svg"):
        raise BudgetError(f"{path}: the name of a picture ends in .png or .svg")
    if not path.parent.is_dir():
        raise BudgetError(f"{path}: no folder {path.parent}")


def draw(budget: Budget, path: Path, dark: bool = False) -> Path:
    """Write the picture to `path`, as .svg or .png.

    An SVG follows the reader's preference for light or dark; a PNG is light unless `dark`.

    Raises:
        BudgetError: the suffix is another, or the folder does not exist.
    """
    path = Path(path)
    check_picture(path)
    if path.suffix == ".svg":
        with style():
            svg = themed_svg(figure(budget, LIGHT), "budget", alone=True)
        path.write_text(svg + "\n")
        return path
    colours = DARK if dark else LIGHT
    with style(colours):
        figure(budget, colours).savefig(path, dpi=200, facecolor=colours["panel"])
    return path


def memory_svg(memory: Memory, prefix: str) -> str:
    """One memory of the picture as an SVG element."""
    # Imported here, as below: matplotlib takes half a second to load.
    from matplotlib.figure import Figure

    with style():
        drawing = Figure(figsize=(4.3, _height(len(_rows(memory)))))
        _column(drawing, memory, LIGHT, len(_rows(memory)), 0.0, 1.0)
        return themed_svg(drawing, prefix)


def figure(budget: Budget, colours: dict[str, str]) -> Figure:
    """The picture; the caller enters theme.style()."""
    from matplotlib.figure import Figure

    memories = (budget.flash, budget.sram)
    rows = max(len(_rows(m)) for m in memories)
    drawing = Figure(figsize=(9.4, _height(rows)))
    for left, memory in zip((0.025, 0.525), memories, strict=True):
        _column(drawing, memory, colours, rows, left, 0.45)
    return drawing


def _height(rows: int) -> float:
    return 0.86 + _ROW * rows


def _column(
    drawing: Figure, memory: Memory, colours: dict[str, str], rows: int, left: float, width: float
) -> None:
    height = _height(rows)
    head = drawing.add_axes((left, 1 - 0.58 / height, width, 0.13 / height))
    _scale(head, memory, colours)
    body = drawing.add_axes((left, 0.1 / height, width, _ROW * rows / height))
    _bars(body, memory, rows, colours)


def _scale(axes: Axes, memory: Memory, colours: dict[str, str]) -> None:
    over = memory.free < 0
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    axes.barh(0.5, 1, height=1, color=colours["room"], linewidth=0)
    start = 0.0
    for own in (True, False):
        size = sum(p.size for p in memory.parts if (p.name in OWN) == own and p.name != "heap")
        end = min(start + size / memory.limit, 1.0)
        colour = colours["normal"] if own else colours["platform"]
        axes.barh(0.5, end - start, left=start, height=1, linewidth=0, color=colour)
        start = end
    axes.text(0, 1.55, _NAMES[memory.name], weight="bold", fontsize=11.5, va="baseline")
    share = (
        f"{memory.used:,} of {memory.limit:,} bytes  ·  {100 * memory.used / memory.limit:.1f} %"
    )
    axes.text(
        1, 1.55, share, ha="right", va="baseline", color=colours["abnormal" if over else "soft"]
    )


def _rows(memory: Memory) -> list[tuple[str, str, int]]:
    """Name, title and bytes of each part, largest first; the smallest form one row."""
    shown: list[tuple[str, str, int]] = []
    small: list[Part] = []
    for part in sorted(memory.parts, key=lambda p: -p.size):
        if part.name == "heap":
            continue
        if part.size < _SMALL * memory.used and part.name not in OWN:
            small.append(part)
        else:
            shown.append((part.name, part.title, part.size))
    if small:
        title = small[0].title if len(small) == 1 else f"{len(small)} smaller parts"
        shown.append((small[0].name, title, sum(p.size for p in small)))
    return shown


def _bars(axes: Axes, memory: Memory, rows: int, colours: dict[str, str]) -> None:
    entries = _rows(memory)
    most = max((size for *_, size in entries), default=1)
    axes.set(xlim=(-0.64, 1), ylim=(rows - 0.5, -0.5))
    axes.axis("off")
    for row, (part, title, size) in enumerate(entries):
        own = part in OWN
        axes.barh(
            row,
            max(0.8 * size / most, 0.004),
            height=0.62,
            linewidth=0,
            color=colours["normal" if own else "platform"],
        )
        axes.text(-0.64, row, title, va="center", color=colours["ink" if own else "soft"])
        axes.text(-0.03, row, f"{size:,}", va="center", ha="right", fontsize=9)
        axes.text(
            max(0.8 * size / most, 0.004) + 0.02,
            row,
            f"{100 * size / memory.used:.1f} %",
            va="center",
            fontsize=8.5,
            color=colours["faint"],
        )

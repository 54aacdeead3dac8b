"""The colours of all figures, pages and views, in a light and a dark theme.

A figure is drawn once, in the light theme. `themed_svg` replaces its colours by CSS variables, so
that the SVG follows the reader's preference for light or dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Colour:
    """A colour's role, and its value in each theme."""

    name: str
    light: str
    dark: str


# Normal and abnormal differ in lightness as well as in hue, by 2 to 1 at least, so that they are
# distinguishable in grey print and with any colour vision.
PALETTE = (
    Colour("paper", "#fbfaf7", "#14171a"),
    Colour("panel", "#fefefd", "#1b1f23"),
    Colour("ink", "#1a1d21", "#e9e6df"),
    Colour("soft", "#5c6269", "#a3a8ad"),
    Colour("faint", "#666b71", "#91979d"),
    Colour("line", "#e2dfd8", "#30353a"),
    Colour("normal", "#0c475f", "#3d91ab"),
    Colour("normal-wash", "#c9dfe6", "#234653"),
    Colour("abnormal", "#c8481b", "#ffb48f"),
    Colour("abnormal-wash", "#f6d9cc", "#553021"),
    Colour("third", "#7a5ea8", "#b49be0"),
    Colour("third-wash", "#dfd6ee", "#3b3154"),
    Colour("platform", "#b9bcbd", "#565c62"),
    Colour("good", "#2f7d4f", "#6cc48d"),
    Colour("room", "#efece5", "#262b30"),
    # Of ECG paper: a line every millimetre, and every fifth.
    Colour("grid-small", "#f7e3e1", "#2a2426"),
    Colour("grid-large", "#eab9b5", "#4b3336"),
)
LIGHT = {c.name: c.light for c in PALETTE}
DARK = {c.name: c.dark for c in PALETTE}
FONTS = (
    '"Inter", ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Helvetica Neue", '
    'Arial, "DejaVu Sans", sans-serif'
)


def css_variables(colours: dict[str, str]) -> str:
    """Return the declarations `--name: value;` of all colours."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


@contextmanager
def style(colours: dict[str, str] = LIGHT) -> Iterator[dict[str, str]]:
    """Set matplotlib's style within the context; yield `colours`."""
    # The monitor uses the colours without matplotlib, which takes half a second to import.
    import matplotlib

    settings: Any = {
        "font.family": "sans-serif",
        "font.size": 9.5,
        "text.color": colours["ink"],
        "axes.labelcolor": colours["soft"],
        "axes.edgecolor": colours["line"],
        "axes.facecolor": "none",
        "axes.linewidth": 0.9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.labelsize": 9,
        "axes.unicode_minus": True,
        "xtick.color": colours["soft"],
        "ytick.color": colours["soft"],
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "grid.color": colours["line"],
        "grid.linewidth": 0.7,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "round",
        "svg.fonttype": "none",
        "svg.hashsalt": "vigil",
    }
    with matplotlib.rc_context(settings):
        yield colours


def svg(figure: Figure) -> str:
    """Return `figure` as an SVG element, reproducibly: without a date or random ids."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    return re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL).strip()


def themed_svg(figure: Figure, prefix: str = "", alone: bool = False) -> str:
    """Return `figure`, drawn in LIGHT, as an SVG element whose colours are CSS variables.

    Args:
        prefix: makes the ids of several figures in one page unique.
        alone: add the variables and a background, for a separate file.
    """
    text = svg(figure)
    for colour in PALETTE:
        text = re.sub(re.escape(colour.light), f"var(--{colour.name})", text, flags=re.IGNORECASE)
    # Inherit the page's font; texts are anchored, so that their widths may differ.
    text = re.sub(r"font: ([^;\"]*?)'?(?:DejaVu Sans|sans-serif)[^;\"]*", r"font: \1inherit", text)
    text = re.sub(r"font: (\d+ )?([\d.]+px) inherit", _font, text)
    if prefix:
        text = re.sub(r'\bid="', f'id="{prefix}-', text)
        text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)
    if alone:
        rules = (
            f"svg {{ {css_variables(LIGHT)} background: var(--panel); font-family: {FONTS}; }}"
            f" @media (prefers-color-scheme: dark) {{ svg {{ {css_variables(DARK)} }} }}"
        )
        text = re.sub(r"(<svg[^>]*>)", rf"\1<style>{rules}</style>", text, count=1)
    else:
        text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
        text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return text


def plain_log(axes: Any, which: str = "x") -> None:
    """Label a logarithmic axis with plain numbers, as many as fit."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    subs: Sequence[float] = (
        (1.0,) if high / low > 300 else (1.0, 3.0) if high / low > 30 else (1, 2, 5)
    )
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _font(match: re.Match[str]) -> str:
    weight = f"font-weight: {match[1].strip()}; " if match[1] else ""
    return f"{weight}font-size: {match[2]}"

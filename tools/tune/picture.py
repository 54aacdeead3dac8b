"""Picture of a result: detection against instructions of a window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any

from tools.monitor.theme import LIGHT, style, themed_svg
from tools.tune.budget import Budget
from tools.tune.result import Finalist
from tools.tune.study import Done
from training.bundle.wording import plural

LABEL_WIDTH, LABEL_HEIGHT = 110.0, 11.0  # points


def draw(
    path: Path,
    title: str,
    objective: str,
    trials: Sequence[Done],
    finalists: Sequence[Finalist],
    chosen: Finalist,
    budget: Budget,
) -> None:
    """Write the picture as `path`, .svg, and beside it as .png.

    A grey dot is a trial of the search. A bubble is a finalist with fresh seeds: its area grows
    with its flash, and its bar is the range over seeds.
    """
    # Imported here: matplotlib takes half a second to load.
    from matplotlib.figure import Figure

    colours = LIGHT
    with style(colours):
        figure = Figure(figsize=(8.6, 5.0))
        axes = figure.add_axes((0.09, 0.12, 0.88, 0.72))
        known = [(t.cost.window, t.mean) for t in trials if t.detection and t.cost]
        across, up = zip(*known, strict=True)
        axes.scatter(across, up, s=12, color=colours["platform"])
        flash = [each.cost.flash for each in finalists]
        least, span = min(flash), max(max(flash) - min(flash), 1)
        for each in finalists:
            colour = colours[_colour(each, chosen)]
            fresh, at = each.fresh, each.cost.window
            axes.plot([at, at], [fresh.lowest, fresh.highest], color=colour, linewidth=1.2)
            area = 50 + 350 * (each.cost.flash - least) / span
            axes.scatter([at], [fresh.mean], s=area, color=colour, alpha=0.75, zorder=3)
        values = [value for each in finalists for value in (each.fresh.lowest, each.fresh.highest)]
        low = min(values) - 0.15 * (max(values) - min(values) + 1e-6)
        best = max(*values, *up)
        high = best + 0.12 * (best - min(values) + 1e-6)
        axes.set_ylim(low, high)
        costs = [each.cost.window for each in finalists]
        axes.set_xlim(0.6 * min(costs), 1.18 * max(costs))
        for each, offset in _labels(finalists, axes):
            name = "as it was" if each.trial is None else each.recipe.name.rpartition("-")[2]
            axes.annotate(
                f"{name}, {each.cost.flash / 1024:.1f} KB",
                (each.cost.window, each.fresh.mean),
                (12, offset),
                textcoords="offset points",
                color=colours[_colour(each, chosen)],
                fontsize=8,
            )
        # If the chains of all finalists cost the same, a limit on the inference limits the window.
        chains = {round(each.cost.chain) for each in finalists}
        limit = min(budget.window, budget.instructions + max(chains) if len(chains) == 1 else inf)
        if limit < axes.get_xlim()[1]:
            axes.axvline(limit, color=colours["abnormal"], linewidth=1, linestyle=":")
            axes.annotate(
                "budget" if limit == budget.window else "budget with this chain",
                (limit, low),
                (4, 4),
                textcoords="offset points",
                color=colours["abnormal"],
                fontsize=8,
            )
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(visible=True)
        axes.set_axisbelow(True)
        axes.set_xlabel("instructions of one window, inference included (Cortex-M4, predicted)")
        axes.set_ylabel("detection")
        hidden = sum(mean < low for _, mean in known)
        count = f"{len(known)} {plural('trial', len(known))}"
        below = f" ({hidden} below the picture)" if hidden else ""
        figure.text(0.09, 0.945, title, fontsize=12, fontweight="bold")
        figure.text(
            0.09,
            0.875,
            f"Detection: {objective}.\nGrey: {count}, float{below}. Bubbles: "
            f"{finalists[0].fresh.count} fresh seeds, int8; area: flash; bar: range over seeds.",
            fontsize=8,
            color=colours["soft"],
        )
        path.write_text(themed_svg(figure, "tune", alone=True) + "\n", encoding="utf-8")
        figure.savefig(path.with_suffix(".png"), dpi=160, facecolor=colours["panel"])


def _colour(finalist: Finalist, chosen: Finalist) -> str:
    """The name of a finalist's colour."""
    if finalist is chosen:
        return "abnormal"
    return "third" if finalist.trial is None else "normal"


def _labels(finalists: Sequence[Finalist], axes: Any) -> Iterator[tuple[Finalist, float]]:
    """Yield each finalist with the height of its label above it, in points.

    Neighbours often lie close to each other: a label that would touch another one, or the bubble to
    its right, moves down.
    """
    box = axes.figure.get_size_inches() * 72 * axes.get_position().size
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()

    def centre(each: Finalist) -> tuple[float, float]:
        x, y = each.cost.window - left, each.fresh.mean - low
        return x / (right - left) * box[0], y / (high - low) * box[1]

    bubbles = [centre(each) for each in finalists]
    taken: list[tuple[float, float]] = []
    for each in sorted(finalists, key=lambda one: -one.fresh.mean):
        x, own = centre(each)
        y = own - 3
        while any(
            abs(x - px) < LABEL_WIDTH and abs(y - py) < LABEL_HEIGHT for px, py in taken
        ) or any(0 < px - x < LABEL_WIDTH and abs(y + 3 - py) < LABEL_HEIGHT for px, py in bubbles):
            y -= 1
        taken.append((x, y))
        yield each, y - own

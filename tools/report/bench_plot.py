"""Plot of the bench: instructions per multiply-accumulate for each engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tools.measure.bench.row import Row

_OURS, _OTHERS, _INK, _SOFT = "#0f766e", "#b6bcc6", "#1f2937", "#6b7280"


def draw(rows: Sequence[Row], titles: Mapping[str, str], path: Path) -> None:
    """Write the plot to `path` (.svg), with one panel per model and a common scale."""
    keys = [key for key in titles if any(row.case == key for row in rows)]
    heights = [0.9 + 0.42 * sum(row.case == key for row in rows) for key in keys]
    figure = Figure(figsize=(9, sum(heights)), facecolor="white")
    FigureCanvasAgg(figure)
    widest = max(row.instructions / row.macs for row in rows)
    ratios = {"height_ratios": heights}
    panels = figure.subplots(len(keys), 1, squeeze=False, gridspec_kw=ratios)[:, 0]
    for panel, key in zip(panels, keys, strict=True):
        mine = [row for row in rows if row.case == key]
        values = [row.instructions / row.macs for row in mine]
        colours = [_OURS if row.engine == "compiled" else _OTHERS for row in mine]
        bars = panel.barh(range(len(mine)), values, color=colours, height=0.66)
        for bar, row in zip(bars, mine, strict=True):
            if row.recorded:
                bar.set_hatch("///")
                bar.set_edgecolor("white")
            label = f"{row.instructions / row.macs:.2f} · {row.instructions:,.0f}"
            times = row.instructions / mine[0].instructions
            label += f" · {times:.1f} x" if row.engine != "compiled" else ""
            panel.annotate(
                label,
                (bar.get_width(), bar.get_y() + bar.get_height() / 2),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
                color=_INK,
            )
        names = [f"{r.engine} {r.flags}" + (" (recorded)" if r.recorded else "") for r in mine]
        panel.set_yticks(range(len(mine)), names, fontsize=9, color=_INK)
        panel.invert_yaxis()
        panel.set_xlim(0, widest * 1.4)
        title = f"{titles[key]}: {mine[0].macs:,} MACs"
        panel.set_title(title, loc="left", fontsize=11, fontweight="bold", color=_INK)
        panel.tick_params(axis="x", labelsize=8, colors=_SOFT, length=0)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x", color="#e5e7eb", linewidth=0.8)
        panel.set_axisbelow(True)
        for side in panel.spines.values():
            side.set_visible(False)
    axis = "instructions per multiply-accumulate of one int8 inference, Cortex-M4, emulated"
    panels[-1].set_xlabel(axis, fontsize=9, color=_SOFT)
    figure.tight_layout(h_pad=1.6)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench"}):  # text stays text: smaller
        figure.savefig(path, metadata={"Date": None})

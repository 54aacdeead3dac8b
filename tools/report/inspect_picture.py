"""The picture of `vigil inspect`: every channel over time, with its faults marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data.files.table import Table

CHANNELS = 8  # rows of the picture
COLUMNS = 1600  # points across
VISIBLE = 400  # a missing frame, and the part drawn beside the whole, is at least a 400th wide
CUTS = 200  # lines
WINDOWS = 150  # lines of one kind
ZOOM = 4  # windows drawn beside the whole
MOST_RUNS = 400  # marked stretches of one kind
SIGNAL, ABNORMAL_COLOUR, GAP, FLAT = "#26547c", "#d1495b", "#8d99ae", "#edae49"


def draw(tables: Sequence[Table], path: Path, window: int, source: str = "") -> None:
    """Draw files end to end, one row per channel, and write PNG or SVG by the path's suffix.

    A recording that is far longer than a window of `window` frames is drawn twice: the whole, and
    beside it a few windows. A PNG names the `source` in its metadata.
    """
    if tables[0].sheet.window is not None:
        _save(_draw_windows(tables, tables[0].sheet.window), path, source)
        return
    names = tables[0].channels[:CHANNELS]
    height = 1.3 + 1.5 * len(names)
    figure = Figure(figsize=(12, height))
    FigureCanvasAgg(figure)
    starts = np.cumsum([0, *(len(table.values) for table in tables)])
    part = _part(tables[0], ZOOM * window) if starts[-1] > 4 * ZOOM * window else None
    axes = figure.subplots(
        len(names),
        1 if part is None else 2,
        sharex="col",
        squeeze=False,
        width_ratios=None if part is None else (2.2, 1),
    )
    for c, axis in enumerate(axes[:, 0]):
        for start, table in zip(starts, tables, strict=False):
            _draw_channel(axis, table, c, int(start), int(starts[-1]))
        if part is not None:
            right = max(part[1], part[0] + int(starts[-1]) // VISIBLE)
            axis.axvspan(part[0], right, color="black", alpha=0.35, linewidth=0)
            _draw_part(axes[c, 1], tables[0], c, part, window)
        unit = tables[0].units[c]
        axis.set_ylabel(f"{names[c][:20]}\n{f'[{unit}]' if unit else ''}", fontsize=9)
        axis.margins(x=0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.set_major_formatter("{x:,.0f}")
    axes[-1, 0].set_xlabel("frame" + _rate(tables))
    if part is not None:
        axes[0, 1].set_title(f"{ZOOM} windows of {window} frames", loc="left", fontsize=11)
        axes[-1, 1].set_xlabel("frame of the part shaded on the left")
    title = ", ".join(table.path.name for table in tables[:3])
    title += f" and {len(tables) - 3} more" if len(tables) > 3 else ""
    title = title.encode("utf-8", "replace").decode()  # names in a folder may be no UTF-8
    axes[0, 0].set_title(title, loc="left", fontsize=11)
    _legend(figure, tables)
    figure.tight_layout(rect=(0, 0, 0.985, 1 - 0.25 / height))
    _save(figure, path, source)


def _part(table: Table, length: int) -> tuple[int, int] | None:
    """Return the middle of the longest stretch without a cut, a missing or an abnormal frame."""
    gone = np.flatnonzero(table.missing | (table.labels == ABNORMAL))
    edges = np.unique(np.concatenate([[0], table.cuts, gone, gone + 1, [len(table.values)]]))
    longest = int(np.diff(edges).argmax())
    first, stop = int(edges[longest]), int(edges[longest + 1])
    if stop - first < length:
        return None
    start = first + (stop - first - length) // 2
    return start, start + length


def _draw_part(axis: Axes, table: Table, channel: int, part: tuple[int, int], window: int) -> None:
    """Draw the frames of a part, with a line at each border between windows."""
    values = table.values[part[0] : part[1], channel]
    axis.plot(values, color=SIGNAL, linewidth=0.9)
    for border in range(window, len(values), window):
        axis.axvline(border, color=GAP, linewidth=0.8, linestyle=":")
    axis.margins(x=0)
    axis.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, path: Path, source: str) -> None:
    metadata = {"Source": source} if path.suffix == ".png" else None
    figure.savefig(path, dpi=100, metadata=metadata)


def _draw_windows(tables: Sequence[Table], length: int) -> Figure:
    """Draw files whose rows are windows: one line per window, normal and abnormal ones apart."""
    rows = np.concatenate([table.values.reshape(-1, length) for table in tables])
    labels = np.concatenate([table.labels[::length] for table in tables])
    kinds = [(NORMAL, "normal"), (ABNORMAL, "abnormal"), (UNKNOWN, "no label")]
    kinds = [(label, name) for label, name in kinds if (labels == label).any()]
    figure = Figure(figsize=(12, 3.8))
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axis, (label, name) in zip(axes, kinds, strict=True):
        chosen = rows[labels == label]
        colour = ABNORMAL_COLOUR if label == ABNORMAL else SIGNAL
        shown = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), WINDOWS)).astype(int)]
        axis.plot(shown.T, color=colour, alpha=0.15, linewidth=0.8)
        axis.plot(np.nanmedian(chosen, axis=0), color="black", linewidth=1.2)
        axis.set_title(f"{len(chosen):,} windows: {name}; black: median", loc="left", fontsize=10)
        axis.set_xlabel("frame of the window")
        axis.margins(x=0)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(tables[0].path.name, x=0.01, ha="left", fontsize=11)
    figure.tight_layout()
    return figure


def _draw_channel(axis: Axes, table: Table, channel: int, start: int, frames: int) -> None:
    least = max(1, frames // VISIBLE)  # so that one missing row of many is seen
    values = table.values[:, channel]
    x, low, high = _envelope(values)
    axis.fill_between(x + start, low, high, color=SIGNAL, linewidth=0.8, step=None)
    for a, b in _runs(table.labels == ABNORMAL):
        axis.axvspan(start + a, start + b, color=ABNORMAL_COLOUR, alpha=0.2, linewidth=0)
    for a, b in _runs(np.isnan(values)):
        right = max(start + b, start + a + least)
        axis.axvspan(start + a, right, color=GAP, alpha=0.5, linewidth=0)
    for stretch in table.flat:
        if stretch.channel == table.channels[channel] and not table.resampled:
            axis.axvspan(start + stretch.first, start + stretch.stop, color=FLAT, alpha=0.4)
    cuts = table.cuts.tolist() if len(table.cuts) <= CUTS else []
    for cut in [0] * (start > 0) + cuts:
        axis.axvline(start + cut, color=GAP, linewidth=0.8, linestyle="--")


def _envelope(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return frames, smallest and largest values of at most `COLUMNS` pieces."""
    step = max(1, -(-len(values) // COLUMNS))
    if step == 1:
        # A line: the envelope of neighbours, so that it has a width where it jumps.
        before = np.concatenate([values[:1], values[:-1]])
        middle = (values + before) / 2
        return np.arange(len(values)), np.fmin(values, middle), np.fmax(values, middle)
    padded = np.concatenate([values, np.full(-len(values) % step, np.nan)]).reshape(-1, step)
    known = ~np.isnan(padded).all(axis=1)
    low, high = np.full(len(padded), np.nan), np.full(len(padded), np.nan)
    low[known], high[known] = np.nanmin(padded[known], axis=1), np.nanmax(padded[known], axis=1)
    return np.arange(len(padded)) * step, low, high


def _runs(which: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], which.view(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)[:MOST_RUNS]]


def _rate(tables: Sequence[Table]) -> str:
    rate = tables[0].rate_hz
    if rate is None:
        return ""
    return f" ({rate:.6g} per second)" if rate >= 1 else f" (one every {1 / rate:.6g} s)"


def _legend(figure: Figure, tables: Sequence[Table]) -> None:
    shown = [
        (ABNORMAL_COLOUR, 0.2, "abnormal", any((t.labels == ABNORMAL).any() for t in tables)),
        (GAP, 0.5, "missing", any(t.missing.any() for t in tables)),
        (FLAT, 0.4, "stuck or clipped", any(t.flat for t in tables)),
    ]
    patches: list[Artist] = [Patch(color=c, alpha=a) for c, a, _, there in shown if there]
    names = [name for _, _, name, there in shown if there]
    if any(len(t.cuts) for t in tables) or len(tables) > 1:
        patches.append(Line2D([], [], color=GAP, linestyle="--"))
        names.append("cut")
    if patches:
        figure.legend(
            patches,
            names,
            loc="upper right",
            bbox_to_anchor=(0.985, 1),
            ncols=len(names),
            frameon=False,
        )

"""Panels of the pictures in the zoo and the report; each draws on one pair of axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.monitor.theme import LIGHT, plain_log
from tools.report.figures.latent import Plane
from tools.report.figures.signal import (
    class_names,
    feature_ticks,
    first_channel,
    layout,
    time_axis,
    value_words,
)
from tools.report.figures.trained import Trained
from training.bundle.labels import ABNORMAL, NORMAL

Group = tuple[NDArray[np.bool_], str, str]  # mask of points, colour, name
Line = tuple[NDArray[Any], str, str]  # values [size], colour by role, label
_TURNS = 16  # groups are drawn in turns, so that none covers the others


@dataclass(frozen=True)
class Panel:
    """A drawing on its own axes."""

    title: str
    draw: Callable[[Any], None]  # on matplotlib's axes
    width: float = 1.0  # relative to the others of its row


def figure(
    rows: Sequence[Sequence[Panel]], width: float, height: float, paper: str = "none"
) -> Any:
    """Draw panels in rows, each `height` inches high."""
    # Imported here, as below: matplotlib takes half a second to load.
    from matplotlib.figure import Figure

    whole = Figure(figsize=(width, height * len(rows)), facecolor=paper, layout="constrained")
    bands = whole.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for band, row in zip(bands, rows, strict=True):
        band.set_facecolor(paper)
        axes = band.subplots(
            1, len(row), squeeze=False, width_ratios=[panel.width for panel in row]
        )
        for axis, panel in zip(axes[0], row, strict=True):
            axis.set_title(panel.title)
            panel.draw(axis)
    return whole


def legend_above(axis: Any, columns: int) -> None:
    """Put the legend beside the title, clear of the curves."""
    axis.legend(
        **{"loc": "lower right", "bbox_to_anchor": (1.02, 0.99), "borderaxespad": 0.1},
        **{"ncols": columns, "fontsize": 8, "handlelength": 1.0},
        **{"columnspacing": 0.9, "handletextpad": 0.4},
    )


def series(
    trained: Trained, lines: Sequence[Line], title: str, legend: bool = True, stroke: float = 1.3
) -> Panel:
    """Lines over one window, or over its features; only the first channel is drawn."""
    m = trained.bundle.manifest
    time, name = time_axis(m)

    def draw(axis: Any) -> None:
        for values, colour, label in lines:
            axis.plot(
                *(time, first_channel(m, values)),
                **{"color": LIGHT[colour], "label": label, "linewidth": stroke},
            )
        axis.set(xlim=(time[0], time[-1]), xlabel=name)
        if m.raw_size:
            axis.set_ylabel(f"{m.signal.channels[0]} ({value_words(m)})")
        else:
            axis.set_xticks(*feature_ticks(m), rotation=90, fontsize=7)
            axis.set_ylabel("standard deviations")
        if legend:
            legend_above(axis, len(lines))

    return Panel(title, draw)


def tiles(trained: Trained, rows: Sequence[tuple[str, NDArray[Any]]]) -> Panel:
    """Rows of images; each row is a name and float32 [n, size]."""
    shape = layout(trained.bundle.manifest)
    height = shape.height + 2

    def draw(axis: Any) -> None:
        drawn = [
            np.concatenate([np.pad(shape.pixels(each), 1) for each in images], axis=1)
            for _, images in rows
        ]
        ink(axis, np.concatenate(drawn))
        axis.set_yticks([height * (i + 0.5) for i in range(len(rows))], [name for name, _ in rows])
        axis.set_xticks([])
        axis.spines[:].set_visible(False)

    return Panel("", draw)


def ink(axis: Any, values: NDArray[Any], **options: Any) -> None:
    """Draw values from 0 to 1 as ink of that opacity."""
    black = np.zeros((*values.shape, 4), np.uint8)
    black[..., 3] = np.rint(255 * np.clip(values, 0, 1))
    axis.imshow(black, interpolation="none", **options)


def spectrogram(
    trained: Trained, window: NDArray[Any], title: str, *, bands: bool = True, scale: bool = False
) -> Panel:
    """One window over time; `bands` names the bands, `scale` adds the colour bar."""
    m = trained.bundle.manifest
    shape = layout(m)
    time, name = time_axis(m)
    step = time[1] - time[0]

    def draw(axis: Any) -> None:
        extent = (0, time[-1] + step, -0.5, shape.width - 0.5)
        drawn = axis.imshow(
            shape.pixels(window), extent=extent, aspect="auto", cmap="magma", vmin=-3, vmax=5
        )
        at = np.arange(0, shape.width, max(1, shape.width // 4))
        axis.set_yticks(at, [m.signal.channels[band] if bands else "" for band in at])
        axis.set(xlabel=name)
        if scale:
            axis.figure.colorbar(drawn, ax=axis, label=value_words(m), pad=0.03)

    return Panel(title, draw, 1.0 + 0.25 * bands + 0.3 * scale)


def histogram(trained: Trained) -> Panel:
    """int8 scores of the test windows by label, and the threshold."""
    scores, labels = trained.evaluation["int8_test"], trained.evaluation["labels"]

    def draw(axis: Any) -> None:
        positive = scores[scores > 0]
        bins = np.geomspace(positive.min(), positive.max(), 40)
        there = [kind for kind in BY_LABEL if (labels == kind[0]).any()]
        for kind, colour, name in there:
            axis.hist(scores[labels == kind], bins, color=LIGHT[colour], alpha=0.6, label=name)
        axis.axvline(trained.bundle.manifest.threshold.value, color=LIGHT["ink"], linewidth=1)
        axis.set(xscale="log", xlabel="int8 score (line: threshold)", ylabel="test windows")
        plain_log(axis)
        legend_above(axis, len(there))

    return Panel("scores", draw)


BY_LABEL = ((NORMAL, "normal", "normal"), (ABNORMAL, "abnormal", "abnormal"))


def groups(trained: Trained, which: NDArray[np.int64]) -> list[Group]:
    """Group the shown windows `which` by class if the data set has classes, else by label."""
    labels, classes = trained.labels()[which], trained.classes()
    if classes is None or (classes == trained.labels()).all():
        known = [(labels == kind, LIGHT[colour], name) for kind, colour, name in BY_LABEL]
        return [*known, (labels < 0, LIGHT["third"], "no label")]
    return by_class(classes[which], class_names(trained.bundle.manifest, classes))


def by_class(classes: NDArray[np.int16], names: Sequence[str]) -> list[Group]:
    """One group per class."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    colours = [to_hex(c) for c in colormaps["tab10"].colors]  # type: ignore[attr-defined]
    return [(classes == kind, colours[kind % 10], name) for kind, name in enumerate(names)]


def scatter(plane: Plane, them: Sequence[Group], title: str, legend: bool = True) -> Panel:
    """Codes in two dimensions, drawn in random order so that no group covers another."""
    points = plane.points

    def draw(axis: Any) -> None:
        order = np.random.default_rng(1).permutation(len(points))
        colour = np.full(len(points), LIGHT["faint"], object)
        for which, each, _ in them:
            colour[which] = each
        axis.scatter(*points[order].T, size_of(points) ** 2, colour[order], alpha=0.6, linewidths=0)
        axis.set(xlabel=plane.axes[0], ylabel=plane.axes[1])
        if legend:
            name_groups(axis, them)

    return Panel(title, draw, 1.15 if legend else 1.0)


def paths(axis: Any, points: NDArray[np.float64], them: Sequence[Group]) -> None:
    """Draw points for an SVG as round caps of paths, a tenth of the size of markers."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    order = np.random.default_rng(1).permutation(len(points))
    for turn in np.array_split(order, _TURNS):
        for which, colour, _ in them:
            some = points[turn[which[turn]]]
            if not len(some):
                continue
            path = Path(np.repeat(some, 2, axis=0), np.tile([Path.MOVETO, Path.LINETO], len(some)))
            path.should_simplify = False  # or strokes without length would be dropped
            look = {"edgecolor": colour, "linewidth": size_of(points), "alpha": 0.6}
            axis.add_patch(PathPatch(path, facecolor="none", capstyle="round", **look))
    low, high = np.percentile(points, [0.2, 99.8], axis=0)  # without outliers
    margin = np.maximum(0.08 * (high - low), 1e-6)
    axis.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axis.set_ylim(low[1] - margin[1], high[1] + margin[1])


def size_of(points: NDArray[np.float64]) -> float:
    """Diameter of a point, smaller if there are many."""
    return 2.6 if len(points) < 1500 else 2.0


def name_groups(axis: Any, them: Sequence[Group]) -> None:
    """Put a legend beside the axes."""
    for which, colour, name in them:
        if which.any():
            axis.plot([], [], "o", color=colour, markersize=4, label=name)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), handletextpad=0.1)


def typical(trained: Trained, kind: int) -> int | None:
    """The shown window of label `kind` with the median score; None if there is none."""
    windows = np.flatnonzero(trained.labels() == kind)
    if not len(windows):
        return None
    return int(windows[np.argsort(trained.scores()[windows])[len(windows) // 2]])


def windows(trained: Trained) -> list[Panel]:
    """A normal and an abnormal test window with reconstructions, or rows of images."""
    x, y, scores = trained.input(), trained.output(), trained.scores()
    kind_of = layout(trained.bundle.manifest).kind
    if kind_of == "image":
        return [tiles(trained, [("original", x[:16]), ("int8", y[:16])])]
    panels = []
    for kind, colour, name in BY_LABEL:
        at = typical(trained, kind)
        if at is not None and kind_of == "spectrogram":
            panels.append(spectrogram(trained, x[at], f"{name}, score {scores[at]:.3g}"))
            panels.append(spectrogram(trained, y[at], "int8", scale=True))
        elif at is not None:
            lines: list[Line] = [(x[at], colour, "window"), (y[at], "ink", "int8")]
            panels.append(series(trained, lines, f"{name}, score {scores[at]:.3g}"))
    return panels

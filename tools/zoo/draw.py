"""Pictures that several families share: series, images, latent scatters, histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.report.curves import plain_log
from tools.theme import LIGHT
from tools.zoo.trained import Trained
from training.data.recording import ABNORMAL, NORMAL

DIGIT_SIDE = 28


def canvas(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure and its axes [rows, columns] on light paper."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor=LIGHT["paper"], layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def series(axis: Any, lines: Sequence[tuple[NDArray[Any], str, str]], title: str) -> None:
    """Lines (values, colour by role, label) over one window."""
    for values, colour, label in lines:
        axis.plot(values, color=LIGHT[colour], label=label, linewidth=1.3)
    axis.set_title(title)
    axis.set_xlim(0, len(lines[0][0]) - 1)


def histogram(axis: Any, trained: Trained) -> None:
    """int8 scores of the test windows by label, with the threshold."""
    scores, labels = trained.evaluation["int8_test"], trained.evaluation["labels"]
    positive = scores[scores > 0]
    bins = np.geomspace(positive.min(), positive.max(), 40)
    kinds = ((NORMAL, "normal", "normal"), (ABNORMAL, "abnormal", "abnormal"))
    for kind, colour, name in kinds:
        if (labels == kind).any():
            axis.hist(scores[labels == kind], bins, color=LIGHT[colour], alpha=0.6, label=name)
    axis.axvline(trained.bundle.manifest.threshold.value, color=LIGHT["ink"], linewidth=1)
    axis.set(xscale="log", xlabel="int8 score (line: threshold)", ylabel="windows")
    plain_log(axis)
    axis.set_title("scores of the test set")
    axis.legend()


def images(axis: Any, rows: Sequence[tuple[str, NDArray[Any]]]) -> None:
    """Rows of digits, each a name and float32 [n, 784]."""
    height = DIGIT_SIDE + 2
    tiles = [
        np.concatenate([np.pad(d.reshape(DIGIT_SIDE, -1), 1) for d in digits], axis=1)
        for _, digits in rows
    ]
    axis.imshow(np.concatenate(tiles), cmap="gray_r", vmin=0, vmax=1)
    axis.set_yticks([height * (i + 0.5) for i in range(len(rows))], [name for name, _ in rows])
    axis.set_xticks([])
    axis.spines[:].set_visible(False)


def scatter(
    axis: Any, points: NDArray[Any], classes: NDArray[Any], names: Sequence[str], title: str
) -> None:
    """Points [n, 2] coloured by class."""
    from matplotlib import colormaps

    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    for kind, name in enumerate(names):
        some = points[classes == kind]
        axis.scatter(*some.T, s=7, color=colours[kind % 10], label=name, linewidths=0)
    axis.set_title(title)
    axis.legend(fontsize=7, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))


def windows_and_scores(trained: Trained) -> Any:
    """A normal and an abnormal window with their reconstructions, and all scores."""
    labels, x, y = trained.labels(), trained.input(), trained.output()
    scores = trained.evaluation["int8_test"][trained.evaluation["shown"]]
    figure, axes = canvas(1, 3, 9.5, 2.5)
    for axis, kind, colour, name in (
        (axes[0, 0], NORMAL, "normal", "normal"),
        (axes[0, 1], ABNORMAL, "abnormal", "abnormal"),
    ):
        found = np.flatnonzero(labels == kind)
        if not len(found):
            axis.set_visible(False)
            continue
        middle = found[np.argsort(scores[found])[len(found) // 2]]
        channels = trained.grid.channels
        lines = [(x[middle, ::channels], colour, "window"), (y[middle, ::channels], "ink", "int8")]
        series(axis, lines, f"{name}, score {scores[middle]:.3g}")
        axis.legend()
    histogram(axes[0, 2], trained)
    return figure

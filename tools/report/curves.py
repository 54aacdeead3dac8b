"""Charts of the report, each an SVG element in the colours of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tools.monitor.theme import LIGHT, plain_log, style, themed_svg
from tools.report.evidence import Evidence
from tools.report.figures import draw
from tools.report.figures.family import Part
from tools.report.figures.latent import MISSING_UMAP, methods, plane
from tools.report.figures.trained import Trained
from training.bundle.labels import ABNORMAL, NORMAL
from training.bundle.manifest import Wearer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_WIDE, _HALF = (7.2, 3.2), (4.3, 3.3)  # inches
_STAGE_COLOURS = ("faint", "normal", "third")
_CLASSES = ((NORMAL, "normal"), (ABNORMAL, "abnormal"))


def histogram(evidence: Evidence, narrow: bool = False) -> str:
    """int8 scores of the test windows by label, and the threshold; `narrow` fits a phone."""
    scores, threshold = evidence.scores, evidence.bundle.manifest.threshold.value
    positive = scores[scores > 0]
    low = float(positive.min()) if len(positive) else threshold / 10
    clipped = np.maximum(scores, low)
    high = max(float(clipped.max()), threshold) * 1.05
    bins = np.geomspace(low * 0.98, high, 61)
    with _axes(_HALF if narrow else _WIDE) as axes:
        axes.axvspan(threshold, high, color=LIGHT["room"], linewidth=0, zorder=0)
        tallest = 0
        for label, name in _classes(evidence):
            chosen = clipped[evidence.labels == label]
            counts, _ = np.histogram(chosen, bins)
            tallest = max(tallest, int(counts.max(initial=0)))
            x, y = np.repeat(bins, 2)[1:-1], np.repeat(counts, 2)
            axes.fill_between(x, y, color=LIGHT[f"{name}-wash"], linewidth=0, alpha=0.75)
            axes.plot(x, y, color=LIGHT[name], linewidth=1.3, solid_joinstyle="miter")
        axes.axvline(threshold, color=LIGHT["ink"], linewidth=1.1, dashes=(4, 3))
        # The label is on the side of the line that has more space.
        right = np.log(high / threshold) > 0.25 * np.log(high / low)
        axes.annotate(
            f"threshold {threshold:.4g}",
            (threshold, tallest * 1.08),
            (5 if right else -5, 0),
            textcoords="offset points",
            va="top",
            ha="left" if right else "right",
        )
        axes.set(xscale="log", xlim=(bins[0], high), ylim=(0, tallest * 1.1))
        axes.set(xlabel=f"score ({_score_words(evidence)})", ylabel="test windows")
        axes.grid(axis="y")
        plain_log(axes)
        return _svg(axes.figure, "narrow" if narrow else "histogram")


def roc(evidence: Evidence) -> str:
    """Recall against false-alarm rate (logarithmic) of every stage."""
    # Imported here, as below: scikit-learn and matplotlib take a second to load.
    from sklearn.metrics import roc_curve

    with _axes(_HALF) as axes:
        floor = 1.0
        for (name, scores, truth), colour in zip(evidence.stages(), _STAGE_COLOURS, strict=False):
            rate, recall, _ = roc_curve(truth, scores)
            floor = min(floor, 0.7 / max(int((~truth).sum()), 1))
            _curve(axes, np.maximum(rate, floor), recall, name, colour)
        _operating_point(axes, evidence, lambda s: (s.false_alarm_rate, s.recall), floor)
        axes.set(xscale="log", xlim=(floor, 1), ylim=(0, 1.02))
        axes.set(xlabel="false-alarm rate, of normal windows", ylabel="recall, of abnormal windows")
        axes.grid()
        axes.legend(loc="lower right")
        _percent_log(axes)
        return _svg(axes.figure, "roc")


def precision_recall(evidence: Evidence) -> str:
    """Precision against recall of every stage."""
    from sklearn.metrics import precision_recall_curve

    lowest = 1.0
    with _axes(_HALF) as axes:
        for (name, scores, truth), colour in zip(evidence.stages(), _STAGE_COLOURS, strict=False):
            precision, recall, _ = precision_recall_curve(truth, scores, drop_intermediate=True)
            lowest = min(lowest, float(truth.mean()))
            _curve(axes, recall, precision, name, colour, step=True)
        _operating_point(axes, evidence, lambda s: (s.recall, s.precision), left=True)
        bottom = max(0.0, lowest - 0.05)
        axes.axhline(lowest, color=LIGHT["faint"], linewidth=0.9, dashes=(2, 3))
        axes.text(0.015, lowest + 0.008, "no skill", color=LIGHT["faint"], fontsize=8.5)
        axes.set(xlim=(0, 1), ylim=(bottom, 1 + 0.02 * (1 - bottom)))
        axes.set(xlabel="recall", ylabel="precision")
        axes.grid()
        axes.legend(loc="lower left", bbox_to_anchor=(0, 0.12))
        return _svg(axes.figure, "precision-recall")


def latent(evidence: Evidence) -> tuple[list[tuple[str, str]], str]:
    """The code of each window in two dimensions, by every available projection.

    The colour is the class (a digit, an activity) if the data set has classes, else the label.

    Returns:
        Title and SVG of each projection, and sentences that explain them.
    """
    code, trained = evidence.evaluation["code"], Trained(evidence.bundle)
    drawn, words = [], []
    for method in methods(code):
        projected = plane(code, method)
        with _axes(_HALF) as axes:
            them = draw.groups(trained, projected.which)
            draw.paths(axes, projected.points, them)
            draw.name_groups(axes, them)
            axes.set(xlabel=projected.axes[0], ylabel=projected.axes[1])
            axes.grid()
            drawn.append((projected.title, _svg(axes.figure, f"latent-{method}")))
        words.append(projected.words)
    if len(drawn) == 2:
        words.append(f"{MISSING_UMAP}.")
    elif len(drawn) == 3:
        words[1:] = [words[1].replace("t-SNE", "t-SNE and UMAP").replace("keeps", "keep")]
    return drawn, " ".join(words)


def training(evidence: Evidence) -> str:
    """Loss by epoch, on the training windows and on held-out normal windows."""
    loss = np.asarray(evidence.evaluation["history_loss"])
    validation = np.asarray(evidence.evaluation["history_validation"])
    best = int(evidence.evaluation["history_best_epoch"])
    if not len(loss):
        return ""  # the model was trained elsewhere
    epochs = np.arange(1, len(loss) + 1)
    with _axes(_HALF) as axes:
        axes.plot(epochs, loss, color=LIGHT["normal"], label="training windows")
        if np.isfinite(validation).any():
            axes.plot(epochs, validation, color=LIGHT["third"], label="held-out normal windows")
            kept = f"kept: epoch {best + 1}"
            axes.plot(
                best + 1, validation[best], "o", color=LIGHT["third"], markersize=5, label=kept
            )
        axes.set(yscale="log", xlim=(1, max(len(loss), 2)), xlabel="epoch", ylabel="loss")
        axes.grid(axis="y")
        axes.legend(loc="upper right")
        plain_log(axes, "y")
        return _svg(axes.figure, "training")


@contextmanager
def _axes(size: tuple[float, float]) -> Iterator[Axes]:
    from matplotlib.figure import Figure

    with style():
        axes = Figure(figsize=size, layout="constrained").subplots()
        axes.set_axisbelow(True)
        yield axes


def part(content: Part, prefix: str) -> str:
    """The panels of a part in one row; empty if it has none."""
    if not content.panels:
        return ""
    with style():
        return _svg(draw.figure([content.panels], content.width, content.height), prefix)


def _svg(figure: Figure | SubFigure, prefix: str) -> str:
    """The figure as SVG, with ids that begin with `prefix` and coordinates to 0.01 points."""
    text = themed_svg(cast("Figure", figure), prefix)
    return re.sub(
        r' d="[^"]*"', lambda d: re.sub(r"(\d+\.\d\d)\d+", r"\1", d[0]).replace("\n", ""), text
    )


def _classes(evidence: Evidence) -> list[tuple[int, str]]:
    there = [c for c in _CLASSES if (evidence.labels == c[0]).any()]
    return there + ([(-1, "third")] if (evidence.labels < 0).any() else [])


def _score_words(evidence: Evidence) -> str:
    if isinstance(evidence.bundle.manifest.wearer, Wearer):
        return "doublings of the usual distance"
    kind = {
        "mse": "mean squared error",
        "mae": "mean absolute error",
        "mahalanobis": "squared distance of the features",
        "level": "largest squared level",
        "join": "joined score",
    }
    return kind[evidence.bundle.manifest.score.kind]


def _curve(
    axes: Axes, x: NDArray[Any], y: NDArray[Any], name: str, colour: str, step: bool = False
) -> None:
    # The float stage is a broad band below the others, so that a curve on top of it stays visible.
    wide = colour == "faint"
    axes.plot(
        x,
        y,
        color=LIGHT["platform" if wide else colour],
        linewidth=5 if wide else 1.5,
        label=name,
        drawstyle="steps-post" if step else "default",
        dashes=(3, 2) if colour == "third" else (None, None),
    )


def _operating_point(
    axes: Axes, evidence: Evidence, where: Any, floor: float = 0.0, left: bool = False
) -> None:
    x, y = where(evidence.bundle.manifest.metrics.int8)
    if x is None or y is None:
        return
    axes.plot(max(x, floor), y, "o", color=LIGHT["abnormal"], markersize=6.5, zorder=5)
    axes.annotate(
        "at the threshold",
        (max(x, floor), y),
        (-8, -8) if left else (8, -4),
        textcoords="offset points",
        va="top",
        ha="right" if left else "left",
        color=LIGHT["abnormal"],
    )


def _percent_log(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())

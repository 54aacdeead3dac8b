"""Windows and their reconstructions, as small drawings on one scale."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.report.evidence import Evidence
from tools.report.figures.signal import Layout, layout
from training.bundle.features import feature_names
from training.bundle.labels import ABNORMAL, NORMAL
from training.bundle.manifest import Affine, Features, Manifest, NoScaler, Signal
from training.bundle.wording import plural

_EACH = 4  # drawings per group
_CHANNELS = 3  # drawn at most
_WIDTH, _HEIGHT = 240, 96
_NAMELESS: Any = {"Software": None}  # so that the same pixels give the same bytes


@dataclass(frozen=True)
class Drawing:
    """One window."""

    index: int  # number of the test window
    score: float
    flagged: bool
    drawn: str  # HTML


@dataclass(frozen=True)
class Group:
    """Windows under one heading."""

    title: str
    kind: str  # "normal" or "abnormal", which decides the colour
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class Gallery:
    """All groups and their common scale."""

    groups: tuple[Group, ...]
    scale: str  # as a sentence
    pictures: bool  # two images side by side, else two lines


def gallery(evidence: Evidence) -> Gallery:
    """Choose and draw the normal and abnormal windows with the lowest and the highest scores."""
    shown = np.asarray(evidence.evaluation["shown"])
    scores, labels = evidence.scores[shown], evidence.labels[shown]
    wanted = (
        [
            ("Normal, lowest score", "normal", NORMAL, False),
            ("Normal, highest score", "normal", NORMAL, True),
            ("Abnormal, highest score", "abnormal", ABNORMAL, True),
            ("Abnormal, lowest score", "abnormal", ABNORMAL, False),
        ]
        if evidence.labelled
        else [
            ("Lowest scores", "normal", None, False),
            ("Highest scores", "abnormal", None, True),
        ]
    )
    chosen = []
    for title, kind, label, highest in wanted:
        of_label = np.flatnonzero(labels == label) if label is not None else np.arange(len(labels))
        order = of_label[np.argsort(scores[of_label], kind="stable")]
        chosen.append((title, kind, order[::-1][:_EACH] if highest else order[:_EACH]))
    before, after, unit = _real(evidence, np.concatenate([rows for *_, rows in chosen]))
    low = float(min(before.min(), after.min()))
    high = float(max(before.max(), after.max()))
    if low == high:
        low, high = low - 1, high + 1
    shape = layout(evidence.bundle.manifest)
    groups, at = [], 0
    threshold = evidence.bundle.manifest.threshold.value
    for title, kind, rows in chosen:
        drawings = []
        for row in rows:
            if shape.kind == "series":
                drawn = _draw(before[at], after[at], low, high, kind)
            else:
                drawn = "".join(_picture(v[at], shape, low, high) for v in (before, after))
            score = float(scores[row])
            drawings.append(Drawing(int(shown[row]), score, score > threshold, drawn))
            at += 1
        groups.append(Group(title, kind, tuple(drawings)))
    words = _scale_words(evidence.bundle.manifest, low, high, unit)
    return Gallery(tuple(groups), words, shape.kind != "series")


def _real(
    evidence: Evidence, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Inputs and outputs [n, window, channels] in physical units, and the unit.

    The score compares these values: the int8 input, and the int8 output on the input's grid.
    Without a raw window, they are [n, features, channels] in standard deviations.
    """
    m = evidence.bundle.manifest
    channels = len(m.signal.channels)
    grid = m.model.input
    steps_in = evidence.evaluation["input"][rows].astype(np.float64) - grid.zero_point
    out = evidence.evaluation["output"][rows].astype(np.float64) - m.model.output.zero_point
    steps_out = out * (m.model.output.scale / grid.scale)
    if isinstance(m.scaler, NoScaler):
        both = [
            grid.scale * steps[:, : m.feature_count].reshape(len(rows), channels, -1).swapaxes(1, 2)
            for steps in (steps_in, steps_out)
        ]
        return both[0], both[1], "standard deviations"
    shape = (len(rows), m.segmenter.window, channels)
    both = [steps[:, : m.raw_size].reshape(shape) for steps in (steps_in, steps_out)]
    if isinstance(m.scaler, Affine):
        counts_a_step = 2.0**m.scaler.shift / np.maximum(m.scaler.multiplier, 1)
        center, offset = np.asarray(m.scaler.center), np.asarray(m.signal.offset)
        real = [(steps * counts_a_step + center - offset) / m.signal.gain for steps in both]
        units = set(m.signal.units)
        return real[0], real[1], units.pop() if len(units) == 1 else ""
    real = [steps * 65536 / m.scaler.steps_per_deviation for steps in both]
    return real[0], real[1], "standard deviations of the window"


def _scale_words(m: Manifest, low: float, high: float, unit: str) -> str:
    shape = layout(m)
    if shape.kind == "image":
        ends = f"no ink is {low:.3g}, full ink {high:.3g}" + ("" if unit == "1" else f" {unit}")
        return f"{shape.width} by {shape.height} pixels, {ends}".rstrip().replace("-", "−")
    length = f"{m.segmenter.window} {plural('sample', m.segmenter.window)}"
    if isinstance(m.features, Features) and not m.raw_size:
        length = _features_words(m.features, m.segmenter.window, m.signal)
    elif m.signal.rate_hz and not m.signal.rate_is_nominal:
        length += f" ({m.segmenter.window / m.signal.rate_hz:.3g} s)"
    words = f"{length} across, {low:.3g} to {high:.3g} {unit}".rstrip() + " from bottom to top"
    channels = len(m.signal.channels)
    if shape.kind == "spectrogram":
        ends = f"{m.signal.channels[0]} (bottom) to {m.signal.channels[-1]}"
        words = f"{length} across, {ends}, dark is {low:.3g}, bright {high:.3g} {unit}".rstrip()
    elif channels > 1:
        drawn = f"the first {_CHANNELS} of {channels}" if channels > _CHANNELS else f"{channels}"
        words += f"; {drawn} channels, one above the other"
    return words.replace("-", "−")


def _features_words(features: Features, window: int, signal: Signal) -> str:
    """Name the statistics, and count the bands of the spectrum."""
    rate = None if signal.rate_is_nominal else signal.rate_hz
    names = [name.replace("_", " ") for name in features.statistics]
    bands = feature_names([], features.edges, [""], window, rate)
    if bands:
        low, high = bands[0].split(" to ")[0].strip(), bands[-1].split(" to ")[1]
        names.append(f"{len(bands)} bands of the spectrum from {low} to {high}")
    return f"{features.per_channel} features ({', '.join(names)})"


def _draw(
    before: NDArray[np.float64], after: NDArray[np.float64], low: float, high: float, kind: str
) -> str:
    """One window [window, channels]: input, reconstruction, and the area between them."""
    channels = min(before.shape[1], _CHANNELS)
    band = _HEIGHT / channels
    marks = []
    for c in range(channels):
        x = np.linspace(0, _WIDTH, before.shape[0])
        y = [
            band * (c + 1) - 2 - (v[:, c] - low) / (high - low) * (band - 4)
            for v in (before, after)
        ]
        there, back = (_points(x, y[0]), _points(x[::-1], y[1][::-1]))
        marks.append(f'<polygon class="between {kind}" points="{there} {back}"/>')
        marks.append(f'<polyline class="input" points="{there}"/>')
        marks.append(f'<polyline class="output {kind}" points="{_points(x, y[1])}"/>')
    return (
        f'<svg class="window" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="input and reconstruction">{"".join(marks)}</svg>'
    )


def _picture(values: NDArray[np.float64], shape: Layout, low: float, high: float) -> str:
    """One window [window, channels] as an inline image with one pixel per value."""
    # Imported here: matplotlib takes half a second to load.
    from matplotlib.image import imsave

    share = np.clip((shape.pixels(values.ravel()) - low) / (high - low), 0, 1)
    buffer = io.BytesIO()
    if shape.kind == "image":
        # Ink of that opacity, on the page's own background.
        pixels = np.zeros((*share.shape, 4), np.uint8)
        pixels[..., 3] = np.rint(255 * share)
        imsave(buffer, pixels, format="png", metadata=_NAMELESS)
    else:
        imsave(buffer, share, vmin=0, vmax=1, cmap="magma", format="png", metadata=_NAMELESS)
    data = base64.b64encode(buffer.getvalue()).decode()
    kind = "pixels ink" if shape.kind == "image" else "pixels"
    return f'<img class="{kind}" alt="" src="data:image/png;base64,{data}">'


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))

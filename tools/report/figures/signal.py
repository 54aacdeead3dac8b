"""Layout of a window (a series, an image or a spectrogram) and the labels of its axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle.features import feature_names
from training.bundle.manifest import Features, Manifest, PerWindow
from training.data.activity import ACTIVITIES
from training.data.vibration import FAULTS


@dataclass(frozen=True)
class Layout:
    """Layout of a window: pixels of an image, or `height` frames of `width` bands.

    A series has neither height nor width.
    """

    kind: Literal["series", "image", "spectrogram"]
    height: int = 0
    width: int = 0

    def pixels(self, window: NDArray[np.floating]) -> NDArray[np.floating]:
        """A window [size] as rows from top to bottom; the first layer of an image with several.

        Time runs to the right in a spectrogram, and its first band is at the bottom.
        """
        if self.kind == "spectrogram":
            return window.reshape(self.height, self.width).T[::-1]
        return window.reshape(self.height * self.width, -1)[:, 0].reshape(self.height, self.width)


def section(m: Manifest, name: str) -> dict[str, Any]:
    """A section of the bundle's recipe; empty if the recipe lacks it."""
    values = m.recipe.get(name)
    return values if isinstance(values, dict) else {}


def _count(settings: dict[str, Any], name: str) -> int:
    value = settings.get(name)
    return value if isinstance(value, int) else 0


def layout(m: Manifest) -> Layout:
    """Layout by the model's height and width, the corruption's width, or the data set."""
    if m.feature_count:
        return Layout("series")
    window, channels = m.segmenter.window, len(m.signal.channels)
    height, width = (_count(section(m, "model"), side) for side in ("height", "width"))
    if (height, width) == (window, channels):
        return Layout("spectrogram", height, width)
    if height * width == window:
        return Layout("image", height, width)
    width = _count(section(m, "corruption"), "width") or (28 if m.data.name == "mnist" else 0)
    if width and window % width == 0:
        return Layout("image", window // width, width)
    return Layout("series")


def first_channel(m: Manifest, values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The values of the first channel in inputs or outputs [..., size], to draw over time_axis().

    They are the raw window, or the features if the model does not see the raw window.
    """
    if m.raw_size:
        return values[..., : m.raw_size : len(m.signal.channels)]
    return values[..., : m.feature_count // len(m.signal.channels)]


def time_axis(m: Manifest) -> tuple[NDArray[np.float64], str]:
    """Positions of a window's frames on the time axis, float64 [window], and its label.

    Without a raw window, they are the numbers of the features, which feature_ticks() names.
    """
    if not m.raw_size:
        count = m.feature_count // len(m.signal.channels)
        return np.arange(count, dtype=np.float64), "feature"
    frames = np.arange(m.segmenter.window, dtype=np.float64)
    if not m.signal.rate_hz or m.signal.rate_is_nominal:
        return frames, "sample"
    seconds = frames / m.signal.rate_hz
    for unit, length in (("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds[-1] > 3 * length:
            return seconds / length, f"time ({unit})"
    return (seconds, "time (s)") if seconds[-1] >= 0.3 else (1000 * seconds, "time (ms)")


def feature_ticks(m: Manifest) -> tuple[list[int], list[str]]:
    """Marks on the axis of the features: each statistic, and the lower end of some bands."""
    if not isinstance(m.features, Features):
        return [], []
    rate = None if m.signal.rate_is_nominal else m.signal.rate_hz
    names = feature_names(m.features.statistics, m.features.edges, [""], m.segmenter.window, rate)
    first = len(m.features.statistics)
    step = max(1, (len(names) - first) // 6)
    at = [*range(first), *range(first, len(names), step)]
    bands = {}
    for i in at[first:]:
        low, _, _, unit = names[i].split()
        bands[i] = f"{float(low) / 1000:.3g} k{unit}" if float(low) >= 1000 else f"{low} {unit}"
    return at, [bands.get(i, names[i]).strip() for i in at]


def value_words(m: Manifest) -> str:
    """Unit of the model's real values."""
    if isinstance(m.scaler, PerWindow):
        return "standard deviations of the window"
    ranged = section(m, "scaler").get("real") == "range"
    return "share of the range" if ranged else "standard deviations"


def class_names(m: Manifest, classes: NDArray[np.int16]) -> Sequence[str]:
    """Names of the classes from 0 to the largest of `classes`."""
    known: dict[str, Sequence[str]] = {
        "activity": [each.name for each in ACTIVITIES],
        "vibration": FAULTS,
        "mitdb": "NSVFQ",  # AAMI classes, in the order of training.data.mitdb.CLASSES
    }
    count = int(classes.max(initial=0)) + 1
    names = known.get(m.data.name, ())
    return names if len(names) >= count else [str(i) for i in range(count)]

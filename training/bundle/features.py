"""Features of a window: their names, the tables of the transform, and the firmware's C++ for them.

docs/bundle.md, section "Features", has the formulas.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from training.native.core import Features

Statistic = Literal[
    "mean",
    "deviation",
    "peak_to_peak",
    "crest",
    "kurtosis",
    "crossings",
    "slope",
    "differences",
]

STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
"""Names of the statistics of a channel, in the order of the features; bit i of the C++ set."""

MOST_FRAMES = 4096
"""Longest window with features: longer ones overflow the sums of the C++."""


@dataclass(frozen=True)
class Transform:
    """Tables of the Fourier transform of a window."""

    points: int  # N, a power of two
    hann: list[int]  # weight of each frame, times 2^14
    sines: list[int]  # sin(2 pi i / N) for i = 0 to 3 N / 4, times 2^15
    noise: int  # energy in one bin of the noise of one count


def transform_points(frames: int) -> int:
    """Return N, the smallest power of two that is 4 or more and holds the window."""
    return max(4, 1 << (frames - 1).bit_length())


def make_transform(frames: int) -> Transform:
    """Compute the tables for windows of `frames` frames, at most MOST_FRAMES."""
    n = transform_points(frames)
    hann = [round(2**14 * math.sin(math.pi * (t + 0.5) / frames) ** 2) for t in range(frames)]
    sines = [
        max(-32767, min(32767, round(2**15 * math.sin(2 * math.pi * i / n))))
        for i in range(3 * n // 4 + 1)
    ]
    # Uniform noise of one count has a variance of 1/12, and the transform divides by N.
    return Transform(n, hann, sines, sum(h * h for h in hann) // (12 * n * n))


def band_edges(frames: int, bands: int) -> list[int]:
    """Divide the bins of the transform of a window into bands, about as wide as they are high.

    Args:
        bands: at most half of `transform_points(frames)`.

    Returns:
        `bands` + 1 bins, of which the last is one past the end; empty without bands.
    """
    if not bands:
        return []
    bins = transform_points(frames) // 2
    edges = [1]
    for i in range(1, bands + 1):  # no band is empty
        edges.append(max(round((bins + 1) ** (i / bands)), edges[-1] + 1))
    return edges


def make_features(
    statistics: Sequence[Statistic], edges: Sequence[int], frames: int, channels: int
) -> Features:
    """Build the C++ features; `measure` maps int16 [n, window, channels] to int16 [n, features].

    Args:
        statistics: names from STATISTICS, in that order.
        edges: bins of the transform; band i is the bins from edges[i] to edges[i + 1] - 1.
    """
    transform = make_transform(frames)
    return Features(
        channels,
        statistics_set(statistics),
        list(edges),
        transform.hann,
        transform.sines,
        transform.noise,
    )


def statistics_set(statistics: Sequence[Statistic]) -> int:
    """Return the set of statistics as the C++ has it, a bit per name of STATISTICS."""
    return sum(1 << STATISTICS.index(name) for name in statistics)


def feature_names(
    statistics: Sequence[Statistic],
    edges: Sequence[int],
    channels: Sequence[str],
    frames: int,
    rate_hz: float | None,
) -> list[str]:
    """Name the features in their order, such as "x deviation" and "x 3.1 to 6.2 Hz".

    Args:
        statistics, edges: as of `make_features`.
        channels: names of the channels.
        frames: length of a window.
        rate_hz: frames per second; None: bands have cycles per window for a unit.
    """
    points = transform_points(frames)
    width, unit = (frames / points, "cycles") if rate_hz is None else (rate_hz / points, "Hz")
    ends = [(edge - 0.5) * width for edge in edges]
    words = [f"{end:.3g}" if end < 1000 else f"{end:.0f}" for end in ends]
    bands = [f"{low} to {high} {unit}" for low, high in itertools.pairwise(words)]
    of_channel = [*(name.replace("_", " ") for name in statistics), *bands]
    return [f"{channel} {feature}" for channel in channels for feature in of_channel]

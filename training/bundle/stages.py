"""The stages of the signal chain in a manifest, as specified in docs/bundle.md."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.features import MOST_FRAMES, STATISTICS, Statistic
from training.bundle.fields import Int8, Int16
from training.bundle.validation import Strict


class NoScaler(Strict):
    """The raw window is no input of the model, which then has features alone."""

    kind: Literal["none"]


class Affine(Strict):
    """Scaler from counts (or features) to int8 with one fixed factor per channel (or feature)."""

    kind: Literal["affine"]
    center: list[Int16]
    multiplier: list[Annotated[int, Field(ge=0, lt=2**31)]]
    shift: Annotated[int, Field(ge=18, le=62)]
    zero_point: Int8


class PerWindow(Strict):
    """Scaler from counts to int8 with the mean and standard deviation of each window."""

    kind: Literal["per_window"]
    min_deviation: Annotated[int, Field(ge=0, lt=65536)]
    steps_per_deviation: Annotated[int, Field(ge=1, lt=2**23)]
    zero_point: Int8


class NoFeatures(Strict):
    """The raw window is the model's only input."""

    kind: Literal["none"] = "none"


class Features(Strict):
    """Statistics and band energies of each channel, on the int8 grid of the model's input."""

    kind: Literal["per_channel"]
    statistics: list[Statistic]
    # Bins of the transform: band i is the bins from edges[i] to edges[i + 1] - 1; empty: no bands.
    edges: list[Annotated[int, Field(ge=1, le=MOST_FRAMES // 2 + 1)]]
    scaler: Affine  # one entry per feature, channel by channel

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.statistics != [name for name in STATISTICS if name in self.statistics]:
            raise ValueError(f"statistics must be in the order {', '.join(STATISTICS)}")
        if len(self.edges) == 1 or any(a >= b for a, b in itertools.pairwise(self.edges)):
            raise ValueError("edges must ascend, and be two or more, or none")
        if not self.per_channel:
            raise ValueError("there must be a statistic or a band")
        return self

    @property
    def per_channel(self) -> int:
        """Number of features of a channel."""
        return len(self.statistics) + max(len(self.edges) - 1, 0)


Limit = Annotated[int, Field(ge=0, lt=2**32)]


class NoGate(Strict):
    """Every window is judged."""

    kind: Literal["none"] = "none"


class GateLimits(Strict):
    """What a window must keep to be judged; one entry per channel in each list but `mains`."""

    kind: Literal["limits"]
    min_range: list[Annotated[int, Field(ge=0, lt=65536)]]  # counts
    min_variation: list[Limit]  # counts: sum of the absolute differences
    max_run: list[Limit]  # frames of equal counts in a row
    max_extreme: list[Limit]  # frames at the window's own largest or smallest count
    max_mains: list[Limit]  # share of the differences' energy at a mains frequency, times 65536
    # A window with a count below `lowest` or above `highest` is clipped: judged only if its score
    # is above the threshold.
    lowest: list[Int16]
    highest: list[Int16]
    # cos(2 pi f / rate) * 2^15 of each mains frequency
    mains: Annotated[list[Annotated[int, Field(gt=-32768, lt=32768)]], Field(max_length=2)]

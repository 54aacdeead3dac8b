"""The decision over windows in a manifest (docs/bundle.md, Decision)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.fields import Count
from training.bundle.numbers import Float32, PositiveFloat32, Rate
from training.bundle.validation import Strict

MOST_WINDOWS = 32  # that an alarm may look at; kMostWindows in decision.h


class NoDecision(Strict):
    """The board decides window by window."""

    kind: Literal["none"] = "none"


class AlarmLevels(Strict):
    """When the alarm is raised and cleared.

    The value is the mean score of the last windows as a multiple of the threshold (mean), or the
    number of those above the threshold (count).
    """

    kind: Literal["mean", "count"]
    windows: Annotated[int, Field(ge=1, le=MOST_WINDOWS)]  # judged windows to look at
    raise_level: PositiveFloat32  # the alarm is raised when the value is at least this,
    clear_level: Annotated[Float32, Field(ge=0)]  # and cleared when it is less than this

    @model_validator(mode="after")
    def _levels_agree(self) -> Self:
        if self.clear_level > self.raise_level:
            raise ValueError("clear_level must not be above raise_level")
        return self


class FalseAlarms(Strict):
    """Alarms on held-out calibration windows in time order."""

    windows: Count
    hours: Annotated[float, Field(gt=0)] | None  # that they last; None if not known
    episodes: Count  # how often the alarm was raised
    share: Rate  # of windows in alarm
    most_per_window: Annotated[float, Field(gt=0)]  # rate of alarms, with 95 % confidence
    most_per_hour: Annotated[float, Field(gt=0)] | None


class Drift(Strict):
    """When the signal has left what the calibration saw."""

    block: Annotated[int, Field(ge=1, lt=2**24)]  # windows; the drift looks at 16 whole blocks
    limit: Annotated[int, Field(ge=0, lt=2**28)]  # p-values of 0.1 or less that they may hold
    share: Rate  # the same as a share
    correlation: Annotated[float, Field(ge=1)]  # windows that say as much as an independent one
    guarantee: str


class Decision(Strict):
    """The decision over windows: p-value, alarm and drift."""

    kind: Literal["alarm"]
    alarm: AlarmLevels
    false_alarms: FalseAlarms | None = None  # None: not counted, for `guarantee`'s reason
    guarantee: str = ""
    drift: Drift

"""The schema of rate conversion, filter and segmenter in the manifest (docs/bundle.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.fields import Count, Size
from training.bundle.validation import Strict


class NoConversion(Strict):
    """The sensor's rate is the model's."""

    kind: Literal["none"] = "none"


class Polyphase(Strict):
    """Conversion from the sensor's rate to the model's, by a polyphase low-pass filter."""

    kind: Literal["polyphase"]
    up: Annotated[int, Field(ge=1, le=512)]  # up / down is the model's rate over the sensor's,
    down: Annotated[int, Field(ge=1, le=512)]  # in lowest terms
    taps: Annotated[int, Field(ge=2, le=512, multiple_of=2)]  # of a phase
    coefficients: list[Annotated[int, Field(ge=-(2**15), lt=2**15)]]  # phase after phase
    delay: Count  # of the sensor's frames by which the model's frames are late

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if math.gcd(self.up, self.down) != 1 or self.delay != self.taps // 2:
            raise ValueError("rate.up / rate.down must be in lowest terms, and delay half the taps")
        if len(self.coefficients) != self.up * self.taps:
            raise ValueError("rate.coefficients must have up * taps entries")
        for at in range(0, len(self.coefficients), self.taps):
            phase = self.coefficients[at : at + self.taps]
            if sum(phase) != 2**14 or sum(map(abs, phase)) >= 65000:
                raise ValueError("rate.coefficients: a phase must sum to 16384, and be small")
        return self

    def frames(self, of_model: int) -> int:
        """Return the length of `of_model` frames of the model, in the sensor's frames."""
        return round(of_model * self.down / self.up)


@dataclass(frozen=True)
class Grid:
    """Lengths of windows in frames of the stream, which has the sensor's rate."""

    window: int
    before: int  # frames of a window before R; 0 for windows of fixed length
    hop: int
    span: int  # from the first frame of a hop until its window is reported


class NoFilter(Strict):
    """The samples are windowed as they come."""

    kind: Literal["none"] = "none"


Coefficient = Annotated[int, Field(ge=-(2**29), le=2**29)]


class Biquads(Strict):
    """A cascade of second-order sections; a window has the filtered counts."""

    kind: Literal["biquads"]
    # b0, b1, b2, a1, a2 of each section, times 2^28
    sections: Annotated[
        list[Annotated[list[Coefficient], Field(min_length=5, max_length=5)]],
        Field(min_length=1, max_length=8),
    ]
    delay: float  # frames by which 10 Hz, or a tenth of the rate, is late

    @model_validator(mode="after")
    def _stable(self) -> Self:
        for _, _, _, a1, a2 in self.sections:
            if not (2**28 + a1 + a2 > 0 and 2**28 - a1 + a2 > 0 and a2 < 2**28):
                raise ValueError("filter.sections has an unstable section")
        return self


class Segmenter(Strict):
    """Windows of fixed length, placed by absolute frame index."""

    kind: Literal["fixed"]
    window: Size
    hop: Size

    @property
    def span(self) -> int:
        """Frames from the first of a hop until its window is reported."""
        return self.window


Length = Annotated[int, Field(ge=1, lt=2**16)]


class Qrs(Strict):
    """Lengths of the QRS detector, in frames (docs/bundle.md)."""

    smooth: Length
    baseline: Length
    slope: Length
    energy: Length
    settle: Length
    hold: Length
    refractory: Length
    t_wave: Length
    search_from: Length
    reach: Length
    edge: Length
    latency: Length
    learn: Length


class Beats(Strict):
    """Windows about the R peaks of an ECG, numbered by slots of `hop` frames."""

    kind: Literal["beats"]
    window: Size
    before: Count  # frames of the window before R
    hop: Size  # at most the detector's refractory time, so that a slot holds at most one R
    lead: Count  # the channel in which beats are detected
    qrs: Qrs

    @property
    def span(self) -> int:
        """Frames from the first of a slot until the slot is reported."""
        return self.hop + max(self.window - self.before, self.qrs.latency)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.before >= self.window:
            raise ValueError("before must be less than window")
        q = self.qrs
        found = q.settle + q.hold + (q.slope + q.energy) // 2 + q.baseline // 2 + q.smooth + q.reach
        gain = q.smooth**2 * q.baseline
        if self.hop > q.refractory or self.span > 8 * self.hop or found + 2 > q.latency:
            raise ValueError("hop, qrs.refractory, qrs.hold and qrs.latency do not fit together")
        if gain > 2**15 or gain * q.energy > 2**19:
            raise ValueError("qrs.smooth, qrs.baseline and qrs.energy are too long")
        return self


def grid_of(segmenter: Segmenter | Beats, rate: NoConversion | Polyphase) -> Grid:
    """Return the lengths of windows in the sensor's frames."""
    before = segmenter.before if isinstance(segmenter, Beats) else 0
    if isinstance(rate, NoConversion):
        return Grid(segmenter.window, before, segmenter.hop, segmenter.span)
    span = (segmenter.span - 1) * rate.down // rate.up + rate.delay + 1
    hop = segmenter.hop * rate.down // rate.up
    return Grid(rate.frames(segmenter.window), rate.frames(before), hop, span)

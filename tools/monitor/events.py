"""What happens while a board is watched: one stream of events, read by every view.

Events are plain values. A view never asks the board anything; it gets these, in order, and a
new kind of view needs nothing else.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle.labels import ABNORMAL, UNKNOWN

Counts = NDArray[np.int16]  # [frames, channels]


class Outcome(enum.StrEnum):
    """A flag held against the label."""

    TRUE_POSITIVE = "true positive"
    FALSE_POSITIVE = "false positive"
    TRUE_NEGATIVE = "true negative"
    FALSE_NEGATIVE = "false negative"

    @property
    def right(self) -> bool:
        """Whether the flag says what the label says."""
        return self in (Outcome.TRUE_POSITIVE, Outcome.TRUE_NEGATIVE)


def outcome_of(flag: bool, label: int) -> Outcome | None:
    """Compare a flag with a label: 0 normal, 1 abnormal, -1 not known (which gives None)."""
    if label == UNKNOWN:
        return None
    if label == ABNORMAL:
        return Outcome.TRUE_POSITIVE if flag else Outcome.FALSE_NEGATIVE
    return Outcome.FALSE_POSITIVE if flag else Outcome.TRUE_NEGATIVE


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """What the board said of itself in its hello, and the port it said it on."""

    port: str
    board: str
    emulated: bool
    engine: str
    model: str
    model_hash: str  # hexadecimal, the first 8 bytes of the manifest's SHA-256
    window: int  # frames
    hop: int  # frames
    channels: int
    rate_hz: float | None
    threshold: float
    trained_threshold: float  # the bundle's
    golden_passed: int
    golden_total: int


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Where the samples come from, and what a count means; one entry a channel in each tuple."""

    name: str
    description: str
    simulated: bool
    frames: int
    labelled: bool
    channels: tuple[str, ...]
    units: tuple[str, ...]
    gain: tuple[float, ...]
    offset: tuple[int, ...]
    rate_hz: float | None

    @property
    def noun(self) -> str:
        """What one window is called: a beat where the signal is an ECG."""
        return "beat" if any("ecg" in name.lower() for name in self.channels) else "window"


@dataclass(frozen=True, slots=True)
class Started:
    """The board answered; `resume_frame` is the first frame that it will be sent."""

    board: BoardFacts
    source: SourceFacts
    resume_frame: int


@dataclass(frozen=True, slots=True, eq=False)
class SamplesSent:
    """Frames on their way to the board, or that it took itself: int16 [frames, channels]."""

    first_frame: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class SamplesLost:
    """Frames first_frame to first_frame + count - 1 were not taken, and never will be."""

    first_frame: int
    count: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class WindowScored:
    """One window's verdict, as the board gave it, beside the label if there is one.

    `reconstruction`: what the model made of the window, in counts, float32 [window, channels];
    None where the board was not asked for it.
    """

    index: int
    first_frame: int
    score: float
    threshold: float
    flag: bool
    microseconds: int
    label: int = UNKNOWN
    reconstruction: NDArray[np.float32] | None = None

    @property
    def outcome(self) -> Outcome | None:
        """None where the label is not known."""
        return outcome_of(self.flag, self.label)


@dataclass(frozen=True, slots=True)
class WindowsLost:
    """Windows first to first + count - 1 have no score and never will."""

    first: int
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """Frames on the wire, seen from both ends; zeros until the first statistics arrive."""

    sent: int = 0
    received: int = 0
    corrupt: int = 0
    missing: int = 0
    repeated: int = 0
    resent: int = 0
    board_received: int = 0
    board_corrupt: int = 0
    board_missing: int = 0
    board_repeated: int = 0
    board_resent: int = 0

    @property
    def troubles(self) -> int:
        """How often anything on the wire was not as it should be."""
        return (
            self.corrupt
            + self.missing
            + self.repeated
            + self.resent
            + self.board_corrupt
            + self.board_missing
            + self.board_repeated
            + self.board_resent
        )


@dataclass(frozen=True, slots=True)
class ThresholdChanged:
    """The board confirmed a threshold; windows from now on are held against it."""

    value: float


@dataclass(frozen=True, slots=True)
class Marked:
    """A person marked this moment."""

    frame: int
    window: int
    text: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Sending stopped, or went on."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Restarted:
    """The board forgot its stream and starts at `frame`, on request or because it rebooted."""

    frame: int
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should read: a reconnect, an error of the board."""

    text: str
    answers: bool | None = None
    """Whether the board answers from now on; None: no news of that."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event. `complete` when the whole source was streamed and answered."""

    complete: bool
    reason: str


Event = (
    Started
    | SamplesSent
    | SamplesLost
    | WindowScored
    | WindowsLost
    | LinkCounters
    | ThresholdChanged
    | Marked
    | Paused
    | Restarted
    | Notice
    | Ended
)

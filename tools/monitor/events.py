"""The events of a stream, in order: plain values, and all that a view receives."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tools.recordings.source import Counts, SourceFacts
from training.bundle.labels import ABNORMAL, UNKNOWN
from training.bundle.validation import brief


class Outcome(enum.StrEnum):
    """A window's flag compared with its label."""

    TRUE_POSITIVE = "true positive"
    FALSE_POSITIVE = "false positive"
    TRUE_NEGATIVE = "true negative"
    FALSE_NEGATIVE = "false negative"

    @property
    def right(self) -> bool:
        """Whether the flag agrees with the label."""
        return self in (Outcome.TRUE_POSITIVE, Outcome.TRUE_NEGATIVE)


class Severity(enum.StrEnum):
    """How much a message for the user matters."""

    INFO = "info"
    WARNING = "warning"  # data are missing, or a command was not obeyed
    ERROR = "error"  # the stream or an output has failed
    ALARM = "alarm"  # the alarm over windows


def outcome_of(flag: bool, label: int) -> Outcome | None:
    """Compare a flag with a label; None if the label is UNKNOWN."""
    if label == UNKNOWN:
        return None
    if label == ABNORMAL:
        return Outcome.TRUE_POSITIVE if flag else Outcome.FALSE_NEGATIVE
    return Outcome.FALSE_POSITIVE if flag else Outcome.TRUE_NEGATIVE


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """The board's description of itself (HELLO), and its port."""

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
    trained_threshold: float  # of the bundle
    golden_passed: int
    golden_total: int
    alarm: str = ""  # what raises and clears the alarm; empty: there is none
    name: str = ""  # that the user gave the board
    reconstructs: bool = True  # the samples; False: the model sees features of them alone
    span: int = 0  # frames from the first of a hop until its window is reported; 0: `window`
    cuts_beats: bool = False  # windows lie about heartbeats, so that a hop may hold none
    personal: bool = False  # beats are scored against the wearer's own

    @property
    def report_after(self) -> int:
        """Frames from the first of a hop until its window is reported."""
        return self.span or self.window

    def __post_init__(self) -> None:
        for field in ("board", "engine", "model"):  # from the wire: no control sequences
            object.__setattr__(self, field, brief(getattr(self, field)))

    @property
    def in_process(self) -> bool:
        """Whether there is no board: the scores are computed in this process."""
        return self.board == "host"


@dataclass(frozen=True, slots=True)
class Started:
    """The stream begins; `resume_frame` is its first frame."""

    board: BoardFacts
    source: SourceFacts
    resume_frame: int
    began: int | None = None  # Unix seconds, if the board's sensor began it earlier; None: now
    sampled: bool = False  # by the board itself, so that its clock sets the rate
    frames_per_second: float | None = None  # that come; None: no limit, or the source's rate


@dataclass(frozen=True, slots=True, eq=False)
class SamplesSent:
    """Frames sent to the board, or sampled by it: int16 [frames, channels]."""

    first_frame: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class SamplesLost:
    """No sample was taken of `count` frames from `first_frame` on."""

    first_frame: int
    count: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class WindowScored:
    """A window's score and flag as the board computed them, and its label if it is known.

    `reconstruction` is the model's output in counts, float32 [window, channels]; None if it was
    not requested from the board.
    """

    index: int
    first_frame: int
    score: float
    threshold: float
    flag: bool
    microseconds: int
    label: int = UNKNOWN
    reconstruction: NDArray[np.float32] | None = None
    peak: int | None = None  # windows about heartbeats: absolute frame of R
    interval: int = 0  # frames from the R before (RR); 0: unknown
    p: float | None = None  # p-value; None: the board computes none
    alarm: bool = False  # whether the alarm over windows is on
    drifted: bool = False  # whether the signal has left what the calibration saw

    @property
    def outcome(self) -> Outcome | None:
        """The flag compared with the label; None if the label is not known."""
        return outcome_of(self.flag, self.label)


@dataclass(frozen=True, slots=True)
class WindowNotJudged:
    """The board's quality gate rejected a window, which has no score."""

    index: int
    first_frame: int
    reason: str
    peak: int | None = None  # of a heartbeat: the frame of R
    interval: int = 0  # frames from the R before (RR); 0: unknown
    label: int = UNKNOWN


@dataclass(frozen=True, slots=True)
class WindowsLost:
    """`count` windows from `first` on were not scored."""

    first: int
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class AlarmChanged:
    """The alarm was raised or cleared by the window `index`, which begins at `first_frame`."""

    index: int
    first_frame: int
    on: bool


@dataclass(frozen=True, slots=True)
class AlarmAcknowledged:
    """The user has seen the last alarm."""


@dataclass(frozen=True, slots=True)
class AlarmSet:
    """The board confirmed what raises and clears the alarm, in words, from now on."""

    levels: str


@dataclass(frozen=True, slots=True)
class DriftChanged:
    """From the window `index` on, the board should be calibrated again, or no longer."""

    index: int
    first_frame: int
    recalibrate: bool


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """Frames on the link, counted by host and board; 0 until the first statistics arrive."""

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


@dataclass(frozen=True, slots=True)
class ThresholdChanged:
    """The board confirmed a threshold, which applies from now on."""

    value: float


@dataclass(frozen=True, slots=True)
class CalibrationStatus:
    """The board's own calibration, and where its threshold comes from.

    The figures are those of the calibration that runs, or else of the one in memory.
    """

    state: str  # none, running, kept, not_kept (until a reset), other_model (and ignored)
    source: str  # of the threshold in force: bundle, build, calibration, host
    threshold: float
    windows: int  # to take
    taken: int
    set_aside: int  # of the windows taken, as abnormal
    rate: float  # false-alarm rate
    tolerated: float  # largest share of abnormal windows

    @property
    def running(self) -> bool:
        """Whether the board is taking scores."""
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class WearerStatus:
    """What the board knows about the person who wears it."""

    learned: bool  # else beats are learned from, and not judged
    refused: bool  # learned from anew, because too few of the first beats resembled one another
    beats: int  # learned from, at most `learn`
    learn: int  # to learn from
    forms: int  # of this wearer's beats
    accepted: int  # of these, forms that a user called normal
    per_minute: float | None  # the wearer's usual heart rate; None: unknown
    memory: str  # none, saving, kept (outlives a restart), failed (does not)

    @property
    def settled(self) -> bool:
        """Whether nothing is being learned or saved."""
        return self.learned and self.memory != "saving"


@dataclass(frozen=True, slots=True)
class Marked:
    """The user marked this moment."""

    frame: int
    window: int
    text: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Sending was paused or continued."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Restarted:
    """The stream restarts at `frame`."""

    frame: int
    reason: str
    began: int | None = None  # as in Started


@dataclass(frozen=True, slots=True)
class RecordingAsked:
    """The user asked to start or stop recording."""

    on: bool


@dataclass(frozen=True, slots=True)
class RecordingChanged:
    """The recording to `file` began, or ended for a reason."""

    on: bool
    file: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for the user.

    `answers` tells whether the board answers from now on; None: no change.
    """

    text: str
    answers: bool | None = None
    severity: Severity = Severity.INFO


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event. `complete`: the whole source was streamed and scored."""

    complete: bool
    reason: str


Event = (
    Started
    | SamplesSent
    | SamplesLost
    | WindowScored
    | WindowNotJudged
    | WindowsLost
    | AlarmChanged
    | AlarmAcknowledged
    | AlarmSet
    | DriftChanged
    | LinkCounters
    | ThresholdChanged
    | CalibrationStatus
    | WearerStatus
    | Marked
    | Paused
    | Restarted
    | RecordingAsked
    | RecordingChanged
    | Notice
    | Ended
)


class View(Protocol):
    """Receives every event, in order, on the thread of the stream.

    Nothing is sent while `handle` runs, so a view that draws should only store the event.
    """

    def handle(self, event: Event) -> None:
        """Handle one event."""

    def close(self) -> None:
        """Release resources. Called once after the last event, also if the stream failed."""
        return  # nothing to release

"""Events that a session returns to the program, and its counters."""

from dataclasses import dataclass

from tools.link.messages import (
    CalibrationReport,
    ErrorCode,
    HelloReply,
    LostReason,
    WearerReport,
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A window was scored. Each window is in exactly one `Scored` or `Lost`, in order."""

    window: int  # absolute index; the window begins at sample ``window * hop``
    score: float  # score as the board computed it, a float32
    anomaly: bool  # whether the score was above the threshold in force
    microseconds: int  # time on the board for scaling, inference and score together
    input: bytes | None = None  # int8 values of the model, while watched
    output: bytes | None = None  # int8 values of the model, while watched
    peak: int = 0  # windows about heartbeats: samples from ``window * hop`` to R
    interval: int = 0  # samples from the R before; 0: unknown, or no heartbeats
    p: float = 0.0  # p-value, a float32; 0: the image computes none
    alarm: bool = False  # whether the alarm over windows is on
    drifted: bool = False  # whether the signal has left what the calibration saw


@dataclass(frozen=True, slots=True)
class Lost:
    """Windows `first` to ``first + count - 1`` will never be scored."""

    first: int
    count: int
    reason: LostReason
    # Of one window about a heartbeat that was not judged: samples from ``first * hop`` to R.
    peak: int | None = None
    interval: int = 0  # samples from the R before; 0: unknown


@dataclass(frozen=True, slots=True)
class Sampled:
    """Samples of the on-board sensor. Each sample comes once and in order, or is skipped."""

    sample: int  # absolute index of the first sample in `counts`
    counts: bytes  # int16, little-endian, channels interleaved; may be empty
    skipped: int = 0  # number of samples before `sample` that were not taken, or are lost
    why: LostReason = LostReason.GAP  # reason for the skipped samples


@dataclass(frozen=True, slots=True)
class Resumed:
    """The board answers again after a silence or a reset."""

    sample: int  # absolute index of the sample with which the stream continues
    window: int  # the next window to be reported
    rebooted: bool  # whether the board had lost the stream in a reset


@dataclass(frozen=True, slots=True)
class PortLost:
    """The port vanished; the session waits for its return."""

    reason: str


@dataclass(frozen=True, slots=True)
class OtherModel:
    """The board returned with another model; the session waits for the one before."""

    board: HelloReply  # the board's description of itself


@dataclass(frozen=True, slots=True)
class Silent:
    """The board owes an answer and is silent; the session sends HELLO until it answers."""


@dataclass(frozen=True, slots=True)
class BoardText:
    """A line of text from the board, between frames or before HELLO."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The board refused a frame, and the session cannot correct the cause."""

    code: ErrorCode | int
    type: int
    detail: int


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The board ended a calibration; `report` has its threshold."""

    report: CalibrationReport


@dataclass(frozen=True, slots=True)
class WearerChanged:
    """The board learned its wearer, or saved what it knows."""

    report: WearerReport


Event = (
    Scored
    | Lost
    | Sampled
    | Resumed
    | PortLost
    | OtherModel
    | Silent
    | BoardText
    | Refused
    | Calibrated
    | WearerChanged
)


@dataclass(slots=True)
class Counters:
    """Counters of the host's side since the session began."""

    sent: int = 0  # frames sent
    resent: int = 0  # SAMPLES and SKIP frames sent again
    received: int = 0  # valid frames received
    repeated: int = 0  # reports that had arrived before
    corrupt: int = 0  # noise and damaged frames
    missing: int = 0  # frames missing according to the board's sequence numbers
    text: int = 0  # pieces of text
    refused: int = 0  # valid frames whose content does not match their type
    samples: int = 0  # samples that the board has acknowledged, or has taken from its sensor
    windows: int = 0  # windows scored or not judged
    anomalies: int = 0  # windows scored above the threshold
    lost: int = 0  # windows lost
    timeouts: int = 0  # acknowledgements that were late
    resumed: int = 0  # times that the session sent HELLO again

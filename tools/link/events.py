"""What a session tells the program above it."""

from dataclasses import dataclass

from tools.link.messages import ErrorCode, LostReason


@dataclass(frozen=True, slots=True)
class Scored:
    """A window was scored. Windows come in order, each exactly once, as `Scored` or in `Lost`."""

    window: int
    """Absolute index; on the fixed grid it begins at sample ``window * hop``."""
    score: float
    """As the board computed it: a float32."""
    anomaly: bool
    """The score was above the threshold in force."""
    microseconds: int
    """On the board: scale, engine and score together."""
    input: bytes | None = None
    """int8 [window * channels], while watched."""
    output: bytes | None = None
    """int8 [window * channels], while watched."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Windows `first` to ``first + count - 1`` will never be scored."""

    first: int
    count: int
    reason: LostReason


@dataclass(frozen=True, slots=True)
class Sampled:
    """Samples that the board took itself. They come in order, each once, as counts or skipped."""

    sample: int
    """Absolute index of the first in `counts`."""
    counts: bytes
    """int16, little-endian, channels interleaved; may be empty."""
    skipped: int = 0
    """So many before `sample` were not taken, or are gone."""
    why: LostReason = LostReason.GAP
    """Of those."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The board answers again after a silence or a reset."""

    sample: int
    """Absolute index of the sample that the stream goes on with."""
    window: int
    """The next window to be reported."""
    rebooted: bool
    """The board had forgotten the stream."""


@dataclass(frozen=True, slots=True)
class PortLost:
    """The port vanished; the session waits for it to come back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Silent:
    """The board should have spoken and has not; the session says HELLO until it does."""


@dataclass(frozen=True, slots=True)
class BoardText:
    """A line that the board printed for people, between frames or before the hello."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The board refused a frame, for a reason that the session could not put right."""

    code: ErrorCode | int
    type: int
    detail: int


Event = Scored | Lost | Sampled | Resumed | PortLost | Silent | BoardText | Refused


@dataclass(slots=True)
class Counters:
    """What the host's end has seen since the session began."""

    sent: int = 0
    """Frames."""
    resent: int = 0
    """Of which SAMPLES and SKIP frames sent before."""
    received: int = 0
    """Good frames."""
    repeated: int = 0
    """Reports that had come before."""
    corrupt: int = 0
    """Noise and frames with an error."""
    missing: int = 0
    """Frames that the board's sequence numbers say were sent and did not come."""
    text: int = 0
    """Pieces of text for people."""
    refused: int = 0
    """Good frames whose content was not what their type says."""
    samples: int = 0
    """Samples that the board has acknowledged; or taken itself, as far as they are watched."""
    windows: int = 0
    """Windows scored."""
    anomalies: int = 0
    """Of which flagged."""
    lost: int = 0
    """Windows lost."""
    timeouts: int = 0
    """Acknowledgements that did not come in time."""
    resumed: int = 0
    """Times the session had to say HELLO again."""

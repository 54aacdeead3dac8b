"""What the stream asks of a board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tools.monitor import controls
from tools.monitor.events import (
    AlarmChanged,
    BoardFacts,
    CalibrationStatus,
    DriftChanged,
    LinkCounters,
    Notice,
    SamplesLost,
    SamplesSent,
    ThresholdChanged,
    WearerStatus,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.recordings.source import Counts
from training.bundle.manifest import AlarmLevels


class Board(Protocol):
    """A board that the stream can run on."""

    @property
    def facts(self) -> BoardFacts:
        """The board's description of itself."""

    @property
    def answers(self) -> bool:
        """Whether the board answered last time."""

    @property
    def resume_frame(self) -> int | None:
        """The next frame of the board's unfinished stream; None: there is none to resume."""

    def room(self) -> int:
        """Return the number of frames that `send` takes without waiting."""

    def send(self, first_frame: int, counts: Counts) -> None:
        """Send frames, int16 [frames, channels], at most `room()`."""

    def skip(self, first_frame: int, count: int) -> None:
        """Skip `count` missing frames from `first_frame` on."""

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        """Return what was received; wait at most `timeout` seconds. Raises LinkError."""

    def set_threshold(self, value: float) -> float:
        """Set the threshold and return the board's. Raises LinkError if the board refuses it."""

    @property
    def calibration(self) -> CalibrationStatus | None:
        """The board's own calibration; None if its firmware has none."""

    def calibrate(self, command: controls.Calibration) -> None:
        """Begin, end or forget the board's own calibration; `receive` returns its status.

        Raises LinkError if the board refuses it.
        """

    @property
    def wearer(self) -> WearerStatus | None:
        """What the board knows about its wearer; None if its model has none."""

    def accept(self, window: int) -> None:
        """Accept a flagged window as normal; `receive` returns the wearer's status.

        Raises LinkError if the board has no wearer, or no longer keeps the window.
        """

    def renew_wearer(self) -> None:
        """Forget the wearer and learn anew; `receive` returns the status. Raises LinkError."""

    def set_alarm(self, levels: AlarmLevels) -> str:
        """Set the alarm and return it in words. Raises LinkError if the board refuses it."""

    def take_up(self) -> int:
        """Resume the unfinished stream and return the first frame to send."""

    def restart(self) -> None:
        """Begin a new stream at frame 0."""

    def retry(self) -> None:
        """Try to reach a board that does not answer now, not at the next regular attempt."""

    def counters(self) -> LinkCounters:
        """Return the link's counters of both ends."""

    def close(self, finished: bool) -> None:
        """Close the session; a `finished` stream cannot be resumed."""


@runtime_checkable
class SamplingBoard(Board, Protocol):
    """A board that samples its own sensor: `room` is 0, and `receive` also returns samples."""

    @property
    def began(self) -> int:
        """When the stream began, in Unix seconds."""

    @property
    def over(self) -> bool:
        """Whether the sensor's signal has ended and all of it has been received."""


BoardEvent = (
    WindowScored
    | AlarmChanged
    | DriftChanged
    | WindowNotJudged
    | WindowsLost
    | SamplesSent
    | SamplesLost
    | Notice
    | ThresholdChanged
    | CalibrationStatus
    | WearerStatus
)

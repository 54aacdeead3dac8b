"""Commands to a running stream. They may come from any thread and from signal handlers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.bundle.manifest import AlarmLevels

from training.bundle.validation import brief
from training.bundle.wording import plural

CALIBRATION_WINDOWS = 200
CALIBRATION_TOLERATED = 0.02


@dataclass(frozen=True, slots=True)
class SetThreshold:
    """Set the board's threshold."""

    value: float


@dataclass(frozen=True, slots=True)
class SetAlarm:
    """Set the board's alarm over windows."""

    levels: AlarmLevels


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Let the board choose its threshold from its next judged windows."""

    windows: int = CALIBRATION_WINDOWS
    rate: float | None = None  # false-alarm rate; None: the bundle's
    tolerated: float = CALIBRATION_TOLERATED  # largest share of abnormal windows


@dataclass(frozen=True, slots=True)
class StopCalibration:
    """End the board's calibration without a result."""


@dataclass(frozen=True, slots=True)
class ForgetCalibration:
    """Return to the image's threshold, and delete the board's calibration."""


@dataclass(frozen=True, slots=True)
class Accept:
    """A flagged window was normal: accept it. None: the last flagged one."""

    window: int | None = None


@dataclass(frozen=True, slots=True)
class RenewWearer:
    """Another person wears the board, or an electrode has moved: learn anew."""


@dataclass(frozen=True, slots=True)
class SetPaused:
    """Pause or continue sending; None toggles."""

    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Mark this moment."""

    text: str = "mark"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", brief(self.text) or "mark")


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Note that the user has seen the alarm."""


@dataclass(frozen=True, slots=True)
class SetRecording:
    """Start a recording, or end the one that runs."""

    on: bool


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Try now to reach a board that does not answer."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Restart the stream at frame 0."""


FLOAT32_MAX = 3.4028234663852886e38


def is_threshold(value: float) -> bool:
    """Return whether a board can store it and a score can exceed it; an int may have any size."""
    return not isinstance(value, bool) and 0 <= value <= FLOAT32_MAX


ALARM_FORM = "mean:N:LEVEL[:CLEAR]|count:N:K[:CLEAR]"


def alarm_levels(text: str) -> AlarmLevels:
    """Read what raises the alarm, and what clears it (default: 0.8 of that), as ALARM_FORM says.

    Raises:
        ValueError: the text is not understood, or a value is out of range.
    """
    # Imported here: a monitor without these commands starts a third of a second sooner.
    from pydantic import ValidationError

    from training.bundle.manifest import AlarmLevels

    kind, _, rest = text.partition(":")
    try:
        windows, *levels = rest.split(":")
        high, low = map(float, levels) if len(levels) == 2 else (float(levels[0]), None)
        if len(levels) > 2 or kind not in ("mean", "count") or (kind == "count" and high % 1):
            raise ValueError
        alarm = AlarmLevels(
            kind="mean" if kind == "mean" else "count",
            windows=int(windows),
            raise_level=high,
            clear_level=0.8 * high if low is None else low,
        )
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"])) or "levels"
        raise ValueError(f"{where}: {first['msg']}") from None
    except (ValueError, IndexError):
        raise ValueError(f"write {ALARM_FORM}, such as mean:8:0.9 or count:5:3") from None
    if alarm.kind == "count" and alarm.raise_level > alarm.windows:
        raise ValueError(
            f"of {alarm.windows} {plural('window', alarm.windows)}, {alarm.raise_level:g} cannot "
            "be flagged: K is at most N"
        )
    return alarm


CLOSE_SECONDS = 0.5  # that the board has to answer after a request to quit
Calibration = Calibrate | StopCalibration | ForgetCalibration
# The board has no part in these.
HostCommand = Acknowledge | Mark | Reconnect | SetPaused | SetRecording
BoardCommand = SetThreshold | SetAlarm | Accept | RenewWearer | Calibration
Command = HostCommand | BoardCommand | Reset


class Controls:
    """The queue of commands to one stream. A request to quit overtakes all commands."""

    def __init__(self) -> None:
        # A signal handler may write to a SimpleQueue while the same thread reads it.
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._quit = threading.Event()
        self._deadline = float("inf")  # for the board's answers
        self.quit_reason = ""
        self.hurried = False  # a second request to quit: wait for nothing

    def ask(self, command: Command) -> None:
        """Queue a command."""
        self._commands.put(command)

    def quit(self, reason: str) -> None:
        """End the stream and close the session."""
        self.quit_reason = self.quit_reason or reason
        self._deadline = min(self._deadline, time.monotonic() + CLOSE_SECONDS)
        self._quit.set()

    def hurry(self) -> None:
        """End without waiting for the board."""
        self.hurried = True

    @property
    def quitting(self) -> bool:
        """Whether the stream was asked to end."""
        return self._quit.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for a request to quit, at most `seconds`."""
        self._quit.wait(seconds)

    def out_of_time(self) -> bool:
        """Return whether to stop waiting for the board."""
        return self.hurried or time.monotonic() > self._deadline

    def take(self) -> Iterator[Command]:
        """Yield the commands since the last call."""
        while True:
            try:
                yield self._commands.get_nowait()
            except queue.Empty:
                return

"""The settings of a run of the monitor: input, boards, view and outputs.

Combinations without a meaning raise an error when the settings are built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from training.bundle.errors import BoardError, DataError

if TYPE_CHECKING:
    from tools.link.faults import FaultConfig
    from tools.recordings.format import RecordedScores
    from training.bundle.manifest import AlarmLevels

MAX_SPEED = 1e6  # as a multiple of real time; no link is as fast
MAX_SENSOR_SPEED = 1000


@dataclass(frozen=True)
class DataSet:
    """The test recording of the data set that the bundle was trained on."""


@dataclass(frozen=True)
class File:
    """A recording, a WFDB record or a table of samples."""

    path: Path
    leads: tuple[str, ...] = ()  # of an ECG record, by name; empty: the model's


@dataclass(frozen=True)
class Streamed:
    """A recording that the host sends to the board."""

    recording: DataSet | File = field(default_factory=DataSet)  # what is sent
    # multiple of real time; None: real time in a browser, else as fast as possible
    speed: float | None = None
    repeat: bool = False  # start again at the end, without end
    resume: bool = True  # continue a stream that an interrupted monitor left on the board

    def __post_init__(self) -> None:
        _check_speed(self.speed)


@dataclass(frozen=True)
class Replay:
    """A recording of the monitor whose scores must be computed again, bit for bit."""

    scores: RecordedScores  # the recorded scores; the samples are those that gave them
    speed: float | None = None  # as in `Streamed`

    def __post_init__(self) -> None:
        _check_speed(self.speed)


@dataclass(frozen=True)
class BoardSensor:
    """Samples that the board takes itself."""

    # what the sensor of an emulated board measures; no other board uses it
    plays: DataSet | File = field(default_factory=DataSet)
    speed: float | None = None  # of an emulated board: a whole multiple of real time

    def __post_init__(self) -> None:
        speed = 1.0 if self.speed is None else self.speed
        if not (1 <= speed <= MAX_SENSOR_SPEED and speed == round(speed)):
            raise DataError(
                f"speed is {speed:g}; an emulated board plays a recording at whole multiples of "
                f"real time, 1 to {MAX_SENSOR_SPEED}"
            )


@dataclass(frozen=True)
class Port:
    """A board on a serial port, and the faults to inject on the link to it."""

    name: str
    faults: FaultConfig | None = None

    def __post_init__(self) -> None:
        if self.faults is not None and self.faults.reboots:
            raise BoardError(
                f"{self.name}: only an emulated board can be reset by a fault; leave reboot@ out, "
                "or use --port emulated"
            )


@dataclass(frozen=True)
class Emulated:
    """An emulated board that is booted from `image` (ELF), and the faults to inject."""

    image: Path
    faults: FaultConfig | None = None
    flash: Path | None = None  # file of its flash, which outlives it; None: none does


@dataclass(frozen=True)
class InProcess:
    """The signal chain and the interpreter in this process, without a board."""


LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Browser:
    """A page for browsers; by default for those on this machine alone."""

    port: int = 0  # TCP; 0 takes any free one
    host: str = LOOPBACK  # address to listen on; 0.0.0.0 is every network of this machine
    certificate: Path | None = None  # PEM file with certificate and key: serve over TLS
    origin: str | None = None  # public address, such as https://pumps.example, of a reverse proxy

    def __post_init__(self) -> None:
        if self.origin is not None and not re.fullmatch(r"https://[^/?#\s]+", self.origin):
            raise DataError(f"{self.origin}: a reverse proxy's address is https://NAME[:PORT]")
        if self.host != LOOPBACK and self.certificate is None and self.origin is None:
            raise DataError(
                f"{self.host}: without TLS, everyone on the network reads the token and the data: "
                "add --web-certificate, or --web-origin behind a reverse proxy with TLS"
            )
        if self.certificate is not None and not self.certificate.is_file():
            raise DataError(f"{self.certificate}: no such file")

    @property
    def shared(self) -> bool:
        """Whether other machines can reach the page."""
        return self.host != LOOPBACK or self.origin is not None


@dataclass(frozen=True)
class RecordingOptions:
    """The file to record to; an existing one is replaced only with `overwrite`."""

    path: Path
    overwrite: bool = False


@dataclass(frozen=True)
class MqttOptions:
    """A broker to publish to, and what it may do."""

    url: str
    discovery: str | None = None  # prefix of Home Assistant's discovery; None: no discovery
    commands: bool = False  # obey what is published to the board's topic `command`


Input = Streamed | Replay | BoardSensor
Target = Port | Emulated | InProcess
ScreenView = Literal["auto", "terminal", "plain", "json"]


@dataclass(frozen=True)
class MonitorSettings:
    """The settings of one run."""

    bundle: Path  # folder of the bundle that the boards run
    targets: tuple[Target, ...]  # the boards; only a browser shows more than one
    input: Input = field(default_factory=Streamed)  # where the samples come from
    # "auto" is the terminal view on a terminal, and plain lines elsewhere
    view: ScreenView | Browser = "auto"
    windows: int | None = None  # stop after this many
    threshold: float | None = None  # set on the board first; None: keep the board's
    recording: RecordingOptions | None = None  # where to record; only for a single board
    mqtt: MqttOptions | None = None
    alarm: AlarmLevels | None = None  # set on the board first; None: keep the board's
    # seconds to wait for a board that answered before; None: for ever in a browser, else briefly
    wait: float | None = None
    on_alarm: tuple[str, ...] = ()  # program to run when the alarm is raised or cleared

    def __post_init__(self) -> None:
        if not self.targets:
            raise BoardError("there is no board to monitor")
        if len(self.targets) > 1 and not isinstance(self.view, Browser):
            raise DataError("only the browser view shows several boards")
        if len(self.targets) > 1 and self.recording is not None:
            raise DataError("a recording holds the stream of one board: choose one with --port")
        if not isinstance(self.input, BoardSensor):
            return
        if any(isinstance(target, InProcess) for target in self.targets):
            raise BoardError("the in-process board has no sensor")
        if self.input.speed is not None and not any(
            isinstance(target, Emulated) for target in self.targets
        ):
            raise DataError("a sensor is sampled in real time: leave the speed out")

    @property
    def source_file(self) -> Path | None:
        """The file that is streamed or played, if any."""
        match self.input:
            case Replay():
                return self.input.scores.samples
            case Streamed(recording=File() as file) | BoardSensor(plays=File() as file):
                return file.path
        return None


def _check_speed(speed: float | None) -> None:
    if speed is not None and not 0 < speed <= MAX_SPEED:
        raise DataError(
            f"speed is {speed:g}; it must be positive (1: real time) and at most {MAX_SPEED:g}"
        )

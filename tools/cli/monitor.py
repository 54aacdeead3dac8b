"""Commands that stream to or from a running board: monitor, record, replay."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tools.boards.catalogue import is_emulated
from tools.boards.names import keep_name, key_of
from tools.boards.ports import find_ports
from tools.cli.app import app
from tools.cli.build import build_image
from tools.cli.options import (
    DEFAULT,
    FAULTS_FORM,
    AlarmOption,
    JsonLinesOption,
    Name,
    OverwriteOption,
    PlainOption,
    PortOption,
    SpeedOption,
    WaitOption,
    alarm_levels_of,
    bundle_path,
    complain,
    console,
    faults_of,
    finite,
    seconds_of,
    view_of,
)
from tools.link.faults import FaultConfig
from tools.monitor.run import run
from tools.monitor.settings import (
    LOOPBACK,
    BoardSensor,
    Browser,
    DataSet,
    Emulated,
    File,
    InProcess,
    Input,
    MonitorSettings,
    MqttOptions,
    Port,
    RecordingOptions,
    Replay,
    Streamed,
    Target,
)
from tools.recordings.format import RecordedScores
from tools.recordings.load import check_data_set, of_file, trained_on
from tools.recordings.registry import check_target, read_scores
from training.bundle import read_bundle
from training.bundle.errors import BoardError


def command_words(value: str | None) -> str | None:
    """Check that a command can be run. Raises BadParameter."""
    if value is None:
        return None
    try:
        words = shlex.split(value)
    except ValueError as problem:
        raise typer.BadParameter(f"{value}: {problem}") from None
    if not words or shutil.which(words[0]) is None:
        raise typer.BadParameter(f"{words[0] if words else value!r}: there is no such program")
    return value


EMULATED = "emulated"  # as a port: boot this board; the other emulated boards likewise


@app.command()
def monitor(
    name: Name = DEFAULT,
    port: Annotated[
        list[str] | None,
        typer.Option(
            "--port",
            "-p",
            help="Serial port (default: the board that is plugged in); `emulated` or another "
            "emulated board of the catalogue boots that. With --web, give one --port for each "
            "board.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            help="Recording to stream: any file that `vigil inspect` reads; default: the test set.",
        ),
    ] = None,
    windows: Annotated[
        int | None,
        typer.Option("--windows", "-n", min=1, help="Stop after this many windows."),
    ] = None,
    speed: SpeedOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(callback=finite, help="Set this threshold on the board first."),
    ] = None,
    alarm: AlarmOption = None,
    board_name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help='Name the board, in every view, topic and file from now on; "" forgets it.',
        ),
    ] = None,
    lead: Annotated[
        list[str] | None,
        typer.Option("--lead", help="Lead of an ECG record to stream, by name (MLII, V1)."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Write scores and samples to this file: .csv, .npz or .hea (WFDB)."),
    ] = None,
    overwrite: OverwriteOption = False,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Start the source again when it ends.")
    ] = False,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample",
            help="Let the board sample its own sensor; an emulated board plays the source.",
        ),
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start a new stream; do not resume an interrupted one.")
    ] = False,
    plain: PlainOption = False,
    json: JsonLinesOption = False,
    web: Annotated[bool, typer.Option("--web", help="Show the stream in a browser.")] = False,
    web_port: Annotated[
        int, typer.Option(min=0, max=65535, help="TCP port of --web; 0 takes any free port.")
    ] = 0,
    web_host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address on which --web listens; any other than 127.0.0.1 needs TLS.",
        ),
    ] = LOOPBACK,
    web_certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file with certificate and key, for TLS."),
    ] = None,
    web_origin: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Public address of --web behind a reverse proxy."),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Also publish to a broker: mqtt://HOST or mqtts://HOST."),
    ] = None,
    mqtt_discovery: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX",
            help="Announce the board to Home Assistant below this prefix: homeassistant.",
        ),
    ] = None,
    mqtt_commands: Annotated[
        bool, typer.Option("--mqtt-commands", help="Obey commands that the broker delivers.")
    ] = False,
    on_alarm: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            callback=command_words,
            help="Run this program when the alarm is raised or cleared; see docs/monitor.md.",
        ),
    ] = None,
    wait: WaitOption = None,
    faults: Annotated[
        str | None,
        typer.Option(
            metavar=FAULTS_FORM,
            help="Inject link faults: 0.01 corrupts one frame in a hundred; reboot@S resets the "
            "emulated board at second S; unplug@S:S disconnects it. See docs/link.md.",
        ),
    ] = None,
) -> None:
    """Stream samples to a board and show its scores."""
    view = view_of(plain=plain, json=json, web=web)
    if sample and repeat:
        raise typer.BadParameter("--repeat: a board that samples its own sensor cannot repeat")
    ports = port or []
    if mqtt is None and (mqtt_discovery is not None or mqtt_commands):
        raise typer.BadParameter("--mqtt-discovery and --mqtt-commands need --mqtt")
    if not web and (web_host, web_certificate, web_origin) != (LOOPBACK, None, None):
        raise typer.BadParameter("--web-host, --web-certificate and --web-origin need --web")
    if len(ports) > 1 and not web:
        raise typer.BadParameter("only --web shows several boards: give one --port, or add --web")
    path, link_faults = bundle_path(name), faults_of(faults)
    if lead and source is None:
        raise typer.BadParameter("--lead: give the record with --source")
    played = DataSet() if source is None else File(source, tuple(lead or ()))
    if record is not None:
        check_target(record, source, overwrite)  # before the build, which takes longer
    if isinstance(played, File):
        bundle = read_bundle(path)
        of_file(played.path, bundle, leads=played.leads)
        if trained_on(played.path, bundle):
            complain(
                f"{played.path}: the model was trained on most of this file, so it flags less here "
                "than on new samples; without --source, only the part held back for tests is sent"
            )
    stream: Input = (
        BoardSensor(played, speed) if sample else Streamed(played, speed, repeat, resume=not fresh)
    )
    ports = ports_of(ports, several=web)
    if source is None and (not sample or any(map(is_emulated, ports))):
        check_data_set(read_bundle(path))
    if board_name is not None:
        name_board(ports, board_name)
    shown = Browser(web_port, web_host, web_certificate, web_origin) if web else view
    run(
        MonitorSettings(
            path,
            targets_of(path, ports, link_faults),
            stream,
            shown,
            windows,
            threshold,
            None if record is None else RecordingOptions(record, overwrite),
            None if mqtt is None else MqttOptions(mqtt, mqtt_discovery, mqtt_commands),
            alarm=alarm_levels_of(alarm),
            on_alarm=tuple(shlex.split(on_alarm or "")),
            wait=seconds_of(wait),
        )
    )


@app.command()
def record(
    recording: Annotated[Path, typer.Argument(help="File to write: .csv, .npz or .hea (WFDB).")],
    name: Name = DEFAULT,
    port: PortOption = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            help="Recording that an emulated board plays: any file of samples "
            "(default: the test set).",
        ),
    ] = None,
    windows: Annotated[
        int | None,
        typer.Option("--windows", "-n", min=1, help="Stop after this many windows."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            callback=finite, help="Speed of an emulated board, as a multiple of real time."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    wait: WaitOption = None,
    plain: PlainOption = False,
    json: JsonLinesOption = False,
) -> None:
    """Record what a board samples by itself, until Ctrl-C; a replay is bit-exact."""
    view = view_of(plain=plain, json=json)
    path = bundle_path(name)
    stream = BoardSensor(DataSet() if source is None else File(source), speed)
    check_target(recording, source, overwrite)  # before the build, which takes longer
    ports = ports_of([port] if port else [])
    if source is None and is_emulated(ports[0]):
        check_data_set(read_bundle(path))
    run(
        MonitorSettings(
            path,
            targets_of(path, ports),
            stream,
            view,
            windows,
            recording=RecordingOptions(recording, overwrite),
            wait=seconds_of(wait),
        )
    )


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="A recording: .csv, .npz or .hea (WFDB).")],
    name: Annotated[
        str | None,
        typer.Argument(help="Bundle or recipe name (default: the model that the recording names)."),
    ] = None,
    port: PortOption = None,
    host: Annotated[
        bool, typer.Option("--host", help="Compute the scores on this machine, without a board.")
    ] = False,
    speed: SpeedOption = None,
    plain: PlainOption = False,
    json: JsonLinesOption = False,
) -> None:
    """Stream a recording again, and fail unless every score is the recorded one, bit for bit."""
    view = view_of(plain=plain, json=json)
    scores = read_scores(recording)
    path = bundle_path(name or model_name(scores) or DEFAULT)
    targets = (InProcess(),) if host else targets_of(path, ports_of([port] if port else []))
    run(MonitorSettings(path, targets, Replay(scores, speed), view))


def model_name(scores: RecordedScores) -> str:
    """Return the name of the model that a recording names; empty if it names none."""
    name = scores.model.partition(" ")[2]
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else ""


def name_board(ports: Sequence[str], name: str) -> None:
    """Keep the user's name for the only board. Raises BoardError."""
    if len(ports) != 1 or is_emulated(ports[0]):
        raise BoardError("--name names one board that is plugged in: choose it with --port")
    keep_name(key_of(ports[0]), name)


def ports_of(given: list[str], several: bool = False) -> list[str]:
    """Return the given ports; by default those of the boards that are plugged in, else EMULATED.

    Raises BoardError if several boards are plugged in and only one can be shown.
    """
    ports = given or [port.path for port in find_ports()] or [EMULATED]
    if not given and len(ports) > 1 and not several:
        names = ", ".join(ports)
        raise BoardError(f"several boards are plugged in ({names}): choose one with --port")
    return ports


def targets_of(
    bundle: Path, ports: Sequence[str], faults: FaultConfig | None = None
) -> tuple[Target, ...]:
    """Return the boards on `ports`; the name of an emulated board boots it. Builds its image."""
    images = {
        port: build_image(console(stderr=True), bundle, port, "compiled").elf
        for port in dict.fromkeys(ports)
        if is_emulated(port)
    }
    flash = bundle / "firmware" / "flash"
    return tuple(
        Emulated(images[port], faults, flash) if port in images else Port(port, faults)
        for port in ports
    )

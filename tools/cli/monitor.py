"""Commands that stream to or from a running board: monitor, record, replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tools.boards.ports import find_ports
from tools.cli.app import app
from tools.cli.build import build_image
from tools.cli.options import (
    FAULTS_FORM,
    JsonLinesOption,
    Name,
    OverwriteOption,
    PlainOption,
    PortOption,
    SpeedOption,
    bundle_path,
    console,
    faults_of,
    finite,
    view_of,
)
from tools.monitor.outputs import check_record_of
from tools.monitor.port import EMULATED
from tools.monitor.replay import read_recorded
from tools.monitor.run import MonitorSettings, run
from tools.monitor.web.run import WebSettings, run_web


@app.command()
def monitor(
    name: Name = "ecg5000",
    port: Annotated[
        list[str] | None,
        typer.Option(
            "--port",
            "-p",
            help="Serial port [default: the board that is plugged in]; `emulated` boots an "
            "emulated board. With --web, give one --port for each board.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source", help="Recording to stream: .csv, .npz, .hea (WFDB) [default: the test set]."
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
    mqtt: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Also publish to a broker: mqtt://HOST or mqtts://HOST."),
    ] = None,
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
    if len(ports) > 1 and not web:
        raise typer.BadParameter("only --web shows several boards: give one --port, or add --web")
    settings = MonitorSettings(
        bundle=bundle_path(name),
        source=source,
        port=ports[0] if ports else None,
        view=view,
        speed=speed,
        repeat=repeat,
        resume=not fresh,
        windows=windows,
        threshold=threshold,
        record=record,
        overwrite=overwrite,
        faults=faults_of(faults),
        mqtt=mqtt,
        sample=sample,
    )
    check_record_of(settings)  # before the build, which takes much longer
    if web:
        wanted: list[str | None] = [*(ports or (found.path for found in find_ports()))]
        wanted = wanted or [None]
        run_web(WebSettings(_with_image(settings, wanted), wanted, web_port))
    else:
        run(_with_image(settings, [settings.port]))


@app.command()
def record(
    recording: Annotated[Path, typer.Argument(help="File to write: .csv, .npz or .hea (WFDB).")],
    name: Name = "ecg5000",
    port: PortOption = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            help="Recording that an emulated board plays: .csv, .npz, .hea (WFDB) "
            "[default: the test set].",
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
    plain: PlainOption = False,
    json: JsonLinesOption = False,
) -> None:
    """Record what a board samples by itself, until Ctrl-C; a replay is bit-exact."""
    view = view_of(plain=plain, json=json)
    settings = MonitorSettings(
        bundle=bundle_path(name),
        source=source,
        port=port,
        view=view,
        speed=speed,
        windows=windows,
        record=recording,
        overwrite=overwrite,
        sample=True,
    )
    check_record_of(settings)
    run(_with_image(settings, [port]))


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="A recording: .csv, .npz or .hea (WFDB).")],
    name: Name = "ecg5000",
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
    recorded = read_recorded(recording)
    settings = MonitorSettings(
        bundle=bundle_path(name),
        source=recorded.samples,
        port=port,
        view=view,
        speed=speed,
        resume=False,
        on_host=host,
        compare=recorded,
    )
    run(settings if host else _with_image(settings, [port]))


def _with_image(settings: MonitorSettings, ports: Sequence[str | None]) -> MonitorSettings:
    """`settings` with an image for the emulated board, built if one of `ports` boots it."""
    boots = EMULATED in ports or (None in ports and not find_ports())
    if not boots:
        return settings
    image = build_image(console(stderr=True), settings.bundle, "emulated", "compiled").elf
    return replace(settings, image=image)

"""Commands that talk to a board that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from tools.cli.app import app
from tools.cli.options import (
    FAULTS_FORM,
    JsonLinesOption,
    Name,
    OverwriteOption,
    PlainOption,
    PortOption,
    SpeedOption,
    bundle_path,
    faults_of,
    finite,
    view_of,
)


@app.command()
def monitor(
    name: Name = "ecg5000",
    port: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--port",
            "-p",
            help="Serial port; found by its USB id when left out. `emulated` boots a board. "
            "With --web, once for each board.",
        ),
    ] = None,
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--source", help="Stream this, not the test set: .csv, .npz, .hea (WFDB)."),
    ] = None,
    windows: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--windows", "-n", min=1, help="Stop after this many windows."),
    ] = None,
    speed: SpeedOption = None,
    threshold: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(callback=finite, help="Set on the board before the stream starts."),
    ] = None,
    record: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write scores and samples: .csv, .npz, or .hea (WFDB)."),
    ] = None,
    overwrite: OverwriteOption = False,
    repeat: Annotated[bool, typer.Option("--repeat", help="Begin again at the end.")] = False,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample", help="The board samples its own sensor; an emulated one plays the source."
        ),
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do not go on with a stream that was left unfinished.")
    ] = False,
    plain: PlainOption = False,
    json: JsonLinesOption = False,
    web: Annotated[bool, typer.Option("--web", help="In a browser, in real time.")] = False,
    web_port: Annotated[
        int, typer.Option(min=0, max=65535, help="For the browser; 0 is any that is free.")
    ] = 0,
    mqtt: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="URL", help="Publish to a broker, too: mqtt://HOST or mqtts://HOST."),
    ] = None,
    faults: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar=FAULTS_FORM,
            help="Spoil frames on purpose: 0.01 is one in a hundred. At second S reset the "
            "emulated board, or pull the plug until a later one: see docs/link.md.",
        ),
    ] = None,
) -> None:
    """Stream samples to a board and watch its scores."""
    from tools import pipeline
    from tools.monitor.outputs import check_record_of
    from tools.monitor.run import MonitorSettings

    view = view_of(plain=plain, json=json, web=web)
    if sample and repeat:
        raise typer.BadParameter("--repeat: a board that samples itself does not begin again")
    ports = port or []
    if len(ports) > 1 and not web:
        raise typer.BadParameter("several boards at once are for --web")
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
    check_record_of(settings)  # before an image is built for nothing
    if web:
        pipeline.monitor_web(settings, ports, web_port)
    else:
        pipeline.monitor(settings)


@app.command()
def record(
    recording: Annotated[Path, typer.Argument(help="Scores and samples: .csv, .npz or .hea.")],
    name: Name = "ecg5000",
    port: PortOption = None,
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--source", help="What an emulated board plays: .csv, .npz, .hea (WFDB)."),
    ] = None,
    windows: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--windows", "-n", min=1, help="Stop after this many."),
    ] = None,
    speed: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            callback=finite, help="Of an emulated board: so many times faster than in real time."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    plain: PlainOption = False,
    json: JsonLinesOption = False,
) -> None:
    """Record what a board samples by itself; Ctrl-C ends. It replays bit for bit."""
    from tools import pipeline
    from tools.monitor.outputs import check_record_of
    from tools.monitor.run import MonitorSettings

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
    pipeline.monitor(settings)


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="A recording: .csv, .npz or .hea.")],
    name: Name = "ecg5000",
    port: PortOption = None,
    host: Annotated[bool, typer.Option("--host", help="On this machine, without a board.")] = False,
    speed: SpeedOption = None,
    plain: PlainOption = False,
    json: JsonLinesOption = False,
) -> None:
    """Play a recording back; it must give the same scores, bit for bit."""
    from tools import pipeline
    from tools.monitor.replay import read_recorded
    from tools.monitor.run import MonitorSettings

    view = view_of(plain=plain, json=json)
    recorded = read_recorded(recording)
    pipeline.monitor(
        MonitorSettings(
            bundle=bundle_path(name),
            source=recorded.samples,
            port=port,
            view=view,
            speed=speed,
            resume=False,
            on_host=host,
            compare=recorded,
        )
    )

"""The command `gateway`: all boards to a broker, without a screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tools.boards.catalogue import is_emulated
from tools.cli.app import app
from tools.cli.monitor import targets_of
from tools.cli.options import DEFAULT, bundle_path
from tools.monitor.settings import Emulated, Port
from tools.recordings.load import check_data_set, of_bundle
from training.bundle import read_bundle

OF_A_FILE = (
    "play a recording with `vigil monitor NAME --sample --port emulated --source FILE --mqtt URL`"
)


@app.command()
def gateway(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME...]", help=f"Bundles that the boards run (default: {DEFAULT})."
        ),
    ] = None,
    mqtt: Annotated[
        str, typer.Option(metavar="URL", help="Broker: mqtt://HOST/PREFIX or mqtts://HOST.")
    ] = "mqtt://127.0.0.1",
    port: Annotated[
        list[str] | None,
        typer.Option(
            "--port",
            "-p",
            help="Serial port of a board, may be repeated (default: all boards, as they come and "
            "go); `emulated` boots an emulated board.",
        ),
    ] = None,
    spool: Annotated[
        Path, typer.Option(help="File that keeps messages until the broker has them.")
    ] = Path("vigil-spool.db"),
    spool_messages: Annotated[
        int, typer.Option(min=1, help="Messages that the spool keeps; beyond, the oldest go.")
    ] = 1_000_000,
    health: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve /health and /metrics (Prometheus) there."),
    ] = None,
    gateway_name: Annotated[
        str | None,
        typer.Option("--name", help="Name of this gateway in topics (default: of the machine)."),
    ] = None,
    mqtt_discovery: Annotated[
        str | None,
        typer.Option(metavar="PREFIX", help="Announce the boards to Home Assistant below PREFIX."),
    ] = None,
    mqtt_commands: Annotated[
        bool, typer.Option("--mqtt-commands", help="Obey commands that the broker delivers.")
    ] = False,
    forget_boards: Annotated[
        list[str] | None,
        typer.Option(
            "--forget",
            metavar="ID",
            help="Remove what the broker keeps of a board that is gone, and end.",
        ),
    ] = None,
) -> None:
    """Publish what every board samples to a broker, without a screen."""
    # paho-mqtt and prometheus-client take 0.2 s to import.
    from tools.monitor.gateway.run import GatewaySettings, default_name, name_of, run_gateway
    from tools.monitor.mqtt.broker import broker_of
    from tools.monitor.mqtt.forget import forget

    broker = broker_of(mqtt)
    if broker.warning:
        print(f"vigil: {broker.warning}", file=sys.stderr)
    if forget_boards:
        for board in forget_boards:
            forget(broker, name_of(board), mqtt_discovery)
            print(f"{broker.prefix}/{board}: removed from the broker at {broker.address}")
        return
    paths = [bundle_path(name) for name in names or [DEFAULT]]
    bundles = tuple(read_bundle(path) for path in paths)
    emulated = any(is_emulated(name) for name in port or [])
    if emulated and len(paths) > 1:
        raise typer.BadParameter("an emulated board runs one bundle: name one")
    played = None
    if emulated:  # before the build, which takes longer
        check_data_set(bundles[0], OF_A_FILE)
        played = of_bundle(bundles[0])
    targets = targets_of(paths[0], port) if port else ()
    run_gateway(
        GatewaySettings(
            bundles,
            broker,
            spool,
            default_name() if gateway_name is None else name_of(gateway_name),
            tuple(target for target in targets if isinstance(target, Port | Emulated)),
            played,
            health,
            mqtt_discovery,
            mqtt_commands,
            spool_messages,
        )
    )

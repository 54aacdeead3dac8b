"""Gateways in processes of their own, and a subscriber that keeps count of the windows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.simulated_boards import Window
from training.bundle import Bundle


@dataclass
class Arrivals:
    """A subscriber with a session of its own, which keeps count of the windows."""

    port: int
    scored: Counter[Window] = field(default_factory=Counter)
    lost: Counter[Window] = field(default_factory=Counter)
    delays: list[tuple[float, float]] = field(default_factory=list)  # time of arrival, s; s

    def __post_init__(self) -> None:
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="fleet", clean_session=False
        )
        client.on_message = self._take
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", self.port)
        for topic in ("score", "lost"):
            client.subscribe(f"vigil/+/{topic}", qos=1)
        client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def newest(self, board: str) -> int:
        """The board's newest window that has arrived; -1: none."""
        return max((index for own, _, index in list(self.scored) if own == board), default=-1)

    def settled(self, seconds: float) -> bool:
        """Wait until nothing has arrived for some seconds; True."""
        count, since = -1, time.monotonic()
        while time.monotonic() - since < seconds:
            if self.scored.total() != count:
                count, since = self.scored.total(), time.monotonic()
            time.sleep(0.1)
        return True

    def _take(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        now = time.monotonic()
        _, board, topic = message.topic.split("/")
        values = json.loads(message.payload)
        stream = values["stream"] // 1000
        if topic == "lost":
            for index in range(values["first"], values["first"] + values["count"]):
                self.lost[board, stream, index] += 1
            return
        window = board, stream, values["index"]
        self.scored[window] += 1
        if self.scored[window] == 1:
            microseconds = (round(1e6 * now) - values["microseconds"]) % 2**32
            self.delays.append((now, microseconds / 1e6))


def start_gateway(
    number: int, ports: list[Path], bundle: Bundle, broker: int, folder: Path
) -> subprocess.Popen[bytes]:
    """Start a gateway with a spool and a log of its own in `folder`."""
    name = f"gateway-{number}"
    boards = [word for port in ports for word in ("-p", str(port))]
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "tools.cli", "gateway", str(bundle.path), *boards),
                *("--mqtt", f"mqtt://127.0.0.1:{broker}", "--name", name),
                *("--spool", str(folder / f"{name}.db")),
            ],
            stdout=log,
            stderr=log,
        )

"""A Mosquitto broker of a test's own, and a client that keeps what it hears."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.waiting import PATIENCE, wait_until


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        return True
    return False


@contextmanager
def mosquitto(folder: Path, *lines: str, port: int | None = None) -> Iterator[int]:
    """A broker of the test's own; its port."""
    port = port or free_port()
    config = folder / "mosquitto.conf"
    # Started by root it would become another user, who may not read the test's folder.
    config.write_text(
        "\n".join([f"user {getpass.getuser()}", f"listener {port} 127.0.0.1", *lines])
    )
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with (folder / "log").open("wb") as log:
        broker = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        try:
            wait_until(lambda: listens(port), (folder / "log").read_text)
            yield port
        finally:
            broker.terminate()
            broker.wait(PATIENCE)


class Subscriber:
    """Another client, which keeps what it hears; `user` is its name and password."""

    def __init__(self, port: int, topic: str = "#", user: str | None = None) -> None:
        self.heard: list[paho.MQTTMessage] = []
        ready = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self.client.username_pw_set(user, user)
        self.client.on_message = lambda client, data, message: self.heard.append(message)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe(topic, qos=1)
        assert ready.wait(PATIENCE), f"not subscribed to {topic} within {PATIENCE} s"

    def wait(self, enough) -> None:
        wait_until(lambda: enough(self), lambda: [m.topic for m in self.heard])

    def of(self, topic: str) -> list:
        return [m for m in self.heard if m.topic == topic]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

"""The gateway: every board to the broker, until it is stopped."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tools.boards.ports import find_ports
from tools.monitor.controls import Controls
from tools.monitor.gateway.health import HealthServer
from tools.monitor.gateway.publisher import Publisher
from tools.monitor.gateway.spool import Spool
from tools.monitor.gateway.worker import BoardState, BoardWorker, Send, keys_of
from tools.monitor.mqtt.board_topics import BoardTopics
from tools.monitor.mqtt.broker import Broker
from tools.monitor.run import polite_end
from tools.monitor.settings import Emulated, Port
from tools.monitor.sinks import attempt
from tools.recordings.source import Source
from training.bundle import Bundle
from training.bundle.errors import DataError

SCAN_SECONDS = 2.0
JOIN_SECONDS = 5.0
# Python's default is 0.005: so often does each thread that waits for the interpreter wake up. Here
# hundreds may wait, while none computes for long.
SWITCH_SECONDS = 0.05


@dataclass(frozen=True)
class GatewaySettings:
    """The settings of a gateway."""

    bundles: tuple[Bundle, ...]  # that the boards may run
    broker: Broker
    spool: Path  # file of the messages that the broker does not have yet
    name: str  # names the gateway in topics: letters, digits, _ and -
    targets: tuple[Port | Emulated, ...] = ()  # the boards; none: all that are plugged in
    plays: Source | None = None  # what the sensors of emulated boards measure
    health: str | None = None  # HOST:PORT of /health and /metrics
    home_assistant: str | None = None  # prefix of Home Assistant's discovery
    commands: bool = False  # obey what is published to a board's topic `command`
    most_messages: int = 1_000_000  # that the spool keeps


def default_name() -> str:
    """Return the name of this machine, as a topic may hold it."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname()) or "gateway"


def name_of(text: str) -> str:
    """Return a name of a gateway or board. Raises DataError if a topic cannot hold it."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise DataError(f"{text[:60]}: a name in topics has 1 to 64 letters, digits, _ and -")
    return text


class Log:
    """One JSON object per line: ts (Unix milliseconds), level, board, text."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._lock = out, threading.Lock()

    def __call__(self, level: str, board: str, text: str) -> None:
        line = json.dumps(
            {"ts": round(1000 * time.time()), "level": level, "board": board, "text": text}
        )
        with self._lock:  # the gateway outlives the reader of its log
            attempt(lambda: print(line, file=self._out), self._out)


class Gateway:
    """The boards, the spool and the connection to the broker.

    Raises:
        DataError, MqttError: spool, address or credentials cannot be used.
    """

    def __init__(self, settings: GatewaySettings, log: Log) -> None:
        self._settings, self._log = settings, log
        self._bundles = {bundle.hash8: bundle for bundle in settings.bundles}
        self._workers: dict[str, BoardWorker] = {}
        self._present: set[str] = set()  # keys of the boards that were plugged in at the last call

        def say(level: str, text: str) -> None:
            log(level, "", text)

        self.spool = Spool(settings.spool, settings.most_messages, say)
        if self.spool.depth:
            say("info", f"{self.spool.depth} messages of an earlier run wait for the broker")
        try:
            self.publisher = Publisher(
                settings.broker,
                settings.name,
                self.spool,
                self._subscriptions,
                self._receive,
                say,
            )
            self.health = None
            if settings.health is not None:
                self.health = HealthServer(settings.health, self.states, self.spool, self.publisher)
                say("info", f"http://{self.health.address}/health and /metrics")
        except BaseException:
            self.spool.close()
            raise
        for key, target in zip(keys_of(settings.targets), settings.targets, strict=True):
            self._add(key, lambda target=target: target)  # type: ignore[misc]

    def states(self) -> Mapping[str, BoardState]:
        """Return the state of each board, by its port or USB serial number."""
        return {key: worker.state for key, worker in tuple(self._workers.items())}

    def look_for_boards(self) -> None:
        """Add boards that were plugged in since the last call; try known ones again at once."""
        if self._settings.targets:
            return
        present = {port.serial_number or port.path for port in find_ports()}
        for key in sorted(present - self._present):
            if key in self._workers:
                self._workers[key].retry()
            else:
                self._add(key, lambda key=key: _plugged_in(key))  # type: ignore[misc]
        self._present = present

    def close(self, reason: str) -> None:
        """End the streams, send what the broker takes within seconds, and keep the rest."""
        for worker in self._workers.values():
            worker.stop(reason)
        until = time.monotonic() + JOIN_SECONDS
        for worker in self._workers.values():
            worker.join(max(until - time.monotonic(), 0.1))
        while self.publisher.connected and self.spool.depth and time.monotonic() < until:
            time.sleep(0.02)
        self.publisher.close()
        if self.health is not None:
            self.health.close()
        self.spool.close()
        left = self.spool.depth
        rest = f"; {left} messages wait in {self.spool.path}" if left else ""
        self._log("info", "", f"ended: {reason}{rest}")

    def _add(self, key: str, target: Callable[[], Port | Emulated | None]) -> None:
        plays = self._settings.plays
        worker = BoardWorker(key, target, self._bundles, plays, self._topics, self._log, self.spool)
        self._workers[key] = worker
        worker.start()

    def _topics(self, board_id: str, controls: Controls, send: Send) -> BoardTopics:
        settings = self._settings
        topics = BoardTopics(
            settings.broker.prefix,
            board_id,
            send,
            settings.home_assistant,
            controls if settings.commands else None,
            self.publisher.status_topic,
        )
        self.publisher.subscribe_to(topics.subscriptions)
        return topics

    def _subscriptions(self) -> list[str]:
        every = [w.topics for w in tuple(self._workers.values()) if w.topics is not None]
        return sorted({topic for topics in every for topic in topics.subscriptions})

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:
        for worker in tuple(self._workers.values()):
            if worker.topics is not None:
                worker.topics.receive(topic, payload, retained)


def _plugged_in(key: str) -> Port | None:
    return next((Port(p.path) for p in find_ports() if (p.serial_number or p.path) == key), None)


def _allow_many_files() -> None:
    """Raise the limit of open files as far as it goes: each port takes five."""
    if sys.platform != "win32":
        import resource  # not on Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run_gateway(settings: GatewaySettings, out: TextIO | None = None) -> None:
    """Run a gateway until SIGINT, SIGTERM or SIGHUP.

    Raises:
        DataError, MqttError: spool, address or credentials cannot be used.
    """
    log = Log(sys.stdout if out is None else out)
    controls = Controls()
    sys.setswitchinterval(SWITCH_SECONDS)
    _allow_many_files()
    with polite_end(controls) as streaming:
        # The boards' threads begin in the constructor: from here on a signal ends them politely.
        streaming.set()
        gateway = Gateway(settings, log)
        try:
            while not controls.quitting:
                gateway.look_for_boards()
                controls.wait(SCAN_SECONDS)
        finally:
            gateway.close(controls.quit_reason or "an error")

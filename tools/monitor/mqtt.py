"""A view that publishes the events to an MQTT broker.

Topics, below the address's path (default `vigil`) and the board's id:

    status     online, away (the board does not answer) or offline; retained; offline is the will
    board      descriptions of board and source; retained
    score      one message per window
    flag       the same, for flagged windows only
    not_judged windows that the quality gate rejected, with the reason
    alarm      the alarm over windows was raised or cleared; retained
    drift      whether the board should be calibrated again; retained
    lost       windows without a score for another reason
    missing    frames without a sample
    link       counters of both ends; retained
    threshold  the board's, at the start and after each change; retained
    calibration the board's own calibration, and the source of its threshold; retained
    event      marks, pauses, restarts, notices, the end
    command    is read if commands are allowed; reply has the answers

Every payload but `status` is a JSON object, with its time `ts` and the version `schema` of its
form. QoS is 1: at least once, in order.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tools.boards.ports import serial_number
from tools.monitor.controls import Command, Controls, Mark, SetPaused, SetThreshold, is_threshold
from tools.monitor.events import (
    AlarmChanged,
    BoardFacts,
    CalibrationStatus,
    DriftChanged,
    Event,
    LinkCounters,
    Notice,
    RecordingAsked,
    SamplesLost,
    SamplesSent,
    Started,
    ThresholdChanged,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.home_assistant import BIRTH, discovery, discovery_topic
from tools.monitor.views import as_json
from tools.monitor.wall_clock import WallClock
from training.bundle.errors import VigilError
from training.bundle.validation import brief

USER, PASSWORD, CA = "VIGIL_MQTT_USER", "VIGIL_MQTT_PASSWORD", "VIGIL_MQTT_CA"
PORTS = {"mqtt": 1883, "mqtts": 8883}
CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 3.0  # to wait for pending messages
SCHEMA = 1  # of the payloads; a new field keeps it, any other change raises it
COMMAND_BYTES = 1000
QUEUED = 10_000  # messages kept while the broker is away; more are dropped


class MqttError(VigilError):
    """The broker cannot be reached, or refuses the connection or a message."""


@dataclass(frozen=True)
class Broker:
    """Address and credentials of a broker. Other users can see the address on the command line."""

    host: str
    port: int
    tls: bool
    prefix: str
    user: str | None = None
    password: str | None = None
    ca: str | None = None  # file of trusted certificates; None: the system's

    @property
    def warning(self) -> str | None:
        """What is wrong with sending the password over this connection; None if nothing is."""
        if self.tls or not self.password or self.host in ("localhost", "127.0.0.1", "::1"):
            return None
        return (
            f"the password of the MQTT broker crosses the network to {self.host} in plain text: "
            "use mqtts://"
        )


def broker_of(url: str, environment: Mapping[str, str] = os.environ) -> Broker:
    """Return the broker at `mqtt://HOST[:PORT][/PREFIX]`, or `mqtts://` for TLS.

    User name, password and the file of certificates come from VIGIL_MQTT_USER,
    VIGIL_MQTT_PASSWORD and VIGIL_MQTT_CA.

    Raises:
        MqttError: `url` has another form.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise MqttError(f"{url}: {problem}; give mqtt://HOST[:PORT][/PREFIX]") from None
    if parts.username or parts.password:
        raise MqttError(
            f"every user of this machine can see a password in an address: set {USER} and "
            f"{PASSWORD} instead"
        )
    if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment:
        raise MqttError(f"{url}: give mqtt://HOST[:PORT][/PREFIX], or mqtts:// for TLS")
    prefix = parts.path.strip("/") or "vigil"
    if re.search(r"[+#\0]", prefix):
        raise MqttError(f"{url}: a topic to publish to must not contain + or #")
    return Broker(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        prefix=prefix,
        user=environment.get(USER),
        password=environment.get(PASSWORD),
        ca=environment.get(CA),
    )


class MqttView:
    """One board's connection to the broker.

    Messages are queued, so that a slow broker does not slow the stream. If the connection is lost,
    it is restored and the queued messages are sent.

    Args:
        board_id: names the board in topics.
        discovery: prefix of Home Assistant's discovery topics; None: none is published.
        controls: obeys the commands of the broker's clients; None: nothing is read.

    Attributes:
        unpublished: messages that did not fit the queue.

    Raises:
        MqttError: the broker does not answer, or refuses the connection.
    """

    def __init__(
        self,
        broker: Broker,
        board_id: str,
        discovery: str | None = None,
        controls: Controls | None = None,
    ) -> None:
        self._id, self._discovery, self._controls = board_id, discovery, controls
        self._root, self._address = f"{broker.prefix}/{board_id}", f"{broker.host}:{broker.port}"
        self._clock = WallClock()
        self._started: Started | None = None
        self.unpublished = 0
        self._status = "online"
        self._refusal = ""
        self._connected = threading.Event()
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_queued_messages_set(QUEUED)
        client.max_inflight_messages_set(100)
        client.reconnect_delay_set(1, 30)
        client.will_set(f"{self._root}/status", "offline", qos=1, retain=True)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        try:
            if broker.tls:
                client.tls_set(ca_certs=broker.ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
            client.connect_timeout = CONNECT_SECONDS
            client.connect(broker.host, broker.port, keepalive=30)
        except (OSError, ValueError) as problem:
            raise MqttError(f"no MQTT broker at {self._address}: {_reason(problem)}") from None
        client.loop_start()
        if not self._connected.wait(CONNECT_SECONDS) or self._refusal:
            client.loop_stop()
            reason = self._refusal or "no answer"
            hint = f" (set {USER} and {PASSWORD})" if "uthor" in reason else ""
            raise MqttError(f"the MQTT broker at {self._address} refuses: {reason}{hint}")

    def handle(self, event: Event) -> None:
        ts = self._clock.stamp(event)
        match event:
            case SamplesSent() | RecordingAsked():
                return
            case Started():
                self._started = event
                self._announce()
                self._publish("board", _values(event), ts, retain=True)
                # Replace the retained threshold of an earlier run.
                now = ThresholdChanged(event.board.threshold)
                self._publish("threshold", _values(now), ts, retain=True)
                frame = event.resume_frame
                index = frame // event.board.hop
                if event.board.alarm:
                    no_alarm = AlarmChanged(index, frame, False)
                    no_drift = DriftChanged(index, frame, False)
                    self._publish("alarm", _values(no_alarm), ts, retain=True)
                    self._publish("drift", _values(no_drift), ts, retain=True)
            case WindowScored():
                values = _values(event)
                self._publish("score", values, ts)
                if event.flag:
                    self._publish("flag", values, ts)
            case WindowNotJudged():
                self._publish("not_judged", _values(event), ts)
            case AlarmChanged():
                self._publish("alarm", _values(event), ts, retain=True)
            case DriftChanged():
                self._publish("drift", _values(event), ts, retain=True)
            case WindowsLost():
                self._publish("lost", _values(event), ts)
            case SamplesLost():
                self._publish("missing", _values(event), ts)
            case LinkCounters():
                self._publish("link", _values(event), ts, retain=True)
            case CalibrationStatus():
                self._publish("calibration", _values(event), ts, retain=True)
            case ThresholdChanged():
                self._publish("threshold", _values(event), ts, retain=True)
            case Notice(answers=bool(answers)):
                self._publish("event", as_json(event), ts)
                self._status = "online" if answers else "away"
                self._publish_status()
            case _:
                self._publish("event", as_json(event), ts)

    def close(self) -> None:
        """Publish the status offline and wait for pending messages.

        Raises:
            MqttError: messages did not reach the broker.
        """
        self._status = "offline"
        last = self._publish_status()
        until = time.monotonic() + CLOSE_SECONDS
        # Without a connection, is_published() would raise.
        while self._client.is_connected() and last.rc == paho.MQTT_ERR_SUCCESS:
            if last.is_published() or time.monotonic() > until:
                break
            time.sleep(0.01)
        self._client.disconnect()
        self._client.loop_stop()
        lost = len(self._client.drop_out_messages()) + self.unpublished
        if lost:
            raise MqttError(f"the MQTT broker at {self._address} did not receive {lost} messages")

    def _publish(self, topic: str, values: dict[str, Any], ts: int, retain: bool = False) -> None:
        text = json.dumps({**values, "ts": ts, "schema": SCHEMA}, allow_nan=False)
        sent = self._client.publish(f"{self._root}/{topic}", text, qos=1, retain=retain)
        self.unpublished += sent.rc == paho.MQTT_ERR_QUEUE_SIZE

    def _publish_status(self) -> paho.MQTTMessageInfo:
        return self._client.publish(f"{self._root}/status", self._status, qos=1, retain=True)

    def _on_connect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
        else:
            self._publish_status()
            if self._controls is not None:
                client.subscribe(f"{self._root}/command", qos=1)
            if self._discovery is not None:
                client.subscribe(f"{self._discovery}/{BIRTH}")
        self._connected.set()

    def _announce(self) -> None:
        """Describe the board to Home Assistant. Retained, so that a later start finds it too."""
        if self._discovery is None or self._started is None:
            return
        started, commands = self._started, self._controls is not None
        text = json.dumps(
            discovery(started.board, self._id, self._root, f"{started.source.noun}s", commands)
        )
        topic = discovery_topic(self._discovery, self._id)
        self._client.publish(topic, text, qos=1, retain=True)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        if message.topic == f"{self._discovery}/{BIRTH}":
            if message.payload == b"online":
                self._announce()
        elif self._controls is not None and not message.retain:  # an old command is not a new one
            self._obey(self._controls, bytes(message.payload))

    def _obey(self, controls: Controls, payload: bytes) -> None:
        given: dict[str, Any] = {}
        try:
            given, command = command_of(payload)
        except ValueError as problem:
            answer = {"accepted": False, "error": str(problem)}
        else:
            controls.ask(command)
            answer = {"accepted": True}
        if isinstance(number := given.get("id"), str | int):
            answer["id"] = number if isinstance(number, int) else brief(number)
        self._publish("reply", answer, round(1000 * time.time()))


def command_of(payload: bytes) -> tuple[dict[str, Any], Command]:
    """Return a command's JSON object and its meaning.

    Raises:
        ValueError: it is none; the message says what a command is.
    """
    form = 'a command is {"threshold": NUMBER}, {"paused": true or false} or {"mark": TEXT}'
    try:
        given = json.loads(payload) if len(payload) <= COMMAND_BYTES else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ValueError(form)
    match given:
        case {"threshold": float() | int() as value} if is_threshold(value):
            return given, SetThreshold(float(value))
        case {"paused": bool(paused)}:
            return given, SetPaused(paused)
        case {"mark": str(text)}:
            return given, Mark(text)
    raise ValueError(form)


def board_id(board: BoardFacts) -> str:
    """Return what names a board in topics: its USB serial number where it has one, else its port.

    Topics and Home Assistant allow letters, digits, _ and -.
    """
    port = PurePath(board.port).name
    name = f"emulated-{port}" if board.emulated else serial_number(board.port) or port
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _values(event: Event) -> dict[str, Any]:
    values = as_json(event)
    del values["event"]
    values.pop("reconstruction", None)
    return values


def _reason(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({problem.verify_message}); set {CA} to its issuer"
    return getattr(problem, "strerror", None) or str(problem)

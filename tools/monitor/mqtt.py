"""The gateway: a view that publishes what the board says to an MQTT broker.

Topics, below the address's path (`vigil` if it has none) and the board's name:

    status     online, away (the board does not answer) or offline; retained; offline is the will
    board      facts of board and source; retained
    score      one message a window
    flag       the same, for flagged windows only
    lost       windows that have no score and never will
    link       counters of both ends; retained
    threshold  the board's, from the beginning and as it confirmed another; retained
    event      marks, pauses, restarts, notices, the end

Everything is JSON but `status`, and goes out with QoS 1: at least once, in order.
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

from tools.monitor.events import (
    Event,
    LinkCounters,
    Notice,
    SamplesLost,
    SamplesSent,
    Started,
    ThresholdChanged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.views import as_json
from training.bundle.errors import VigilError

USER, PASSWORD, CA = "VIGIL_MQTT_USER", "VIGIL_MQTT_PASSWORD", "VIGIL_MQTT_CA"
PORTS = {"mqtt": 1883, "mqtts": 8883}
CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 3.0  # for what is still on its way
QUEUED = 10_000  # messages that wait for a broker that is gone; more are not published


class MqttError(VigilError):
    """The broker cannot be reached, or refuses."""


@dataclass(frozen=True)
class Broker:
    """Where to publish. Credentials never come from the address, which others may see."""

    host: str
    port: int
    tls: bool
    prefix: str
    user: str | None = None
    password: str | None = None
    ca: str | None = None  # a file of certificates to trust instead of the system's


def broker_of(url: str, environment: Mapping[str, str] = os.environ) -> Broker:
    """`mqtt://HOST[:PORT][/PREFIX]`, or `mqtts://` for TLS; MqttError if it is neither.

    User name, password and the file of certificates come from VIGIL_MQTT_USER,
    VIGIL_MQTT_PASSWORD and VIGIL_MQTT_CA.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise MqttError(f"{url}: {problem}; give mqtt://HOST[:PORT][/PREFIX]") from None
    if parts.username or parts.password:
        raise MqttError(
            f"an address with a password is seen by every user of this machine: set {USER} and "
            f"{PASSWORD} instead"
        )
    if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment:
        raise MqttError(f"{url}: give mqtt://HOST[:PORT][/PREFIX], or mqtts:// for TLS")
    prefix = parts.path.strip("/") or "vigil"
    if re.search(r"[+#\0]", prefix):
        raise MqttError(f"{url}: a topic to publish to holds no + or #")
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

    Publishing only puts messages in line, so a slow broker does not slow the stream; one that
    goes away is connected to again, and gets what waited for it. Raises MqttError if it is not
    there at the beginning.
    """

    def __init__(self, broker: Broker, name: str) -> None:
        safe = re.sub(r"[^\w.-]", "_", name)
        self._root, self._where = f"{broker.prefix}/{safe}", f"{broker.host}:{broker.port}"
        self.unpublished = 0
        """Messages that found no place in the queue."""
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
        try:
            if broker.tls:
                client.tls_set(ca_certs=broker.ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
            client.connect_timeout = CONNECT_SECONDS
            client.connect(broker.host, broker.port, keepalive=30)
        except (OSError, ValueError) as problem:
            raise MqttError(f"no MQTT broker at {self._where}: {_reason(problem)}") from None
        client.loop_start()
        if not self._connected.wait(CONNECT_SECONDS) or self._refusal:
            client.loop_stop()
            said = self._refusal or "no answer"
            hint = f" (set {USER} and {PASSWORD})" if "uthor" in said else ""
            raise MqttError(f"the MQTT broker at {self._where} refuses: {said}{hint}")

    def handle(self, event: Event) -> None:
        """Put it in line."""
        match event:
            case SamplesSent():
                return
            case Started():
                self._publish("board", _values(event), retain=True)
                # What an earlier run left there may not be what this board has.
                now = ThresholdChanged(event.board.threshold)
                self._publish("threshold", _values(now), retain=True)
            case WindowScored():
                values = _values(event)
                self._publish("score", values)
                if event.flag:
                    self._publish("flag", values)
            case WindowsLost():
                self._publish("lost", _values(event))
            case SamplesLost():
                self._publish("missing", _values(event))
            case LinkCounters():
                self._publish("link", _values(event), retain=True)
            case ThresholdChanged():
                self._publish("threshold", _values(event), retain=True)
            case Notice(answers=bool(answers)):
                self._publish("event", as_json(event))
                self._status = "online" if answers else "away"
                self._publish_status()
            case _:
                self._publish("event", as_json(event))

    def close(self) -> None:
        """Say that the board is offline, and wait a moment for all that is on its way.

        Raises MqttError if something did not arrive: the broker is away.
        """
        self._status = "offline"
        last = self._publish_status()
        until = time.monotonic() + CLOSE_SECONDS
        # Of one that is away nothing is to be had, least of all whether a message was published.
        while self._client.is_connected() and last.rc == paho.MQTT_ERR_SUCCESS:
            if last.is_published() or time.monotonic() > until:
                break
            time.sleep(0.01)
        self._client.disconnect()
        self._client.loop_stop()
        lost = len(self._client.drop_out_messages()) + self.unpublished
        if lost:
            raise MqttError(f"the MQTT broker at {self._where} did not get {lost} messages")

    def _publish(self, topic: str, values: dict[str, Any], retain: bool = False) -> None:
        text = json.dumps(values, allow_nan=False)
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
        self._connected.set()


def board_name(port: str, emulated: bool) -> str:
    """What a board is called in a topic."""
    return f"emulated-{PurePath(port).name}" if emulated else PurePath(port).name


def _values(event: Event) -> dict[str, Any]:
    values = as_json(event)
    del values["event"]
    values.pop("reconstruction", None)
    return values


def _reason(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({problem.verify_message}); set {CA} to its issuer"
    return getattr(problem, "strerror", None) or str(problem)

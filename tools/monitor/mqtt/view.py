"""A view that publishes one board's events to an MQTT broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tools.monitor.controls import Controls
from tools.monitor.events import Event, Notice, Severity
from tools.monitor.mqtt.board_topics import BoardTopics, Message
from tools.monitor.mqtt.broker import CONNECT_SECONDS, Broker, MqttError

CLOSE_SECONDS = 3.0  # to wait for pending messages
QUEUED = 10_000  # messages kept while the broker is away; more are dropped


class MqttView:
    """One board's connection to the broker.

    Messages are queued, so that a slow broker does not slow the stream. If the connection is lost,
    it is restored and the queued messages are sent. The last will is the status offline.

    Args:
        board_id: names the board in topics.
        discovery: prefix of Home Assistant's discovery topics; None: none is published.
        controls: obeys the commands of the broker's clients; None: nothing is read.
        say: is called, from another thread, with a notice when the connection is lost and restored.

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
        say: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._broker, self._say = broker, say
        self._lost = False  # the connection was, and has not been restored
        self._topics = BoardTopics(broker.prefix, board_id, self._send, discovery, controls)
        self.unpublished = 0
        self._status = "online"
        self._refusal = ""
        self._connected = threading.Event()
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_queued_messages_set(QUEUED)
        client.max_inflight_messages_set(100)
        client.reconnect_delay_set(1, 30)
        will = self._topics.status("offline")
        client.will_set(will.topic, will.text, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        broker.prepare(client)
        try:
            client.connect(broker.host, broker.port, keepalive=30)
        except (OSError, ValueError) as problem:
            raise broker.unreachable(problem) from None
        client.loop_start()
        if not self._connected.wait(CONNECT_SECONDS) or self._refusal:
            client.loop_stop()
            raise broker.refused(self._refusal or "no answer")

    def handle(self, event: Event) -> None:
        if isinstance(event, Notice) and event.answers is not None:
            self._status = "online" if event.answers else "away"
        self._topics.handle(event)

    def close(self) -> None:
        """Publish the status offline and wait for pending messages.

        Raises:
            MqttError: messages did not reach the broker.
        """
        self._status = "offline"
        last = self._send(self._topics.status(self._status))
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
            address = self._broker.address
            raise MqttError(f"the MQTT broker at {address} did not receive {lost} messages")

    def _send(self, message: Message) -> paho.MQTTMessageInfo:
        sent = self._client.publish(message.topic, message.text, qos=1, retain=message.retain)
        self.unpublished += sent.rc == paho.MQTT_ERR_QUEUE_SIZE
        return sent

    def _on_connect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
        else:
            if self._lost:
                self._lost = False
                self._say(Notice(f"connected to the MQTT broker at {self._broker.address} again"))
            self._send(self._topics.status(self._status))
            for topic in self._topics.subscriptions:
                client.subscribe(topic, qos=1)
        self._connected.set()

    def _on_disconnect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if self._lost or self._refusal or self._status == "offline":
            return
        self._lost = True
        text = f"connection to the MQTT broker at {self._broker.address} lost: {reason}"
        self._say(Notice(f"{text}; {QUEUED:,} messages can wait", severity=Severity.WARNING))

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        self._topics.receive(message.topic, bytes(message.payload), bool(message.retain))

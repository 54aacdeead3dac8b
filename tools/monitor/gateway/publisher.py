"""Sends the spool to the broker, in order, and waits for the broker as long as it takes."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tools.monitor.gateway.spool import Spool
from tools.monitor.mqtt.board_topics import Message
from tools.monitor.mqtt.broker import Broker
from training.bundle.errors import DataError

MOST_IN_FLIGHT = 200  # messages that the broker has not acknowledged
IDLE_SECONDS = 0.1


class Publisher:
    """The gateway's connection to the broker.

    The connection is made and restored in the background. Messages leave the spool when the
    broker has acknowledged them (QoS 1).

    Args:
        name: of the gateway; its client is vigil-NAME. The session is clean: the spool repeats what
            was not acknowledged, and no command waits at the broker while the gateway is away.
        subscriptions: returns the topics to read, whenever the connection is made.
        receive: is called with topic, payload and whether the message was retained.
        say: is called with level and text when the connection is made, lost or refused.

    Attributes:
        status_topic: says whether the gateway is online; retained; offline is the last will.
        published: messages that the broker has acknowledged.
        problem: why nothing is sent; empty: nothing is wrong.

    Raises:
        MqttError: the credentials cannot be used.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        spool: Spool,
        subscriptions: Callable[[], Iterable[str]],
        receive: Callable[[str, bytes, bool], None],
        say: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._broker, self._spool = broker, spool
        self._subscriptions, self._say = subscriptions, say
        self.status_topic = f"{broker.prefix}/gateway/{name}/status"
        self.published = 0
        self.problem = ""
        self._accepted = False  # the broker has accepted the present connection
        # Message id of MQTT to id in the spool; None: the gateway's own status.
        self._sent: dict[int, int | None] = {}
        self._early: set[int] = set()  # acknowledged before `publish` returned its id
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"vigil-{name}")
        client.max_queued_messages_set(0)  # as many as MOST_IN_FLIGHT allows
        client.max_inflight_messages_set(MOST_IN_FLIGHT)
        client.reconnect_delay_set(1, 30)
        client.will_set(self.status_topic, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = lambda _client, _data, m: receive(
            m.topic, bytes(m.payload), bool(m.retain)
        )
        broker.prepare(client)
        client.connect_async(broker.host, broker.port, keepalive=30)
        client.loop_start()
        self._feeder = threading.Thread(target=self._feed, name="publisher", daemon=True)
        self._feeder.start()

    @property
    def connected(self) -> bool:
        """Whether the broker answers."""
        return bool(self._client.is_connected())

    def close(self, seconds: float = 3.0) -> None:
        """Wait at most `seconds` until the broker has what was sent; the spool keeps the rest."""
        self._stop.set()
        self._feeder.join()
        if self.connected:
            last = self._client.publish(self.status_topic, "offline", qos=1, retain=True)
            with contextlib.suppress(RuntimeError, ValueError):  # lost: the last will says it
                last.wait_for_publish(seconds)
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe_to(self, topics: Iterable[str]) -> None:
        """Read the topics of a board that has come; after a reconnection, all are read again."""
        for topic in topics:
            self._client.subscribe(topic, qos=1)

    def _feed(self) -> None:
        after = 0
        while not self._stop.is_set():
            commits = self._spool.commits
            with self._lock:
                room = MOST_IN_FLIGHT - len(self._sent)
            taken = self._take(after, room) if room > 0 and self.connected else []
            for number, message in taken:
                after = number
                info = self._client.publish(
                    message.topic, message.text, qos=1, retain=message.retain
                )
                with self._lock:
                    if info.mid in self._early:
                        self._early.discard(info.mid)
                        self._done(number)
                    else:
                        self._sent[info.mid] = number
            if len(taken) < max(room, 1):  # there are no more, or there is no room for more
                self._spool.wait_for_commit(commits, IDLE_SECONDS)

    def _take(self, after: int, most: int) -> list[tuple[int, Message]]:
        try:
            taken = self._spool.take(after, most)
        except DataError as problem:
            self._problem_is(str(problem))
            return []
        self.problem = ""
        return taken

    def _done(self, number: int | None) -> None:
        if number is not None:
            self.published += 1
            self._spool.acknowledge(number)

    def _on_publish(
        self, client: paho.Client, userdata: Any, mid: int, reason: Any, properties: Any
    ) -> None:
        with self._lock:
            if mid in self._sent:
                self._done(self._sent.pop(mid))
            else:
                self._early.add(mid)

    def _problem_is(self, problem: str) -> None:
        if problem != self.problem:
            self._say("warning", problem)
        self.problem = problem

    def _on_connect_fail(self, client: paho.Client, userdata: Any) -> None:
        cause = sys.exception()  # paho-mqtt calls this while it handles the exception
        assert isinstance(cause, Exception)
        self._problem_is(f"{self._broker.unreachable(cause)}; trying again")

    def _on_connect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._problem_is(f"{self._broker.refused(str(reason))}; trying again")
            return
        self._accepted, self.problem = True, ""
        self._say("info", f"connected to the MQTT broker at {self._broker.address}")
        # On the thread that also takes the acknowledgement, which therefore cannot be early.
        info = client.publish(self.status_topic, "online", qos=1, retain=True)
        with self._lock:
            self._sent[info.mid] = None
        self.subscribe_to(self._subscriptions())

    def _on_disconnect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if self._accepted and not self._stop.is_set():
            lost = f"connection to the MQTT broker at {self._broker.address} lost: {reason}"
            self._problem_is(f"{lost}; messages are kept on disk")
        self._accepted = False

"""Removes what a broker keeps of a board that is gone."""

from __future__ import annotations

import queue
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tools.monitor.mqtt.board_topics import RETAINED
from tools.monitor.mqtt.broker import CONNECT_SECONDS, Broker, MqttError
from tools.monitor.mqtt.home_assistant import discovery_topic


def forget(broker: Broker, board_id: str, home_assistant: str | None = None) -> None:
    """Remove the retained messages of a board, and its device from Home Assistant.

    Args:
        home_assistant: prefix of Home Assistant's discovery topics; None: nothing was announced.

    Raises:
        MqttError: the broker does not answer, knows no such board, or the board is not offline.
    """
    root = f"{broker.prefix}/{board_id}"
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    client = paho.Client(CallbackAPIVersion.VERSION2)

    def connected(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        answers.put(str(reason) if reason.is_failure else "connected")

    client.on_connect = connected
    client.on_message = lambda _client, _data, m: answers.put(m.payload.decode(errors="replace"))
    # The broker sends what it retains before it confirms the second subscription.
    client.on_subscribe = lambda _client, _data, mid, *_: answers.put(f"subscribed {mid}")
    broker.prepare(client)
    try:
        client.connect(broker.host, broker.port)
        client.loop_start()
        if (reason := answers.get(timeout=CONNECT_SECONDS)) != "connected":
            raise broker.refused(reason)
        client.subscribe(f"{root}/status", qos=1)
        _, end = client.subscribe(f"{root}/reply", qos=1)
        status = ""
        while (answer := answers.get(timeout=CONNECT_SECONDS)) != f"subscribed {end}":
            status = status if answer.startswith("subscribed") else answer
        if not status:
            raise MqttError(
                f"the MQTT broker at {broker.address} keeps nothing of {root}; correct the board's "
                "ID, or the prefix in --mqtt"
            )
        if status != "offline":
            raise MqttError(
                f"{root} is {status}: end its monitor or gateway first; if that has died, publish "
                f"a retained message 'offline' to {root}/status"
            )
        topics = [f"{root}/{topic}" for topic in RETAINED]
        if home_assistant is not None:
            topics.append(discovery_topic(home_assistant, board_id))
        for topic in topics:
            removed = client.publish(topic, b"", qos=1, retain=True)
            removed.wait_for_publish(CONNECT_SECONDS)
            if not removed.is_published():
                raise broker.silent()
    except queue.Empty:
        raise broker.silent() from None
    except (OSError, RuntimeError) as problem:
        raise broker.unreachable(problem) from None
    finally:
        client.disconnect()
        client.loop_stop()

"""Home Assistant's MQTT discovery: one message that describes a board and its entities.

The form is that of a device: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

from tools.monitor.events import BoardFacts

BIRTH = "status"  # topic below the prefix on which Home Assistant says "online"


def discovery_topic(prefix: str, board_id: str) -> str:
    """Return the topic of a board's discovery message; an empty message there removes it."""
    return f"{prefix}/device/vigil_{board_id}/config"


def discovery(
    board: BoardFacts,
    board_id: str,
    root: str,
    units: str,
    commands: bool,
    gateway_status: str = "",
    wearer: bool = False,
) -> dict[str, Any]:
    """Return the discovery message of a board.

    Args:
        board_id: identifies the board for ever, of letters, digits, _ and -.
        root: the topics of the board begin with it.
        units: what one window is called, in the plural: windows or beats.
        commands: whether the board takes commands, so that its threshold can be set.
        gateway_status: topic that says whether the gateway is online; empty: there is none.
        wearer: whether the model learns the person who wears the board.
    """
    entities: dict[str, dict[str, Any]] = {
        "anomaly": {
            "p": "binary_sensor",
            "name": "Anomaly",
            "device_class": "problem",
            "state_topic": f"{root}/score",
            "value_template": "{{ 'ON' if value_json.flag else 'OFF' }}",
        },
        "score": {
            "p": "sensor",
            "name": "Score",
            "state_class": "measurement",
            "suggested_display_precision": 3,
            "state_topic": f"{root}/score",
            "value_template": "{{ value_json.score }}",
        },
        "status": {
            "p": "sensor",
            "name": "Status",
            "device_class": "enum",
            "options": ["online", "away", "offline"],
            "entity_category": "diagnostic",
            "state_topic": f"{root}/status",
            "availability": [],  # it says itself when the board is away
        },
        "damaged": {
            "p": "sensor",
            "name": "Damaged frames",
            "state_class": "total_increasing",
            "entity_category": "diagnostic",
            "state_topic": f"{root}/link",
            "value_template": "{{ value_json.corrupt + value_json.board_corrupt }}",
        },
        "lost": {
            "p": "sensor",
            "name": f"Lost {units}",
            "entity_category": "diagnostic",
            "state_topic": f"{root}/lost",
            "value_template": "{{ value_json.count }}",
        },
    }
    if board.alarm:
        for name, label, field in (
            ("alarm", "Alarm", "on"),
            ("drift", "Should be calibrated again", "recalibrate"),
        ):
            entities[name] = {
                "p": "binary_sensor",
                "name": label,
                "device_class": "problem",
                "state_topic": f"{root}/{name}",
                "value_template": f"{{{{ 'ON' if value_json.{field} else 'OFF' }}}}",
            }
    threshold: dict[str, Any] = {
        "name": "Threshold",
        "state_topic": f"{root}/threshold",
        "value_template": "{{ value_json.value }}",
    }
    if commands:
        threshold |= {
            "p": "number",
            "command_topic": f"{root}/command",
            "command_template": '{"threshold": {{ value }}}',
            "min": 0,
            "max": round(max(100 * board.trained_threshold, 1), 3),
            "step": 0.001,
            "mode": "box",
            "entity_category": "config",
        }
    else:
        threshold |= {"p": "sensor", "entity_category": "diagnostic"}
    entities["threshold"] = threshold
    buttons = [("accept", "Last anomaly was normal", '{"accept": true}')]
    if wearer:
        buttons.append(("wearer", "New wearer", '{"wearer": "new"}'))
    for name, label, press in buttons if commands else ():
        entities[name] = {
            "p": "button",
            "name": label,
            "command_topic": f"{root}/command",
            "payload_press": press,
            "entity_category": "config",
        }
    for name, entity in entities.items():
        entity["unique_id"] = f"vigil_{board_id}_{name}"
    return {
        "dev": {
            "ids": [f"vigil_{board_id}"],
            "name": board.name or f"Vigil {board.model}",
            "mf": "Vigil",
            "mdl": board.board,
            "sn": board_id,
        },
        "o": {"name": "vigil", "sw": metadata.version("vigil-tinyml")},
        "cmps": entities,
        "availability": [
            {
                "topic": topic,
                "value_template": "{{ 'online' if value == 'online' else 'offline' }}",
            }
            for topic in (f"{root}/status", gateway_status)
            if topic
        ],
        "availability_mode": "all",
        "qos": 1,
    }

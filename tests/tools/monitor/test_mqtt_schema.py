"""Every topic's payloads satisfy docs/schema/mqtt.json."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support import monitor_board
from tests.support.broker import Subscriber, mosquitto
from tests.support.monitor_board import FakeBoard, source
from tools.checkout import ROOT
from tools.monitor.controls import Accept, Acknowledge, Command, Controls, RenewWearer
from tools.monitor.events import (
    AlarmAcknowledged,
    AlarmChanged,
    AlarmSet,
    CalibrationStatus,
    DriftChanged,
    Event,
    Marked,
    Notice,
    Paused,
    RecordingChanged,
    Restarted,
    SamplesLost,
    Started,
    WearerStatus,
    WindowNotJudged,
)
from tools.monitor.mqtt.board_topics import RETAINED, BoardTopics, Message, command_of
from tools.monitor.mqtt.broker import MqttError, broker_of
from tools.monitor.mqtt.forget import forget
from tools.monitor.mqtt.home_assistant import discovery
from tools.monitor.sinks import Broadcast
from tools.monitor.stream import Stream

SCHEMA = json.loads((ROOT / "docs" / "schema" / "mqtt.json").read_text())
TOPICS = sorted(SCHEMA["$defs"].keys() - {"stamp", "command"})
WEARER = WearerStatus(
    learned=True,
    refused=False,
    beats=240,
    learn=240,
    forms=2,
    accepted=1,
    per_minute=71.5,
    memory="kept",
)
OTHERS: list[Event] = [
    AlarmChanged(1, 20, True),
    DriftChanged(1, 20, True),
    SamplesLost(40, 3, "overrun"),
    WindowNotJudged(2, 40, "flat"),
    WindowNotJudged(3, 60, "flat", 70, 20, 1),
    CalibrationStatus("running", "bundle", 0.5, 200, 10, 0, 0.01, 0.02),
    WEARER,
    dataclasses.replace(WEARER, learned=False, per_minute=None),
    Notice("the board does not answer", answers=False),
    Notice("the board says: hello"),
    AlarmAcknowledged(),
    AlarmSet("mean of 8"),
    Marked(40, 2, "serviced"),
    Paused(True),
    RecordingChanged(True, "run.csv"),
    Restarted(0, "reset"),
    Started(FakeBoard().facts, source().facts, 20, 1_700_000_000),
]


def validator(topic: str) -> Draft202012Validator:
    return Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{topic}"})


def published() -> dict[str, list[Any]]:
    """Payloads of a stream, of events that it lacks, and of replies, by topic."""
    messages: list[Message] = []
    controls = Controls()
    topics = BoardTopics("vigil", "one", messages.append, controls=controls)
    topics.send(topics.status("online"))
    board = FakeBoard()
    board.lose = {3}
    Stream(board, source(30), controls, Broadcast([topics], controls)).run()
    for event in OTHERS:
        topics.handle(event)
    for command in (b'{"id": 7, "threshold": 0.5}', b'{"id": "a", "accept": 2}', b"{}"):
        topics.receive("vigil/one/command", command, retained=False)
    by_topic = defaultdict(list)
    for message in messages:
        topic = message.topic.removeprefix("vigil/one/")
        by_topic[topic].append(message.text if topic == "status" else json.loads(message.text))
        assert message.retain == (topic in RETAINED)
    return by_topic


PUBLISHED = published()


def test_the_schema_is_one_and_has_every_topic() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert sorted(PUBLISHED) == TOPICS


@pytest.mark.parametrize("topic", TOPICS)
def test_every_payload_has_the_form_of_its_topic(topic: str) -> None:
    for payload in PUBLISHED[topic]:
        validator(topic).validate(payload)
        if topic in ("status", "event"):
            continue
        properties = SCHEMA["$defs"]["score" if topic == "flag" else topic]["properties"]
        documented = properties.keys() | SCHEMA["$defs"]["stamp"]["properties"].keys()
        assert payload.keys() <= documented, "a field that the schema does not have"


def test_a_payload_without_a_field_is_refused() -> None:
    payload = dict(PUBLISHED["score"][0])
    del payload["threshold"]
    assert not validator("score").is_valid(payload)
    assert not validator("score").is_valid({**PUBLISHED["score"][0], "schema": 2})


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        ({"accept": True}, Accept()),
        ({"accept": 12}, Accept(12)),
        ({"wearer": "new"}, RenewWearer()),
        ({"acknowledge": True}, Acknowledge()),
    ],
)
def test_corrections_are_commands(payload: dict[str, Any], command: Command) -> None:
    validator("command").validate(payload)
    assert command_of(json.dumps(payload).encode())[1] == command


@pytest.mark.parametrize("payload", [{"accept": False}, {"accept": -1}, {"wearer": "old"}, {}])
def test_the_schema_refuses_the_commands_that_are_refused(payload: dict[str, Any]) -> None:
    assert not validator("command").is_valid(payload)
    with pytest.raises(ValueError, match="a command is"):
        command_of(json.dumps(payload).encode())


def test_a_command_to_a_board_that_is_away_is_refused() -> None:
    sent: list[Message] = []
    controls = Controls()
    topics = BoardTopics("vigil", "one", sent.append, controls=controls)
    controls.quit("the stream has ended")
    topics.receive("vigil/one/command", b'{"id": 1, "threshold": 0.5}', retained=False)
    (reply,) = (json.loads(message.text) for message in sent)
    validator("reply").validate(reply)
    assert not reply["accepted"] and reply["id"] == 1
    assert reply["error"] == "the board does not answer" and not list(controls.take())


@pytest.mark.parametrize("commands", [False, True])
@pytest.mark.parametrize("wearer", [False, True])
@pytest.mark.parametrize("alarm", ["", "mean of 8"])
def test_home_assistants_documentation_allows_the_discovery_message(
    commands: bool, wearer: bool, alarm: str
) -> None:
    path = Path(monitor_board.__file__).with_name("home_assistant_discovery.json")
    documented = Draft202012Validator(json.loads(path.read_text()))
    facts = dataclasses.replace(FakeBoard().facts, alarm=alarm)
    values = discovery(facts, "A1", "vigil/A1", "beats", commands, "vigil/gateway/g/status", wearer)
    documented.validate(values)
    buttons = {name for name, entity in values["cmps"].items() if entity["p"] == "button"}
    wanted = {"accept", "wearer"} if wearer else {"accept"}
    assert buttons == (wanted if commands else set())
    assert {"alarm", "drift"} & values["cmps"].keys() == ({"alarm", "drift"} if alarm else set())
    del values["cmps"]["score"]["state_topic"]
    assert not documented.is_valid(values)


@pytest.mark.broker
def test_what_the_broker_keeps_of_a_board_that_is_gone_is_removed(tmp_path: Path) -> None:
    config = "homeassistant/device/vigil_one/config"
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        broker = broker_of(f"mqtt://127.0.0.1:{port}", {})
        with pytest.raises(MqttError, match="keeps nothing of vigil/one"):
            forget(broker, "one")
        before = Subscriber(port)

        def say(topic: str, text: str) -> None:
            before.client.publish(topic, text, 1, retain=True).wait_for_publish()

        say("vigil/one/status", "online")
        with pytest.raises(MqttError, match="vigil/one is online: end its"):
            forget(broker, "one")
        for topic in RETAINED:
            say(f"vigil/one/{topic}", "offline")
        say(config, "{}")
        say("vigil/two/status", "offline")
        forget(broker, "one", "homeassistant")
        before.close()
        after = Subscriber(port)
        after.wait(lambda s: s.heard)
        assert {m.topic for m in after.heard} == {"vigil/two/status"}
        after.close()

"""The gateway, against a real Mosquitto on loopback: in the open, with passwords, over TLS."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.broker import Subscriber, free_port, mosquitto
from tests.support.monitor_board import FakeBoard, source
from tests.support.waiting import PATIENCE, wait_until
from tools.monitor.controls import Command, Controls, Mark, SetPaused, SetThreshold
from tools.monitor.events import BoardFacts, Event, Notice, Severity, ThresholdChanged
from tools.monitor.mqtt import board_topics
from tools.monitor.mqtt.board_topics import board_id, command_of
from tools.monitor.mqtt.broker import CA, PASSWORD, USER, MqttError, broker_of
from tools.monitor.mqtt.home_assistant import discovery
from tools.monitor.mqtt.view import MqttView
from tools.monitor.sinks import Broadcast
from tools.monitor.stream import Stream

WINDOWS = 30


def stream_to(view: MqttView) -> None:
    controls = Controls()
    board = FakeBoard()
    board.lose = {3}
    Stream(board, source(WINDOWS), controls, Broadcast([view], controls)).run()


@pytest.mark.broker
def test_scores_flags_and_losses_are_published_once_each_in_order(tmp_path):
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        subscriber = Subscriber(port)
        view = MqttView(broker_of(f"mqtt://127.0.0.1:{port}/ward/7", {}), "board_one_2")
        stream_to(view)
        view.close()
        root = "ward/7/board_one_2"
        subscriber.wait(lambda s: len(s.of(f"{root}/status")) == 2)
        scores = [json.loads(m.payload) for m in subscriber.of(f"{root}/score")]
        assert [s["index"] for s in scores] == [n for n in range(WINDOWS) if n != 3]
        flags = [json.loads(m.payload) for m in subscriber.of(f"{root}/flag")]
        assert flags == [s for s in scores if s["flag"]] and len(flags) == WINDOWS // 5
        (lost,) = subscriber.of(f"{root}/lost")
        assert (
            json.loads(lost.payload).items() >= {"first": 3, "count": 1, "reason": "engine"}.items()
        )
        assert json.loads(subscriber.of(f"{root}/link")[-1].payload)["sent"] > 0
        assert [m.payload for m in subscriber.of(f"{root}/status")] == [b"online", b"offline"]
        assert {m.qos for m in subscriber.heard} == {1}
        subscriber.close()
        # Who comes later finds what is retained, and nothing else.
        late = Subscriber(port)
        late.wait(lambda s: len(s.heard) >= 4)
        time.sleep(0.1)
        retained = ("status", "board", "link", "threshold")
        assert {m.topic for m in late.heard} == {f"{root}/{t}" for t in retained}
        late.close()


@pytest.mark.broker
def test_a_retained_threshold_is_the_boards_not_an_earlier_runs(tmp_path):
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        first = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one")
        first.handle(ThresholdChanged(0.5))
        first.close()
        second = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one")
        stream_to(second)
        second.close()
        late = Subscriber(port, "vigil/one/threshold")
        late.wait(lambda s: s.heard)
        assert json.loads(late.heard[0].payload)["value"] == FakeBoard().threshold
        late.close()


@pytest.mark.broker
def test_a_board_that_does_not_answer_is_away(tmp_path):
    port = free_port()

    def heard(expected: list[bytes]) -> None:
        subscriber = Subscriber(port, "vigil/one/status")
        # The last one: a subscriber may come before the broker has the newest.
        subscriber.wait(lambda s: [m.payload for m in s.heard][-1:] == expected)
        subscriber.close()

    with mosquitto(tmp_path, "allow_anonymous true", port=port):
        view = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one")
        heard([b"online"])
        view.handle(Notice("the port vanished; waiting for it to come back", answers=False))
        heard([b"away"])
        view.handle(Notice("the board says: hello"))  # no news of that
        heard([b"away"])
    with mosquitto(tmp_path, "allow_anonymous true", port=port):
        # A broker that has lost all values receives the present ones, not those of the start.
        subscriber = Subscriber(port, "vigil/one/status")
        subscriber.wait(lambda s: s.heard and s.heard[-1].payload == b"away")
        view.handle(Notice("the board answers again", answers=True))
        subscriber.wait(lambda s: s.heard[-1].payload == b"online")
        view.close()
        subscriber.close()


@pytest.mark.broker
@pytest.mark.skipif(
    shutil.which("mosquitto_sub") is None, reason="no mosquitto_sub on PATH (mosquitto-clients)"
)
def test_mosquittos_own_subscriber_prints_the_flags(tmp_path):
    with mosquitto(tmp_path, "allow_anonymous true", "log_type subscribe") as port:
        command = ["mosquitto_sub", "-p", str(port), "-v", "-t", "vigil/+/flag"]
        command += [
            "-C",
            str(WINDOWS // 5),
            "-W",
            str(int(PATIENCE)),
        ]  # so many messages; seconds at the most
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            log = tmp_path / "log"
            wait_until(lambda: "vigil/+/flag" in log.read_text(), log.read_text)  # it listens
            view = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one")
            stream_to(view)
            printed, _ = process.communicate()
            view.close()
        assert process.returncode == 0
    topics, payloads = zip(*(line.split(" ", 1) for line in printed.splitlines()), strict=True)
    assert set(topics) == {"vigil/one/flag"}
    assert [json.loads(text)["index"] for text in payloads] == list(range(4, WINDOWS, 5))
    assert all(json.loads(text)["flag"] is True for text in payloads)


@pytest.mark.broker
def test_the_last_will_says_offline_when_the_monitor_dies(tmp_path):
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        view = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one")
        subscriber = Subscriber(port, "vigil/one/status")
        subscriber.wait(lambda s: [m.payload for m in s.heard] == [b"online"])
        view._client.socket().shutdown(socket.SHUT_RDWR)  # as when the process is killed
        view._client.loop_stop()
        subscriber.wait(lambda s: s.heard[-1].payload == b"offline")
        subscriber.close()


@pytest.mark.broker
def test_a_broker_that_comes_back_gets_what_waited_for_it(tmp_path):
    port, said = free_port(), list[Event]()
    with mosquitto(tmp_path, "allow_anonymous true", port=port):
        view = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one", say=said.append)
    wait_until(lambda: said)
    stream_to(view)  # to nobody
    with mosquitto(tmp_path, "allow_anonymous true", port=port):
        subscriber = Subscriber(port, "vigil/one/score")
        subscriber.wait(lambda s: len(s.heard) == WINDOWS - 1)
        assert view.unpublished == 0
        view.close()
        subscriber.close()
    lost, back = [event for event in said if isinstance(event, Notice)]
    assert lost.text.startswith(f"connection to the MQTT broker at 127.0.0.1:{port} lost: ")
    assert lost.severity is Severity.WARNING
    assert back.text == f"connected to the MQTT broker at 127.0.0.1:{port} again"


@pytest.mark.broker
def test_a_broker_that_is_away_at_the_end_is_said(tmp_path):
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        view = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one")
    wait_until(lambda: not view._client.is_connected())  # it has noticed
    stream_to(view)
    began = time.monotonic()
    with pytest.raises(MqttError, match=rf"127.0.0.1:{port} did not receive \d+ messages") as lost:
        view.close()
    assert int(str(lost.value).split()[-2]) > WINDOWS
    assert time.monotonic() - began < PATIENCE


@pytest.mark.broker
def test_credentials_come_from_the_environment(tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "nurse", "secret"], check=True)
    with mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as port:
        url = f"mqtt://127.0.0.1:{port}"
        with pytest.raises(MqttError, match=f"refuses.*{USER}"):
            MqttView(broker_of(url, {}), "one")
        with pytest.raises(MqttError, match="refuses"):
            MqttView(broker_of(url, {USER: "nurse", PASSWORD: "guess"}), "one")
        MqttView(broker_of(url, {USER: "nurse", PASSWORD: "secret"}), "one").close()


@pytest.mark.broker
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on PATH")
def test_over_tls_only_to_a_broker_whose_certificate_is_trusted(tmp_path):
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1",
        shell=True,
        check=True,
        cwd=tmp_path,
        capture_output=True,
    )
    lines = (
        "allow_anonymous true",
        f"certfile {tmp_path}/cert.pem",
        f"keyfile {tmp_path}/key.pem",
    )
    with mosquitto(tmp_path, *lines) as port:
        url = f"mqtts://localhost:{port}"
        with pytest.raises(MqttError, match=CA):
            MqttView(broker_of(url, {}), "one")
        MqttView(broker_of(url, {CA: str(tmp_path / "cert.pem")}), "one").close()


def test_no_broker_is_one_clear_line():
    port = free_port()
    with pytest.raises(MqttError, match=f"no MQTT broker at 127.0.0.1:{port}: "):
        MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("127.0.0.1", "mqtt://HOST"),
        ("http://host", "mqtt://HOST"),
        ("mqtt://", "mqtt://HOST"),
        ("mqtt://host:x", "mqtt://HOST"),
        ("mqtt://me:secret@host", USER),
        ("mqtt://host/a/+", "not contain \\+"),
    ],
)
def test_an_address_that_is_none_is_refused(url, complaint):
    with pytest.raises(MqttError, match=complaint) as refusal:
        broker_of(url, {})
    assert "secret" not in str(refusal.value)


def test_what_an_address_means():
    broker = broker_of("mqtts://host", {USER: "a", PASSWORD: "b"})
    assert (broker.port, broker.tls, broker.prefix, broker.user) == (8883, True, "vigil", "a")
    assert broker_of("mqtt://host/x/y/", {}).prefix == "x/y"


@pytest.mark.parametrize(
    ("url", "password", "warns"),
    [
        ("mqtt://broker.lan", "secret", True),
        ("mqtts://broker.lan", "secret", False),
        ("mqtt://broker.lan", None, False),
        ("mqtt://localhost", "secret", False),
    ],
)
def test_a_password_in_plain_text_is_warned_of(url: str, password: str | None, warns: bool) -> None:
    environment = {} if password is None else {USER: "ward", PASSWORD: password}
    warning = broker_of(url, environment).warning
    assert (warning is not None) == warns
    assert warning is None or ("mqtts://" in warning and "secret" not in warning)


# --- commands and Home Assistant ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (b'{"threshold": 0.5}', SetThreshold(0.5)),
        (b'{"id": 7, "threshold": 1}', SetThreshold(1.0)),
        (b'{"paused": true}', SetPaused(True)),
        (b'{"mark": "pump 3 serviced"}', Mark("pump 3 serviced")),
    ],
)
def test_commands_are_read(payload: bytes, command: Command) -> None:
    assert command_of(payload)[1] == command


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"0.5",
        b"[]",
        b'{"threshold": true}',
        b'{"threshold": "0.5"}',
        b'{"threshold": -1}',
        b'{"threshold": 1e300}',
        b'{"threshold": NaN}',
        b'{"reset": true}',
        b"[" * 900,
        b'{"mark": "' + b"x" * 2000 + b'"}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_command_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="a command is"):
        command_of(payload)


def facts(**changes: object) -> BoardFacts:
    return dataclasses.replace(FakeBoard().facts, **changes)  # type: ignore[arg-type]


def test_topics_name_a_board_by_its_usb_serial_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_topics, "serial_number", {"/dev/ttyACM0": "A1:B2/c"}.get)
    assert board_id(facts(port="/dev/ttyACM0", emulated=False)) == "A1_B2_c"
    assert board_id(facts(port="/dev/ttyACM1", emulated=False)) == "ttyACM1"
    assert board_id(facts(port="/dev/pts/3", emulated=True)) == "emulated-3"


@pytest.mark.parametrize("commands", [False, True])
def test_home_assistant_gets_a_device_whose_entities_have_topics(commands: bool) -> None:
    values = discovery(facts(), "A1", "ward/A1", "windows", commands)
    # The rules of the documentation: https://www.home-assistant.io/integrations/mqtt/
    assert values["dev"]["ids"] == ["vigil_A1"] and values["dev"]["name"]
    assert values["o"]["name"]
    entities = values["cmps"]
    assert len({e["unique_id"] for e in entities.values()}) == len(entities)
    for entity in entities.values():
        assert entity["p"] in {"sensor", "binary_sensor", "number", "button"}
        topic = entity.get("state_topic") or entity["command_topic"]
        assert topic.startswith("ward/A1/")
    assert entities["threshold"]["p"] == ("number" if commands else "sensor")
    assert ("command_topic" in entities["threshold"]) == commands
    assert values["availability"][0]["topic"] == "ward/A1/status"
    json.dumps(values, allow_nan=False)


@pytest.mark.broker
def test_a_broker_commands_only_if_it_may(tmp_path: Path) -> None:
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        broker = broker_of(f"mqtt://127.0.0.1:{port}", {})
        subscriber, controls = Subscriber(port), Controls()
        view, deaf = MqttView(broker, "one", controls=controls), MqttView(broker, "two")
        subscriber.wait(lambda s: len(s.of("vigil/one/status")) == 1)
        for name in ("one", "two"):
            subscriber.client.publish(f"vigil/{name}/command", '{"id": "x", "threshold": 0.5}', 1)
            subscriber.client.publish(f"vigil/{name}/command", "nonsense", 1)
        subscriber.wait(lambda s: len(s.of("vigil/one/reply")) == 2)
        replies = [json.loads(m.payload) for m in subscriber.of("vigil/one/reply")]
        assert [r["accepted"] for r in replies] == [True, False]
        assert replies[0]["id"] == "x" and "a command is" in replies[1]["error"]
        assert list(controls.take()) == [SetThreshold(0.5)]
        assert not subscriber.of("vigil/two/reply")
        for each in (view, deaf):
            each.close()
        subscriber.close()


@pytest.mark.broker
def test_the_discovery_message_is_retained_and_sent_again_at_home_assistants_birth(
    tmp_path: Path,
) -> None:
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        view = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one", "homeassistant")
        stream_to(view)
        subscriber = Subscriber(port)
        topic = "homeassistant/device/vigil_one/config"
        subscriber.wait(lambda s: len(s.of(topic)) == 1)
        assert subscriber.of(topic)[0].retain
        subscriber.client.publish("homeassistant/status", "online", 1)
        subscriber.wait(lambda s: len(s.of(topic)) == 2)
        first, again = (json.loads(m.payload) for m in subscriber.of(topic))
        assert first == again
        view.close()
        subscriber.close()


@pytest.mark.broker
def test_every_payload_has_its_time_and_the_version_of_its_form(tmp_path: Path) -> None:
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        subscriber = Subscriber(port)
        view = MqttView(broker_of(f"mqtt://127.0.0.1:{port}", {}), "one")
        stream_to(view)
        view.close()
        subscriber.wait(lambda s: len(s.of("vigil/one/status")) == 2)
        payloads = [json.loads(m.payload) for m in subscriber.heard if "status" not in m.topic]
        assert len(payloads) > WINDOWS
        assert {p["schema"] for p in payloads} == {1}
        assert all(isinstance(p["ts"], int) and p["ts"] > 1_600_000_000_000 for p in payloads)
        subscriber.close()

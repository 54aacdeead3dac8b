"""The gateway: nothing is lost over an outage of the broker, a kill, or a board that goes away."""

from __future__ import annotations

import configparser
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Subscriber, free_port, mosquitto
from tests.support.descriptors import many_files
from tests.support.images import emulated_image
from tests.support.requirements import toolchain_missing
from tests.support.waiting import PATIENCE, wait_until
from tests.tools.monitor.test_board_sampling import WINDOWS, recording_of
from tests.tools.monitor.test_gateway_spool import messages
from tools.boards.catalogue import load_boards
from tools.boards.ports import Port as UsbPort
from tools.checkout import ROOT
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.events import Notice
from tools.monitor.gateway import health as health_module
from tools.monitor.gateway import run, worker
from tools.monitor.gateway.health import HealthServer
from tools.monitor.gateway.publisher import Publisher
from tools.monitor.gateway.run import Gateway, GatewaySettings, Log, name_of
from tools.monitor.gateway.spool import Spool
from tools.monitor.gateway.worker import BoardWorker
from tools.monitor.mqtt.broker import broker_of
from tools.monitor.settings import Emulated, Port
from training.bundle.errors import DataError


@pytest.mark.parametrize("name", ["", "a/b", "a b", "#", "x" * 65])
def test_a_name_that_no_topic_can_hold(name: str) -> None:
    with pytest.raises(DataError, match="letters"):
        name_of(name)


def publisher(spool: Spool, port: int) -> Publisher:
    broker = broker_of(f"mqtt://127.0.0.1:{port}", {})
    return Publisher(broker, "gate", spool, lambda: [], lambda *_: None)


@pytest.mark.broker
def test_an_outage_of_the_broker_loses_nothing(tmp_path: Path) -> None:
    port, spool = free_port(), Spool(tmp_path / "spool")
    gate = publisher(spool, port)  # the broker is not there yet
    heard: list[str] = []
    for part in range(3):
        for message in messages(300, 300 * part):
            spool.put(message)
        folder = tmp_path / f"broker{part}"
        folder.mkdir()
        with mosquitto(folder, "allow_anonymous true", port=port):
            subscriber = Subscriber(port, "vigil/one/#")
            last = str(300 * part + 299)
            subscriber.wait(lambda s, last=last: any(m.payload.decode() == last for m in s.heard))
            wait_until(lambda: spool.depth == 0)
            heard += [m.payload.decode() for m in subscriber.heard]
            subscriber.close()
    gate.close()
    spool.close()
    assert list(dict.fromkeys(heard)) == [str(k) for k in range(900)]  # in order; doubles allowed


@pytest.mark.broker
def test_a_broker_is_reached_on_a_descriptor_that_select_cannot_take(tmp_path: Path) -> None:
    """As in a gateway whose hundreds of boards come before its broker."""
    spool = Spool(tmp_path / "spool")
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        subscriber = Subscriber(port, "vigil/one/#")
        with many_files():
            gate = publisher(spool, port)
            for message in messages(10):
                spool.put(message)
            wait_until(lambda: spool.depth == 0)
            gate.close()
        subscriber.wait(lambda s: len(s.heard) == 10)
        subscriber.close()
    spool.close()


@pytest.mark.broker
def test_a_command_from_the_time_away_is_not_obeyed(tmp_path: Path) -> None:
    """The broker keeps none for the gateway."""
    received: list[bytes] = []

    def take(topic: str, payload: bytes, retained: bool) -> None:
        received.append(payload)

    def said(subscriber: Subscriber, status: bytes, times: int) -> bool:
        return [m.payload for m in subscriber.heard].count(status) == times

    with mosquitto(tmp_path, "allow_anonymous true") as port:
        broker, spool = broker_of(f"mqtt://127.0.0.1:{port}", {}), Spool(tmp_path / "spool")
        other = Subscriber(port, "vigil/gateway/#")

        def command(text: str) -> None:
            other.client.publish("vigil/one/command", text, qos=1).wait_for_publish(PATIENCE)

        for run in (1, 2):
            gate = Publisher(broker, "gate", spool, lambda: ["vigil/one/command"], take)
            other.wait(lambda s, run=run: said(s, b"online", run))
            now = f"now {run}"  # repeated, because the subscription may not be made yet
            wait_until(lambda now=now: command(now) or received[-1:] == [now.encode()])
            gate.close()
            other.wait(lambda s, run=run: said(s, b"offline", run))
            command("while it is away")
        assert set(received) == {b"now 1", b"now 2"}
        other.close()
        spool.close()


PROGRAM = """
import sys, time
from pathlib import Path
from tests.tools.monitor.test_gateway import publisher
from tools.monitor.gateway.spool import Spool
from tools.monitor.mqtt.board_topics import Message
port, path = int(sys.argv[1]), Path(sys.argv[2])
spool = Spool(path)
gate = publisher(spool, port)
for k in range(2000):
    spool.put(Message("vigil/one/score", str(k)))
while True:
    with spool._lock:
        if not spool._new:
            break
    time.sleep(0.01)
print("written", flush=True)
time.sleep(600)
"""


@pytest.mark.broker
@pytest.mark.slow
def test_a_gateway_that_is_killed_loses_nothing_that_was_written(tmp_path: Path) -> None:
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        subscriber = Subscriber(port, "vigil/one/#")
        arguments = [sys.executable, "-c", PROGRAM, str(port), str(tmp_path / "spool")]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            process.send_signal(signal.SIGKILL)
        spool = Spool(tmp_path / "spool")
        gate = publisher(spool, port)
        wait_until(lambda: spool.depth == 0)
        subscriber.wait(lambda s: len({m.payload for m in s.heard}) == 2000)
        firsts = dict.fromkeys(m.payload.decode() for m in subscriber.heard)
        assert list(firsts) == [str(k) for k in range(2000)]
        gate.close()
        spool.close()
        subscriber.close()


def page(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read().decode()


def test_the_health_page_says_that_the_spool_cannot_be_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    gate = publisher(spool, free_port())
    health = HealthServer("127.0.0.1:0", dict, spool, gate)
    silent = socket.create_connection(tuple(health.address.split(":")))  # holds nobody up
    spool._file.execute("PRAGMA max_page_count = 1")
    for message in messages(5000):
        spool.put(message)
    wait_until(lambda: spool.problem)
    code, text = page(f"{health.address}/health")
    assert code == 503 and "messages wait in memory" in json.loads(text)["problem"]
    health.close()
    silent.close()
    gate.close()
    spool.close()


def test_a_client_that_sends_nothing_or_breaks_off_prints_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(health_module._Quiet, "timeout", 0.01)
    spool = Spool(tmp_path / "spool")
    gate = publisher(spool, free_port())
    health = HealthServer("127.0.0.1:0", dict, spool, gate)
    threads = threading.active_count()
    with (
        socket.create_connection(tuple(health.address.split(":"))),
        socket.create_connection(tuple(health.address.split(":"))) as broken,
    ):
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        broken.close()
        page(f"{health.address}/health")  # accepted after the two
        wait_until(lambda: threading.active_count() <= threads)
    health.close()
    gate.close()
    spool.close()
    assert capfd.readouterr() == ("", "")


def test_a_defect_does_not_end_a_board_in_silence(tmp_path: Path) -> None:
    said: list[str] = []

    def broken() -> Port:
        raise RuntimeError("a defect")

    say = lambda *line: said.append(line[2])  # noqa: E731
    worker = BoardWorker("one", broken, {}, None, None, say, None)  # type: ignore[arg-type]
    worker.start()
    wait_until(lambda: said)
    assert "RuntimeError: a defect" in said[0] and worker.is_alive()
    assert worker.state.state == "away" and "a defect" in worker.state.problem
    worker.stop("the test ends")
    worker.join(PATIENCE)
    assert not worker.is_alive()


def test_the_health_page_has_what_a_board_is_waited_for() -> None:
    say = lambda *_: None  # noqa: E731
    board = BoardWorker("one", lambda: None, {}, None, None, say, None)  # type: ignore[arg-type]
    board.note(Notice("the board does not answer", answers=False))
    assert (board.state.state, board.state.problem) == ("away", "the board does not answer")
    board.note(Notice("the board answers again", answers=True))
    assert (board.state.state, board.state.problem) == ("online", "")


def test_a_board_that_is_plugged_in_again_is_tried_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged: list[UsbPort] = []
    tries: list[object] = []
    monkeypatch.setattr(run, "find_ports", lambda: list(plugged))
    monkeypatch.setattr(run, "_plugged_in", tries.append)  # returns None: not there
    monkeypatch.setattr(worker, "FIRST_WAIT_S", 1000.0)
    address = f"mqtt://127.0.0.1:{free_port()}"
    settings = GatewaySettings((), broker_of(address, {}), tmp_path / "spool", "gate")
    gateway = Gateway(settings, Log(io.StringIO()))
    for k in range(1, 4):
        plugged.append(UsbPort("/dev/ttyACM0", load_boards()["nano33ble"], "A1"))
        gateway.look_for_boards()
        gateway.look_for_boards()  # still there: nothing new
        wait_until(lambda k=k: len(tries) == k)
        plugged.clear()
        gateway.look_for_boards()
    gateway.close("the test ends")
    assert len(tries) == 3 and set(gateway.states()) == {"A1"}


def test_the_log_says_once_why_there_is_no_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, str]] = []
    tries: list[object] = []
    failed = Publisher._on_connect_fail

    def counted(*arguments: Any) -> None:
        failed(*arguments)
        tries.append(arguments)

    monkeypatch.setattr(Publisher, "_on_connect_fail", counted)
    spool = Spool(tmp_path / "spool")
    broker = broker_of(f"mqtt://127.0.0.1:{free_port()}", {})
    gate = Publisher(broker, "gate", spool, list, lambda *_: None, lambda *line: said.append(line))
    wait_until(lambda: len(tries) > 1)
    assert said == [("warning", gate.problem)]
    assert f"no MQTT broker at {broker.address}: Connection refused" in gate.problem
    gate.close()
    spool.close()


@pytest.mark.broker
@pytest.mark.toolchain
def test_every_window_of_a_board_reaches_the_broker(tmp_path: Path) -> None:
    if reason := toolchain_missing():
        pytest.skip(reason)
    bundle = small_bundle(tmp_path / "waves")
    image = emulated_image(bundle, tmp_path / "image")
    out = io.StringIO()
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        subscriber = Subscriber(port)
        gateway = Gateway(
            GatewaySettings(
                (bundle,),
                broker_of(f"mqtt://127.0.0.1:{port}", {}),
                tmp_path / "spool",
                "gate",
                (Emulated(image),),
                recording_of(bundle),
                health="127.0.0.1:0",
            ),
            Log(out),
        )
        assert gateway.health is not None
        address = gateway.health.address
        wait_until(lambda: page(f"{address}/health")[0] == 200)
        health = json.loads(page(f"{address}/health")[1])
        assert health["boards"] == {"emulated-1": {"state": "online", "problem": ""}}
        wait_until(lambda: len(scored(subscriber)) >= WINDOWS, out.getvalue)
        assert sorted(scored(subscriber))[:WINDOWS] == list(range(WINDOWS))
        metrics = page(f"{address}/metrics")[1]
        (counted,) = re.findall(r'vigil_windows_total{board="emulated-1"} ([0-9.]+)', metrics)
        assert float(counted) >= WINDOWS
        assert "vigil_broker_up 1.0" in metrics
        assert page(f"{address}/other")[0] == 404
        gateway.close("the test ends")
        subscriber.wait(lambda s: s.heard[-1].payload == b"offline")
        status = [m.payload.decode() for m in subscriber.heard if m.topic.endswith("/status")]
        assert status[:2] == ["online", "online"]  # the gateway, then the board
        subscriber.close()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert all(set(line) == {"ts", "level", "board", "text"} for line in lines)
    assert lines[-1]["text"] == "ended: the test ends"


def scored(subscriber: Subscriber) -> dict[int, float]:
    """The scores of the first stream, by window."""
    heard = [json.loads(m.payload) for m in subscriber.heard if m.topic.endswith("/score")]
    first = min((values["stream"] for values in heard), default=0)
    return {v["index"]: v["score"] for v in heard if v["stream"] == first}


@pytest.mark.broker
def test_a_board_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    """The process ends politely on SIGTERM, and says what it waits for."""
    bundle = small_bundle(tmp_path / "waves")
    with (
        mosquitto(tmp_path, "allow_anonymous true") as port,
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tools.cli", "gateway", str(bundle.path)),
                *("-p", str(tmp_path / "ttyACM0"), "--mqtt", f"mqtt://127.0.0.1:{port}"),
                *("--spool", str(tmp_path / "spool"), "--name", "gate"),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        ) as process,
    ):
        assert process.stdout is not None
        lines = []
        while not any("ttyACM0" in line["text"] for line in lines) or len(lines) < 2:
            lines.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGTERM)
        rest = [json.loads(line) for line in process.stdout]
        assert process.wait(PATIENCE) == 0
    assert rest[-1]["text"] == "ended: SIGTERM"


def test_the_unit_starts_a_command_that_exists(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(ROOT / "deploy" / "vigil-gateway.service")
    words = unit["Service"]["ExecStart"].split()
    assert words[1:4] == ["-m", "tools.cli", "gateway"]
    shown = subprocess.run(
        [sys.executable, "-m", "tools.cli", "gateway", "--help"],
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(word in shown for word in words if word.startswith("--"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_knows_every_setting_of_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "vigil-gateway.service"
    text = (ROOT / "deploy" / unit.name).read_text()
    unit.write_text(text.replace("/opt/vigil/.venv/bin/python", "/bin/true"))
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert not [line for line in said.stderr.splitlines() if str(unit) in line], said.stderr

"""The browser view as a program: what it prints, how it ends, and one board among several."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.waiting import PATIENCE
from tools.checkout import ROOT

pytestmark = pytest.mark.slow

PROGRAM = """
import contextlib, sys
from pathlib import Path
from tests.support.monitor_board import FakeBoard, source
from training.bundle.errors import LinkError, VigilError
from tools.monitor import board_run, run as monitor
from tools.monitor.settings import *

@contextlib.contextmanager
def open_board(bundle, source, target, *options):
    port = target.name
    if port == "broken":
        raise LinkError("broken: there is no such port; is the board plugged in?")
    board = FakeBoard()
    if port == "fails":
        board.fail_at = 100
    if port == "defect":
        board.receive = None
    yield board

board_run.open_board = open_board
monitor.read_bundle = lambda path: None
monitor.load_source = lambda settings, bundle: source(50, True)
options = dict(word.split("=") for word in sys.argv[1:] if "=" in word)
if "record" in options:
    options["recording"] = RecordingOptions(Path(options.pop("record")))
if "mqtt" in options:
    options["mqtt"] = MqttOptions(options.pop("mqtt"))
ports = [word for word in sys.argv[1:] if "=" not in word]
try:
    targets = tuple(map(Port, ports))
    summaries = monitor.run(
        MonitorSettings(Path("none"), targets, Streamed(speed=5.0), Browser(), **options))
except VigilError as problem:
    sys.exit(f"refused: {problem}")
print("SUMMARIES", [s.windows > 0 for s in summaries], [s.reason for s in summaries])
"""


def start(*ports: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    return out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_sums_up(number):
    process, url = start("one", "two")
    with urllib.request.urlopen(url, timeout=PATIENCE) as page:
        assert b"Vigil" in page.read()
    process.stdout.readline()
    # Not before both streams run, or there is nothing to sum up.
    seen: set[str] = set()
    with connect(url.replace("http:", "ws:").replace("/?", "/stream?")) as socket:
        while seen != {"one", "two"}:
            for board in json.loads(socket.recv(timeout=PATIENCE)).get("boards", ()):
                if any(e["event"] == "scored" for e in board["events"]):
                    seen.add(board["key"])
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out
    assert f"SUMMARIES [True, True] ['{number.name}', '{number.name}']" in out
    assert "one: " in out and "two: " in out


def test_a_board_that_fails_leaves_the_other_alone():
    process, url = start("fails", "broken", "defect", "one")
    assert process.stdout is not None
    process.stdout.readline()
    with urllib.request.urlopen(url, timeout=PATIENCE) as page:
        assert page.status == 200
    # Each is said when it happens, while the others run.
    said = {process.stdout.readline().strip() for _ in range(3)}
    assert said == {
        "vigil: fails: /dev/fake: the port is gone",
        "vigil: broken: broken: there is no such port; is the board plugged in?",
        "vigil: defect: TypeError: 'NoneType' object is not callable",
    }
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    out = end(process)
    assert process.returncode == 1, out  # in the program proper, 2
    assert "refused: /dev/fake: the port is gone" in out
    assert "one: " in out and "Traceback" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["one", "mqtt=nowhere"], "nowhere: give mqtt://HOST"),
        (["one", "record=run.wav"], "run.wav: a recording is"),
        (["one", "broken", "mqtt=nowhere"], "nowhere: give mqtt://HOST"),
    ],
)
def test_output_that_cannot_be_had_ends_it_too(words, said):
    process, _ = start(*words)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert f"refused: {said}" in out
    assert "0 windows" not in out and "Traceback" not in out


def test_who_cannot_be_told_the_address_is_told_why():
    command = [sys.executable, "-c", PROGRAM, "one"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, cwd=ROOT
        )
    assert done.returncode == 1
    assert done.stderr == ("refused: standard output: cannot be written: No space left on device\n")


def test_if_no_board_answers_it_ends_with_the_reason():
    process, _ = start("broken")
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "refused: broken: there is no such port" in out

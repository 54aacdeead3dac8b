"""The whole monitor, as a process: it ends cleanly however it is ended."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest

from tests.support.screen import Screen, on_a_terminal
from tests.support.waiting import PATIENCE
from tools.recordings.csv import samples_path

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"  # the terminal's second screen
PROGRAM = """
import contextlib, sys
from pathlib import Path
from tests.support.monitor_board import FakeBoard, source
from tools.monitor import board_run, run as monitor
from tools.monitor.settings import *

board = FakeBoard()

@contextlib.contextmanager
def open_board(*arguments, **options):
    yield board

monitor.read_bundle = lambda path: None
monitor.load_source = lambda settings, bundle: source(50, True)
board_run.open_board = open_board
view, record = sys.argv[1:3]
(summary,) = monitor.run(MonitorSettings(
    Path("none"), (Port("/dev/fake"),), Streamed(speed=5.0, repeat=True), view,
    recording=RecordingOptions(Path(record)) if record else None))
print("CLOSED", board.closed, board.finished, summary.reason, summary.windows,
      file=sys.stderr, flush=True)
"""


def program(view: str, record: Path | str = "") -> list[str]:
    return [sys.executable, "-c", PROGRAM, view, str(record)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_pipe_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    record = tmp_path / "run.npz"
    with subprocess.Popen(
        program("plain", record), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[:1] == ["5"]:
                break
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert f"ended early: {number.name}" in rest
    windows = int(rest.split()[-1])
    assert rest.splitlines()[-1].startswith(f"CLOSED 1 True {number.name}")
    with np.load(record) as file:
        assert file["window"].tolist() == list(range(windows)) and windows > 5
        assert len(file["counts"]) >= windows * 20


def test_json_ends_with_its_summary(tmp_path: Path) -> None:
    with subprocess.Popen(program("json"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("index") == 3:
                break
        process.send_signal(signal.SIGINT)
        events = process.stdout.read().splitlines()
    kinds = [json.loads(line)["event"] for line in events]
    assert kinds[-2:] == ["ended", "summary"]


def test_a_reader_that_goes_away_ends_the_stream() -> None:
    with subprocess.Popen(
        program("plain"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0
    assert errors.startswith("CLOSED 1 True the output has no reader any more")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("how", ["q", "ctrl-c", signal.SIGINT, signal.SIGTERM])
def test_the_terminal_is_given_back(tmp_path: Path, how: str | signal.Signals) -> None:
    record = tmp_path / "run.csv"
    with on_a_terminal(program("auto", record)) as (screen, before):
        screen.wait_for(ENTER)
        screen.wait_for(b"ANOMALY")
        if isinstance(how, signal.Signals):
            screen.process.send_signal(how)
        else:
            os.write(screen.master, {"q": b"q", "ctrl-c": b"\x03"}[how])
        screen.wait_for(b"CLOSED")
    assert before
    after = screen.output[screen.output.index(LEAVE) :].decode()
    reason = how.name if isinstance(how, signal.Signals) else {"q": "by key"}.get(how, "SIGINT")
    assert f"ended early: {reason}" in after
    assert f"CLOSED 1 True {reason}" in after
    assert "Traceback" not in screen.output.decode(errors="replace")
    samples = samples_path(record).read_text().splitlines()
    assert len(samples) > 100 and samples[-1].count(",") == 1


def test_a_terminal_that_vanishes_ends_the_monitor_too(tmp_path: Path) -> None:
    record = tmp_path / "run.npz"
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    # A session of its own whose terminal this is: hanging up sends it SIGHUP.
    process = subprocess.Popen(
        ["setsid", "--ctty", *program("terminal", record)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    try:
        os.close(slave)
        Screen(process, master).wait_for(b"ANOMALY")
        os.close(master)
        process.wait(PATIENCE)
    finally:
        process.kill()
    with np.load(record) as file:
        assert len(file["window"]) > 4

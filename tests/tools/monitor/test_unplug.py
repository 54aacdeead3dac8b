"""A board unplugged in mid-stream and plugged in again: both views say so and go on."""

# ruff: noqa: F811 (fixtures)

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.screen import on_a_terminal
from tests.support.sines import WINDOWS, bundle, csv_path, image, scores, whole  # noqa: F401 (fixtures)
from tests.support.waiting import PATIENCE
from tests.tools.monitor.test_web_run import end
from tools.boards.emulated import EmulatedBoard
from training.bundle import Bundle

PROGRAM = """
import sys
from pathlib import Path
from tests.support.waiting import defaults
from tools.monitor.run import run
from tools.monitor.settings import *
bundle, source, port, record, view, silence = sys.argv[1:]
# A monitor that waited for its board would wait for minutes here, so a test need not measure time.
defaults(answer=600.0, open=600.0, port=600.0, silence=float(silence))
(summary,) = run(MonitorSettings(
    Path(bundle), (Port(port),), Streamed(File(Path(source)), speed=60.0),
    Browser() if view == "web" else view,
    recording=RecordingOptions(Path(record)) if record else None))
if view != "web":
    print("ENDED", summary.reason, summary.windows, summary.lost)
"""


class Plug:
    """A path that leads to the board while it is plugged in, as udev's links do."""

    def __init__(self, board: EmulatedBoard, path: Path) -> None:
        self.board, self.path = board, path
        path.symlink_to(board.port)

    def pull(self) -> None:
        """The process is killed; its port goes with it."""
        self.board.kill()
        self.path.unlink()

    def put_in(self) -> None:
        """Another process, another port, the same path."""
        self.board.start()
        self.path.symlink_to(self.board.port)


@contextmanager
def plugged(elf: Path, folder: Path) -> Iterator[Plug]:
    with EmulatedBoard(elf) as board:
        yield Plug(board, folder / "board")


@pytest.mark.toolchain
def test_the_terminal_view_goes_on(
    bundle: Bundle,
    image: Path,
    csv_path: Path,
    whole: dict[int, str],
    tmp_path: Path,
) -> None:
    record = tmp_path / "run.csv"
    with plugged(image, tmp_path) as plug:
        words = [str(bundle.path), str(csv_path), str(plug.path), str(record), "terminal", "60"]
        with on_a_terminal([sys.executable, "-c", PROGRAM, *words]) as (screen, before):
            screen.wait_for(b"ANOMALY")
            plug.pull()
            screen.wait_for(b"waiting for the port to return")
            screen.wait_for("○ away".encode())
            scored = len(record.read_text().splitlines())
            time.sleep(0.5)
            assert len(record.read_text().splitlines()) == scored < WINDOWS  # nothing is made up
            plug.put_in()
            screen.wait_for(b"ENDED")  # by itself: every window has been reported
    assert before
    assert b"Traceback" not in screen.output
    assert f"ENDED  {WINDOWS} 0".encode() in screen.output
    assert scores(record) == whole  # each window once, none lost, every bit the same


@pytest.mark.toolchain
def test_keys_while_it_is_unplugged_wait_for_nothing(
    bundle: Bundle,
    image: Path,
    csv_path: Path,
    whole: dict[int, str],
    tmp_path: Path,
) -> None:
    record = tmp_path / "run.csv"
    with plugged(image, tmp_path) as plug:
        words = [str(bundle.path), str(csv_path), str(plug.path), str(record), "terminal", "60"]
        with on_a_terminal([sys.executable, "-c", PROGRAM, *words]) as (screen, _):
            screen.wait_for(b"ANOMALY")
            plug.pull()
            screen.wait_for("○ away".encode())
            os.write(screen.master, b"r")
            screen.wait_for(b"trying to reach the board")
            os.write(screen.master, b"c")
            screen.wait_for(b"not calibrated: the board does not answer")
            plug.put_in()
            screen.wait_for(b"ENDED")
    assert scores(record) == whole  # and the stream went on where it stood


@pytest.mark.toolchain
@pytest.mark.parametrize("how", ["pull", "stop", "stop, and not known yet"])
def test_the_monitor_ends_at_once_though_its_board_is_away(
    how: str,
    bundle: Bundle,
    image: Path,
    csv_path: Path,
    tmp_path: Path,
) -> None:
    with plugged(image, tmp_path) as plug:
        words = [str(bundle.path), str(csv_path), str(plug.path), "", "terminal", "2.5"]
        with on_a_terminal([sys.executable, "-c", PROGRAM, *words]) as (screen, _):
            screen.wait_for(b"ANOMALY")
            if how == "pull":
                plug.pull()
                screen.wait_for("○ away".encode())
                os.write(screen.master, b"r+++++")
            else:
                os.kill(plug.board.pid, signal.SIGSTOP)
                if how == "stop":
                    screen.wait_for("○ away".encode())  # after a silence of 2.5 s
            os.write(screen.master, b"q")
            screen.wait_for(b"ENDED by key")
            ended = screen.output
        plug.board.kill()
    assert b"ENDED by key" in ended and b"Traceback" not in ended


@pytest.mark.toolchain
def test_the_browser_view_goes_on(
    bundle: Bundle,
    image: Path,
    csv_path: Path,
    whole: dict[int, str],
    tmp_path: Path,
) -> None:
    record = tmp_path / "run.csv"
    with plugged(image, tmp_path) as plug:
        words = [str(bundle.path), str(csv_path), str(plug.path), str(record), "web", "60"]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        seen: list[dict[str, object]] = []
        pulled = back = False
        try:
            with connect(url.replace("http:", "ws:").replace("/?", "/stream?")) as socket:
                while not any(event["event"] == "ended" for event in seen):
                    for board in json.loads(socket.recv(timeout=PATIENCE)).get("boards", ()):
                        seen += board["events"]
                    texts = [str(event.get("text")) for event in seen if event["event"] == "notice"]
                    scored = [event["index"] for event in seen if event["event"] == "scored"]
                    if not pulled and len(scored) > 20:
                        plug.pull()
                        pulled = True
                    if pulled and not back and any("port to return" in text for text in texts):
                        plug.put_in()
                        back = True
        finally:
            out = end(process)
    assert process.returncode == 0, out
    assert any("the board was reset: continuing at frame" in text for text in texts), texts
    news = [event["answers"] for event in seen if event["event"] == "notice"]
    assert [each for each in news if each is not None] == [False, True]
    assert sorted(scored) == list(range(WINDOWS))
    assert scores(record) == whole

"""The monitor's memory over a long stream, in each of its views.

Run this: `python benchmarks/monitor_memory.py [BUNDLE] [--seconds 60]`. It boots an emulated board,
runs `vigil monitor --repeat` on it as fast as the link goes (in a pipe, as JSON, on a terminal of
80 x 24, and in a browser's place a client that reads everything), and prints the resident memory as
it goes. It ends with 1 if any grew by more than 4 MiB over the last two thirds.
"""

import argparse
import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.process_memory import resident_bytes
from tools.boards.build import build
from tools.boards.emulated import EmulatedBoard
from tools.convert import convert

VIEWS = ("plain", "json", "terminal", "web")
POINTS = 13
GROWTH = 4 << 20  # bytes: more over the last two thirds is a leak


def monitor(bundle: Path, port: str, view: str) -> list[str]:
    """The command with the bundle's path instead of a recipe."""
    code = (
        "import sys; from pathlib import Path; from tools.monitor.run import run\n"
        "from tools.monitor.settings import *\n"
        "bundle, port, view = sys.argv[1:]\n"
        "web = view == 'web'\n"
        "run(MonitorSettings(Path(bundle), (Port(port),),"
        " Streamed(speed=1e3 if web else None, repeat=True), Browser() if web else view))\n"
    )
    return [sys.executable, "-c", code, str(bundle), port, view]


class Reader(threading.Thread):
    """Takes whatever the monitor writes, and remembers the end of it and its first address."""

    def __init__(self, descriptor: int, browse: bool) -> None:
        super().__init__(daemon=True)
        self.tail = b""
        self.bytes = 0
        self._descriptor, self._browse = descriptor, browse

    def run(self) -> None:
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:
                return
            if not data:
                return
            self.bytes += len(data)
            self.tail = (self.tail + data)[-4096:]
            address = re.search(rb"http://\S+", self.tail) if self._browse else None
            if address:
                self._browse = False
                threading.Thread(target=browse, args=(address[0].decode(),), daemon=True).start()


def browse(url: str) -> None:
    """What a browser takes off the server."""
    address = url.replace("http:", "ws:").replace("/?", "/stream?")
    with contextlib.suppress(ConnectionClosed, OSError), connect(address, max_size=None) as socket:
        while True:
            socket.recv()


@contextlib.contextmanager
def watched(command: list[str], view: str) -> Iterator[tuple[subprocess.Popen[bytes], Reader]]:
    """The monitor with somebody who reads it; on a terminal if the view is one."""
    if view == "terminal":
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
    else:
        master, slave = os.pipe()
    environment = {**os.environ, "TERM": "xterm-256color"}
    given = slave if view == "terminal" else subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=given, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    reader = Reader(master, view == "web")
    reader.start()
    try:
        yield process, reader
    finally:
        process.kill()
        process.wait()
        os.close(master)


def measure(bundle: Path, elf: Path, view: str, seconds: float) -> list[int]:
    """Resident bytes at equal times; prints them with what was streamed meanwhile."""
    sizes = []
    with (
        EmulatedBoard(elf) as board,
        watched(monitor(bundle, board.port, view), view) as (process, reader),
    ):
        for _ in range(POINTS):
            time.sleep(seconds / POINTS)
            if process.poll() is not None:
                raise SystemExit(f"{view}: the monitor ended: {reader.tail.decode()}")
            sizes.append(resident_bytes(process.pid))
        process.send_signal(signal.SIGINT)
        process.wait(20)
        time.sleep(0.2)
        printed = reader.tail.decode(errors="replace")
        said = re.findall(r'(?:"windows": )?(\d+)(?: \w+ scored|, "flagged")', printed)
    shown = " ".join(f"{size / 2**20:.1f}" for size in sizes)
    grown = sizes[-1] - sizes[POINTS // 3]
    windows = said[-1] if said else "?"
    print(f"{view:9} {windows:>9} windows  {shown} MiB; {grown / 2**20:+.2f} over the last 2/3")
    return sizes


def main() -> int:
    settings = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    settings.add_argument("bundle", type=Path, nargs="?", default=Path("build/ecg5000"))
    settings.add_argument("--seconds", type=float, default=60.0, help="of each view")
    settings.add_argument("--views", nargs="+", default=VIEWS, choices=VIEWS)
    given = settings.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        convert(given.bundle, folder / "generated", ["compiled"])
        elf = build("emulated", folder / "generated", folder / "firmware").elf
        measured = [measure(given.bundle, elf, view, given.seconds) for view in given.views]
    return int(any(sizes[-1] - sizes[POINTS // 3] > GROWTH for sizes in measured))


if __name__ == "__main__":
    sys.exit(main())

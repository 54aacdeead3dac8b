"""Compare the throughput of the link with the throughput of its port.

Run `python -m benchmarks.link_throughput [BUNDLE]` in the checkout. It builds the bundle's firmware
and a sketch that echoes every byte, runs each on the emulated board three times in turn, and prints
the rates and their ratios. Both use the same pseudo-terminal, bridge and UART. The firmware also
segments, infers and scores; that time is not subtracted. It exits with 1 if the link carries less
than 70 % of the echo.
"""

import argparse
import os
import select
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from tools.boards.build import build
from tools.boards.emulated import EmulatedBoard
from tools.convert import convert
from tools.link.events import Scored
from tools.link.frames import OVERHEAD
from tools.link.session import Session, stream_id
from tools.link.transport import SerialTransport
from training.bundle import read_bundle

SKETCH = Path(__file__).resolve().parent / "echo"
AHEAD = (512, 1024, 4096, 16384)
"""Bytes under way, tried in turn; the best rate of the echo counts."""


@dataclass(frozen=True)
class Throughput:
    """Bytes per second: samples, and everything on the wire, down and up."""

    payload: float
    down: float
    up: float


class Counting(SerialTransport):
    """A port that counts its bytes."""

    down = up = 0

    def read(self, timeout: float) -> bytes:
        data = super().read(timeout)
        self.up += len(data)
        return data

    def write(self, data: bytes) -> None:
        self.down += len(data)
        super().write(data)


def echo(elf: Path, size: int) -> float:
    """Measure the echo: bytes per second that go to the board and come back."""
    best = 0.0
    with EmulatedBoard(elf) as board:
        port = os.open(board.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            for ahead in AHEAD:
                best = max(best, _echoed(port, size, ahead))
        finally:
            os.close(port)
    return best


def _echoed(port: int, size: int, ahead: int) -> float:
    data = np.random.default_rng(1).integers(0, 256, size, np.uint8).tobytes()
    sent, came = 0, bytearray()
    began = time.monotonic()
    while len(came) < size:
        room = min(ahead - (sent - len(came)), size - sent)
        readable, writable, _ = select.select([port], [port] if room > 0 else [], [], 5.0)
        if not (readable or writable):
            raise SystemExit(f"the echo stopped after {len(came)} of {size} bytes")
        if readable:
            came += os.read(port, 65536)
        if writable:
            sent += os.write(port, data[sent : sent + room])
    seconds = time.monotonic() - began
    if bytes(came) != data:
        raise SystemExit("the echo returned different bytes")
    return size / seconds


def link(elf: Path, samples: int) -> Throughput:
    """Measure a session in which the board scores `samples` samples."""
    with EmulatedBoard(elf) as board:
        port = Counting(board.port)
        with Session(port) as session:
            channels = session.board.channels
            counts = np.random.default_rng(2).integers(-3000, 3000, (samples, channels), np.int16)
            session.start(stream_id("throughput"))
            down, up, began = port.down, port.up, time.monotonic()
            scored = sum(isinstance(event, Scored) for event in session.stream(counts))
            seconds = time.monotonic() - began
            window, hop = session.board.window, session.board.hop
            if scored != (samples - window) // hop + 1:
                raise SystemExit(f"{scored} windows were scored")
            return Throughput(
                counts.nbytes / seconds, (port.down - down) / seconds, (port.up - up) / seconds
            )


def main() -> int:
    settings = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    settings.add_argument("bundle", type=Path, nargs="?", default=Path("build/ecg5000"))
    settings.add_argument("--samples", type=int, default=500_000)
    settings.add_argument("--bytes", type=int, default=500_000)
    settings.add_argument("--times", type=int, default=3)
    given = settings.parse_args()
    read_bundle(given.bundle)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        convert(given.bundle, folder / "generated", ["compiled"])
        firmware = build("emulated", folder / "generated", folder / "firmware").elf
        sketch = build("emulated", build_dir=folder / "echo", project=SKETCH).elf
        echoes, links = [], []
        for _ in range(given.times):
            echoes.append(echo(sketch, given.bytes))
            links.append(link(firmware, given.samples))
    raw = median(echoes)
    payload, down, up = (
        median(getattr(each, name) for each in links) for name in ("payload", "down", "up")
    )
    print(f"{'echo':28} {raw:>10,.0f} bytes/s down, and as many up")
    print(f"{'link, samples':28} {payload:>10,.0f} bytes/s: {payload / 2:,.0f} values/s")
    print(f"{'link, wire':28} {down:>10,.0f} bytes/s down, {up:,.0f} up")
    print(f"{'samples / echo':28} {payload / raw:>10.2f}")
    print(f"{'wire both ways / echo':28} {(down + up) / (2 * raw):>10.2f}")
    print(f"{'samples / wire down':28} {payload / down:>10.3f} ({OVERHEAD + 8} bytes of overhead)")
    return 0 if min(payload, (down + up) / 2) >= 0.7 * raw else 1


if __name__ == "__main__":
    sys.exit(main())

"""Simulated boards behind pseudo-terminals: `simulated_boards.cpp`, compiled and run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO

from tests.support.build_cache import compile_objects, link
from tools.checkout import LIBRARIES

SOURCES = [
    *sorted((LIBRARIES / "link").glob("*.cpp")),
    *sorted((LIBRARIES / "sampling").glob("*.cpp")),
    LIBRARIES / "signal" / "calibration.cpp",
    LIBRARIES / "signal" / "segmenter.cpp",
    LIBRARIES / "storage" / "slot_store.cpp",
    Path(__file__).with_name("simulated_boards.cpp"),
]
INCLUDES = [LIBRARIES / name for name in ("app", "link", "sampling", "signal", "span", "storage")]
COMPILER = ["g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror"]

Window = tuple[str, int, int]  # id of the board, number of the stream, index


class SimulatedBoards:
    """Boards in a process of their own; they sample once a host starts their sensors.

    Args:
        count: of boards.
        window: samples per window, and from one window to the next.
        rate_hz: of the sensors.
        model: hash of the bundle that the boards run, its first 8 bytes.
        folder: gets a link to each port, named for the board.

    Attributes:
        ports: of the boards; the name of the file is the board's id.
        late: seconds by which a sample was late at most, until the last report.
    """

    def __init__(self, count: int, window: int, rate_hz: float, model: bytes, folder: Path) -> None:
        program = link(COMPILER, compile_objects(COMPILER, SOURCES, INCLUDES), "boards")
        arguments = [str(count), str(window), str(window), str(rate_hz), model.hex()]
        self._process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.late = 0.0
        self.ports = []
        for number in range(count):
            port = folder / f"board-{number:04}"
            port.symlink_to(self._output.readline().strip())
            self.ports.append(port)
        assert self._output.readline() == "ready\n"

    @property
    def ids(self) -> list[str]:
        """Names of the ports, by which the gateway knows its boards."""
        return [port.name for port in self.ports]

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def stop(self) -> None:
        """Stop the sensors; what they have sampled is still scored and sent."""
        self._command("stop")

    def reported(self) -> set[Window]:
        """Return the windows that the boards have reported so far."""
        self._command("report")
        reported: set[Window] = set()
        for line in iter(self._output.readline, ""):
            first, *rest = line.split()
            if first == "late":
                self.late = int(rest[0]) / 1e6
                break
            stream, windows = map(int, rest)
            name = self.ports[int(first)].name
            reported |= {(name, stream, index) for index in range(windows)}
        return reported

    def end(self) -> None:
        """End the process."""
        self._command("end")
        self._process.wait()

    @property
    def _output(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _command(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

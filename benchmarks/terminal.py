"""Redraws per second of the terminal view, with eight channels of 250 samples per second each.

    .venv/bin/python -m benchmarks.terminal [SECONDS]

Streams to the view on pseudo-terminals of three sizes, one window per second with its
reconstruction. Prints how often the trace was drawn, in the mean and in the worst second, and the
processor time of the view. The view draws 12 times per second at most.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
import time

import numpy as np

from tools.monitor.controls import Controls
from tools.monitor.events import BoardFacts, Ended, SamplesSent, Started, WindowScored
from tools.monitor.history import History
from tools.monitor.terminal.app import Panel
from tools.monitor.terminal.run import run_in_terminal
from tools.recordings.source import SourceFacts

SIZES = ((15, 60), (24, 80), (50, 200))  # lines and columns
CHANNELS, RATE, WINDOW = 8, 250, 250
CHUNK = 5  # frames per message
START_S = 2.0  # time for the start of the view, which is not counted


class Feed:
    """Stands for the stream: gives the view samples and scores in real time."""

    def __init__(self, history: History, seconds: float) -> None:
        self._history, self._seconds = history, seconds

    def run(self) -> None:
        """Feed for the given seconds."""
        board = BoardFacts(
            port="/dev/ttyACM0", board="nano33ble", emulated=False, engine="compiled",
            model="benchmark", model_hash="0" * 16, window=WINDOW, hop=WINDOW, channels=CHANNELS,
            rate_hz=float(RATE), threshold=0.3, trained_threshold=0.3, golden_passed=4,
            golden_total=4,
        )  # fmt: skip
        source = SourceFacts(
            name="sine", description="sines with noise", simulated=True, frames=0, labelled=False,
            channels=tuple(f"channel {c}" for c in range(CHANNELS)), units=("mV",) * CHANNELS,
            gain=(1000.0,) * CHANNELS, offset=(0,) * CHANNELS, rate_hz=float(RATE),
        )  # fmt: skip
        self._history.handle(Started(board, source, 0))
        random, began = np.random.default_rng(1), time.monotonic()
        for first in range(0, round(self._seconds * RATE), CHUNK):
            phase = np.arange(first, first + CHUNK)[:, None] / 20 + np.arange(CHANNELS)
            counts = (500 * np.sin(phase) + random.normal(0, 30, phase.shape)).astype(np.int16)
            self._history.handle(SamplesSent(first, counts))
            if first % WINDOW == WINDOW - CHUNK:
                self._history.handle(self._scored(first // WINDOW))
            time.sleep(max(began + first / RATE - time.monotonic(), 0))
        self._history.handle(Ended(complete=True, reason=""))

    def _scored(self, index: int) -> WindowScored:
        phase = np.arange(index * WINDOW, (index + 1) * WINDOW)[:, None] / 20 + np.arange(CHANNELS)
        output = (500 * np.sin(phase)).astype(np.float32)
        flag = index % 5 == 4
        score = 0.7 if flag else 0.1
        return WindowScored(index, index * WINDOW, score, 0.3, flag, 900, reconstruction=output)


def view(seconds: float, to: int) -> None:
    """Run the view on this terminal, and write what it did to a file descriptor, as JSON."""
    drawn: list[float] = []
    render = Panel.render

    def counted(panel: Panel) -> object:
        if panel.id == "trace":
            drawn.append(time.monotonic())
        return render(panel)

    Panel.render = counted  # type: ignore[assignment, method-assign]
    history = History()
    began = time.monotonic() + START_S
    run_in_terminal(Feed(history, START_S + seconds), history, Controls())  # type: ignore[arg-type]
    stop = began + seconds
    worst = min(
        sum(at <= each < at + 1 for each in drawn)
        for at in np.arange(began, stop - 1, 0.25).tolist()
    )
    mean = sum(began <= each < stop for each in drawn) / seconds
    cores = time.process_time() / (START_S + seconds)
    os.write(to, json.dumps([mean, worst, cores]).encode())


def measure(lines: int, columns: int, seconds: float) -> list[float]:
    """Return mean and worst redraws per second, and the cores that the view took."""
    master, slave = pty.openpty()
    answer, to = os.pipe()
    termios.tcsetwinsize(slave, (lines, columns))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.terminal", "view", str(seconds), str(to)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        pass_fds=(to,),
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(slave)
    os.close(to)
    shown = b""
    try:
        while data := os.read(master, 65536):
            shown = (shown + data)[-4096:]
    except OSError:  # the other side is closed
        pass
    os.close(master)
    if process.wait():
        sys.exit(shown.decode(errors="replace"))
    with os.fdopen(answer) as file:
        return list(json.load(file))


def main(seconds: float) -> None:
    print(f"{CHANNELS} channels of {RATE} samples/s, {seconds:.0f} s each")
    for lines, columns in SIZES:
        mean, worst, cores = measure(lines, columns, seconds)
        print(
            f"{columns:3} x {lines:2}: {mean:4.1f} redraws/s, {worst:2.0f} in the worst second, "
            f"{cores:.2f} cores (load {os.getloadavg()[0]:.1f})",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["view"]:
        view(float(sys.argv[2]), int(sys.argv[3]))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)

"""Frames a second of the browser view, with boards (four) at 1,000 samples a second each.

    .venv/bin/python benchmarks/web.py [SECONDS] [BOARDS]

Headless Chromium draws without a graphics card. Prints what was painted, what it cost in CPU time
(of every process of the browser, and of this one, which serves), and how long a paint took.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from tools.monitor.controls import Controls
from tools.monitor.events import BoardFacts, SamplesSent, Started, WindowScored
from tools.monitor.web.hub import BoardView, Hub
from tools.monitor.web.server import serve
from tools.recordings.source import SourceFacts

RATE, WINDOW = 1000.0, 250
CHUNK = 40  # frames a message: what the monitor sends at once at this rate
TICK = 1 / os.sysconf("SC_CLK_TCK")


def begin(view: BoardView, n: int) -> None:
    board = BoardFacts(
        port=f"/dev/ttyACM{n}", board="nano33ble", emulated=False, engine="compiled",
        model="benchmark", model_hash="0" * 16, window=WINDOW, hop=WINDOW, channels=1,
        rate_hz=RATE, threshold=0.3, trained_threshold=0.3, golden_passed=4, golden_total=4,
    )  # fmt: skip
    source = SourceFacts(
        name="sine", description="a sine with noise", simulated=True, frames=0, labelled=False,
        channels=("ecg",), units=("mV",), gain=(1000.0,), offset=(0,), rate_hz=RATE,
    )  # fmt: skip
    view.handle(Started(board, source, 0))


def feed(views: list[BoardView], stop: threading.Event) -> None:
    """Real time, every window with its reconstruction, every tenth flagged."""
    random = np.random.default_rng(1)
    began, frame, window = time.monotonic(), 0, 0
    while not stop.is_set():
        phase = np.arange(frame, frame + CHUNK) / 80
        counts = (500 * np.sin(phase) + random.normal(0, 30, CHUNK)).astype(np.int16)[:, None]
        for view in views:
            view.handle(SamplesSent(frame, counts))
        frame += CHUNK
        while (window + 1) * WINDOW <= frame:
            first = window * WINDOW
            output = (500 * np.sin(np.arange(first, first + WINDOW) / 80))[:, None]
            flag = window % 10 == 9
            score = 0.7 if flag else float(0.05 + 0.1 * random.random())
            event = WindowScored(
                window, first, score, 0.3, flag, 900, reconstruction=output.astype(np.float32)
            )
            for view in views:
                view.handle(event)
            window += 1
        time.sleep(max(began + frame / RATE - time.monotonic(), 0))


def cpu_of_children() -> float:
    """Seconds of CPU time that every process below this one has used."""
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        parents[pid], used[pid] = int(after[1]), (int(after[11]) + int(after[12])) * TICK

    def ours(pid: int) -> bool:
        while pid in parents and pid > 1:
            pid = parents[pid]
            if pid == os.getpid():
                return True
        return False

    return sum(seconds for pid, seconds in used.items() if ours(pid))


def main(seconds: float, boards: int) -> None:
    hub, stop = Hub(), threading.Event()
    views = [hub.view(f"board {n}", Controls()) for n in range(boards)]
    for n, view in enumerate(views):
        begin(view, n)
    program = shutil.which("chromium") or sys.exit("no chromium on PATH")
    with serve(hub) as addresses, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 1200})
        page.goto(addresses.operator)
        page.wait_for_selector(".card")
        thread = threading.Thread(target=feed, args=(views, stop))
        thread.start()
        page.wait_for_timeout(5000)
        painted = "+document.documentElement.dataset.painted"
        spent = "+document.documentElement.dataset.spent"
        frames, busy = page.evaluate(painted), page.evaluate(spent)
        began, own, children = time.monotonic(), time.process_time(), cpu_of_children()
        page.wait_for_timeout(1000 * seconds)
        frames, busy = page.evaluate(painted) - frames, page.evaluate(spent) - busy
        took = time.monotonic() - began
        print(
            f"{boards} boards at {RATE:.0f} samples/s, {took:.1f} s, load {os.getloadavg()[0]:.1f}"
        )
        print(f"painted      {frames / took:.1f} frames/s")
        print(f"a paint      {busy / frames:.1f} ms of wall time in the page's script")
        print(f"browser      {(cpu_of_children() - children) / took:.2f} cores")
        print(f"server       {(time.process_time() - own) / took:.2f} cores, with the boards' data")
        stop.set()
        thread.join()
        browser.close()


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 10.0,
        int(sys.argv[2]) if len(sys.argv) > 2 else 4,
    )

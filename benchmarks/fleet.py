"""Measure gateways with many boards: delay from sample to message, processor time, and losses.

Run `python -m benchmarks.fleet --boards N --seconds S` in the checkout; it needs Mosquitto. The
boards are simulated at the level of bytes, by the firmware's own link, and sample 250 times per
second. `--gateways G` divides them among processes, `--restart-broker` restarts the broker after a
third of the time, and `--kill-gateway` kills a gateway after two thirds and starts it again. It
exits with 1 if a window is missing without a report.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.support.broker import free_port, mosquitto
from tests.support.fleet import Arrivals, start_gateway
from tests.support.simulated_boards import SimulatedBoards
from tools.measure.bench.small_bundle import small_bundle

WINDOW, RATE_HZ = 140, 250.0
AWAY_SECONDS = 5.0  # of the broker
CALM_SECONDS = 30.0  # after an outage, until delays count again
PATIENCE = 120.0
PERSISTENT = (
    "allow_anonymous true",
    "persistence true",
    "max_queued_messages 0",
    "max_inflight_messages 1000",
)


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait(enough: Callable[[], bool]) -> None:
    """Wait for the first window of each board."""
    until = time.monotonic() + PATIENCE
    while not enough():
        if time.monotonic() > until:
            print(f"not every board has published after {PATIENCE:.0f} s", file=sys.stderr)
            return
        time.sleep(0.5)


def run(options: argparse.Namespace, folder: Path) -> int:
    bundle = small_bundle(folder / "bundle", window=WINDOW, hop=WINDOW, rate_hz=RATE_HZ)
    boards = SimulatedBoards(options.boards, WINDOW, RATE_HZ, bundle.hash8, folder)
    port = free_port()
    settings = (*PERSISTENT, f"persistence_location {folder}/")
    broker = contextlib.ExitStack()
    broker.enter_context(mosquitto(folder, *settings, port=port))
    arrivals = Arrivals(port)
    shares = [boards.ports[k :: options.gateways] for k in range(options.gateways)]
    started = time.monotonic()
    gateways = [start_gateway(k, s, bundle, port, folder) for k, s in enumerate(shares)]
    wait(lambda: len({window[0] for window in list(arrivals.scored)}) == options.boards)

    pids = [process.pid for process in gateways]
    before, used = {pid: processor_seconds(pid) for pid in pids}, 0.0
    began = time.monotonic()
    print(
        f"start: every board has published after {began - started:.0f} s and "
        f"{sum(before.values()):.0f} s of processor time",
        file=sys.stderr,
    )
    outages: list[float] = []

    def sleep_until(share: float) -> None:
        time.sleep(max(began + share * options.seconds - time.monotonic(), 0))

    if options.restart_broker:
        sleep_until(1 / 3)
        outages.append(time.monotonic())
        broker.close()
        time.sleep(AWAY_SECONDS)
        broker.enter_context(mosquitto(folder, *settings, port=port))
        print("the broker was restarted", file=sys.stderr)
    if options.kill_gateway:
        sleep_until(2 / 3)
        outages.append(time.monotonic())
        used += processor_seconds(pids[0]) - before.pop(pids[0])
        gateways[0].send_signal(signal.SIGKILL)
        gateways[0].wait()
        gateways[0] = start_gateway(0, shares[0], bundle, port, folder)
        before[gateways[0].pid] = 0.0
        print("a gateway was killed and started again", file=sys.stderr)
    sleep_until(1)
    ended = time.monotonic()
    used += sum(processor_seconds(pid) - then for pid, then in before.items())
    boards_used = processor_seconds(boards.pid)

    boards.stop()
    arrivals.settled(5)
    for process in gateways:
        process.terminate()
    for process in gateways:
        process.wait(PATIENCE)
    arrivals.settled(5)
    expected = boards.reported()
    boards.end()
    arrivals.close()
    broker.close()

    calm = [
        delay
        for at, delay in arrivals.delays
        if began <= at <= ended and not any(o <= at <= o + CALM_SECONDS for o in outages)
    ]
    arrived, said = set(arrivals.scored), set(arrivals.lost)
    missing = expected - arrived - said
    per_board = 1000 * used / (ended - began) / options.boards
    print(f"{options.boards} boards, {options.gateways} gateways, {ended - began:.0f} s")
    if calm:
        median, high = (1000 * float(np.percentile(calm, q)) for q in (50, 99))
        print(f"sample to message: median {median:.1f} ms, p99 {high:.1f} ms, {len(calm)} windows")
    print(f"processor time of the gateways: {per_board:.2f} ms per second and board")
    print(f"windows: {len(expected)} reported by boards, {len(arrived)} arrived")
    print(f"  {arrivals.scored.total() - len(arrived)} doubles, which a subscriber drops")
    print(f"  {len(expected & said - arrived)} reported as lost")
    print(f"  {len(missing)} missing, {len(arrived - expected)} that no board has reported")
    print(
        f"simulator: a sample at most {1000 * boards.late:.0f} ms late, {boards_used:.1f} s of "
        "processor time"
    )
    return int(bool(missing))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boards", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--restart-broker", action="store_true")
    parser.add_argument("--kill-gateway", action="store_true")
    with tempfile.TemporaryDirectory(prefix="vigil-fleet-") as folder:
        return run(parser.parse_args(), Path(folder))


if __name__ == "__main__":
    sys.exit(main())

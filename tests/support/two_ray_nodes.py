"""Run a command against two Ray nodes of one processor each; kill a node, and then the command.

    unshare -rn python -m tests.support.two_ray_nodes FOLDER JOURNAL NODE_AT DRIVER_AT COMMAND...

Ray listens on all interfaces and asks the network for its own address, so the network is a
namespace that has the loopback interface only. ADDRESS in the command is the head node's. The
second node is killed when the journal holds NODE_AT trials. After that, when it holds DRIVER_AT,
the command is killed, and run again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HEAD, SECOND, PORT = "127.0.0.1", "127.0.0.2", 6399
PATIENCE = 180.0  # seconds for a node to come up


def _node(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
    command += ["--object-store-memory=100000000", "--disable-usage-stats", *words]
    with (folder / "nodes.log").open("ab") as log:
        # A group of its own, so that a node dies with all its processes.
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def _wait_for_nodes(count: int, folder: Path) -> None:
    """Wait until the cluster has `count` nodes."""
    status = [sys.executable, "-m", "ray.scripts.scripts", "status", f"--address={HEAD}:{PORT}"]
    end = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(status, capture_output=True, text=True)
        if done.stdout.count("1 node_") == count:
            return
        if time.monotonic() > end:
            log = (folder / "nodes.log").read_text(errors="replace")
            sys.exit(f"not {count} nodes within {PATIENCE} s: {done.stdout}{done.stderr}{log}")
        time.sleep(1)


@contextmanager
def ray_nodes(folder: Path, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run one or two nodes of one processor each, with the head first, in a namespace of its own.

    Their log is written to `folder`.
    """
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = [f"--node-ip-address={HEAD}", f"--port={PORT}", "--include-dashboard=false"]
    # A short path, because the names of Ray's sockets lie below it.
    scratch = tempfile.TemporaryDirectory(prefix="ray-")
    nodes = [_node(folder, "--head", *head, f"--temp-dir={scratch.name}")]
    try:
        _wait_for_nodes(1, folder)
        if count == 2:
            nodes.append(_node(folder, f"--address={HEAD}:{PORT}", f"--node-ip-address={SECOND}"))
        _wait_for_nodes(count, folder)
        yield nodes
    finally:
        for node in nodes:
            os.killpg(node.pid, signal.SIGKILL)


def main() -> int:
    """Return the command's exit code."""
    folder, journal, node_at, driver_at = *map(Path, sys.argv[1:3]), *map(int, sys.argv[3:5])
    words = [f"{HEAD}:{PORT}" if word == "ADDRESS" else word for word in sys.argv[5:]]
    with ray_nodes(folder, 2) as nodes:
        running, again = subprocess.Popen(words), False
        while running.poll() is None:
            text = journal.read_text(errors="replace") if journal.exists() else ""
            trials = text.count('"figures"')
            if len(nodes) == 2 and trials >= node_at:
                os.killpg(nodes.pop().pid, signal.SIGKILL)
                print("one node was killed", flush=True)
            elif len(nodes) == 1 and trials >= driver_at and not again:
                running.kill()
                running.wait()
                print("the driver was killed", flush=True)
                running, again = subprocess.Popen(words), True
            time.sleep(0.05)
        return running.returncode


if __name__ == "__main__":
    sys.exit(main())

"""Run a program such that none of its processes outlives the command that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

GRACE_S = 3.0  # for the processes to end by themselves before they are killed

_WATCHED = """
exec 3<&0
(read _; kill -KILL 0) <&3 >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""
"""Shell script: start a process that kills the group once standard input closes; run the program.

This process holds the other end of the input. The kernel closes it also after SIGKILL.
"""


def run_group(command: Sequence[str | Path], variables: Mapping[str, str]) -> tuple[int, str]:
    """Run a program in a process group of its own; return its exit code and its output.

    An exception, SIGTERM and SIGHUP end the whole group first, then go on. If this process is
    killed, so is the group, except on Windows.
    """
    watched = [] if os.name == "nt" else ["sh", "-c", _WATCHED, "sh"]
    with (
        _signals_raise(),
        subprocess.Popen(
            [*watched, *command],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.PIPE if watched else subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            output = process.stdout.read()  # communicate() would close the input
            process.wait()
        except BaseException:
            _end(process)
            raise
    return process.returncode, output


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit where they would end this process at once."""

    def handle(number: int, frame: object) -> None:
        raise SystemExit(128 + number)  # the exit code that a shell shows

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]  # Windows has one
    raising = [n for n in numbers if n is not None and signal.getsignal(n) is signal.SIG_DFL]
    for number in raising:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in raising:
            signal.signal(number, signal.SIG_DFL)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the processes of the group to end, and kill those that have not after `GRACE_S`."""
    if not hasattr(os, "killpg"):  # Windows
        process.kill()
        return
    try:
        _send(process, signal.SIGTERM)
    finally:  # also if the user is in a hurry
        _send(process, signal.SIGKILL)


def _send(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to the group, and wait for its end, `GRACE_S` at most."""
    end = time.monotonic() + GRACE_S
    with suppress(ProcessLookupError):  # the group has ended
        os.killpg(process.pid, number)
        while time.monotonic() < end:
            process.poll()  # a process counts until its end is taken note of
            os.killpg(process.pid, 0)
            time.sleep(0.02)

"""A program on a pseudo-terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.waiting import PATIENCE


@dataclass
class Screen:
    """A program on a pseudo-terminal of 80 x 24."""

    process: subprocess.Popen[bytes]
    master: int
    output: bytes = b""

    def wait_for(self, what: bytes, seconds: float = PATIENCE) -> None:
        until = time.monotonic() + seconds
        while what not in self.output:
            assert time.monotonic() < until, f"{what!r} not in {self.output[-2000:]!r}"
            self.read(0.1)

    def read(self, timeout: float) -> None:
        if select.select([self.master], [], [], timeout)[0]:
            with contextlib.suppress(OSError):
                self.output += os.read(self.master, 65536)


@contextlib.contextmanager
def on_a_terminal(command: list[str]) -> Iterator[tuple[Screen, list[Any]]]:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    before = termios.tcgetattr(slave)
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    screen = Screen(process, master)
    try:
        yield screen, before
        until = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < until:
            screen.read(0.05)
        screen.read(0.2)
        assert process.returncode == 0
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)

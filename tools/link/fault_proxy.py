"""A faulty line between a board's port and a pseudo-terminal that a session opens instead."""

import contextlib
import os
import select
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.link.faults import FaultConfig, FaultFilter
from tools.link.transport import Transport
from training.bundle.errors import LinkError, VigilError

_NAP_MS = 0.5


def _open_terminal() -> tuple[int, int]:
    """Return master and slave. The open slave keeps the master readable between sessions."""
    try:
        # POSIX only: imported here, so that a monitor without faults runs on Windows.
        import pty
        import tty
    except ImportError:
        raise LinkError("faults need a pseudo-terminal, which this system lacks") from None
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave


class FaultProxy:
    """A pseudo-terminal with a faulty line behind it, for Linux and macOS.

    Args:
        board: an open line to the board; the proxy closes it.
        to_board: faults on the way to the board, and the intervals without a port.
        to_host: faults on the way to the host.
        at: actions such as rebooting a board, with their times in seconds after the start. A
            VigilError of an action is ignored: the line shows its effect.
        reopen: opens the board's line again after it was lost; None: the proxy becomes silent.
    """

    def __init__(
        self,
        board: Transport,
        to_board: FaultConfig,
        to_host: FaultConfig,
        *,
        at: Sequence[tuple[float, Callable[[], None]]] = (),
        reopen: Callable[[], Transport] | None = None,
    ) -> None:
        self.to_board = FaultFilter(to_board)
        self.to_host = FaultFilter(to_host)
        self._board: Transport | None = board
        self._reopen = reopen
        self._unplugged = to_board.unplugged
        self._at = deque(sorted(at, key=lambda item: item[0]))
        self._unwritten = bytearray()
        self._folder = tempfile.TemporaryDirectory(prefix="vigil-faults-")
        self._master, self._slave = _open_terminal()
        name = os.ttyname(self._slave)
        self._link = Path(self._folder.name) / Path(name).name
        self._link.symlink_to(name)
        self.port = str(self._link)
        """The port to open: a symbolic link, to a new terminal after the port was gone."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the line and close the board's port."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join()
        self._unplug()
        self._folder.cleanup()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            now = time.monotonic() - began
            while self._at and self._at[0][0] <= now:
                with contextlib.suppress(VigilError):
                    self._at.popleft()[1]()
            if any(first <= now < last for first, last in self._unplugged):
                self._unplug()
                self._stop.wait(0.005)
                continue
            self._plug_in()
            self.to_board.feed(self._read_host(), now)
            down = self.to_board.take(now)
            try:
                self._exchange(down, now)
            except LinkError:
                self._lose_board()
            self._unwritten += self.to_host.take(now)
            self._write_host()

    def _unplug(self) -> None:
        if self._master < 0:
            return
        self._lose_board()
        for line in (self.to_board, self.to_host):
            line.clear()
        self._unwritten.clear()
        self._link.unlink()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def _plug_in(self) -> None:
        if self._master < 0:
            self._master, self._slave = _open_terminal()
            self._link.symlink_to(os.ttyname(self._slave))

    def _exchange(self, down: bytes, now: float) -> None:
        if self._board is None:
            if self._reopen is None:
                return
            self._board = self._reopen()
        if down:
            self._board.write(down)
        self.to_host.feed(self._board.read(0.0), now)

    def _lose_board(self) -> None:
        if self._board is not None:
            self._board.close()
        self._board = None

    def _read_host(self) -> bytes:
        # This short wait keeps the loop from spinning, for both directions. Unlike select(), poll()
        # takes any descriptor.
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        try:
            return os.read(self._master, 65536) if poll.poll(_NAP_MS) else b""
        except OSError:
            return b""

    def _write_host(self) -> None:
        if not self._unwritten:
            return
        try:
            written = os.write(self._master, self._unwritten)
        except BlockingIOError:
            return
        except OSError:
            written = len(self._unwritten)
        del self._unwritten[:written]

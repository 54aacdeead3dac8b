"""Transports of a session: a serial port, or a line in memory with a simulated clock."""

import contextlib
import errno
import logging
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import serial

from training.bundle.errors import LinkError

log = logging.getLogger("vigil.link")
"""At level DEBUG, it logs every byte in both directions."""

BAUD_RATE = 115200
"""Ignored by USB. At 1200 baud, an Arduino would restart into its bootloader."""


class PortLostError(LinkError):
    """An open port vanished."""


class Hex:
    """Bytes that are formatted only when a log record is written."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __str__(self) -> str:
        return f"{len(self.data):4d}  {self.data.hex(' ')}"


class Transport(Protocol):
    """A line to the board, and the clock for its timeouts."""

    name: str

    def now(self) -> float:
        """Return the time in seconds, on a clock that never goes back."""

    def read(self, timeout: float) -> bytes:
        """Return the received bytes; wait up to `timeout` seconds for the first.

        Raises:
            PortLostError: the port vanished.
        """

    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            PortLostError: the port vanished, or accepts no bytes.
        """

    def close(self) -> None:
        """Close the port. A second call has no effect."""


class SerialTransport:
    """A serial port, opened exclusively with pyserial.

    Args:
        port: ``/dev/ttyACM0``, ``COM3``, or a pseudo-terminal.
        write_timeout: seconds within which the port must accept written bytes.

    Raises:
        LinkError: the port does not exist, is busy or may not be opened; the message says which.
    """

    def __init__(self, port: str, *, write_timeout: float = 2.0) -> None:
        self.name, self._write_timeout = port, write_timeout
        try:
            # Exclusive: a second monitor gets an error instead of half of the bytes.
            self._serial = serial.Serial(
                port, BAUD_RATE, timeout=0, write_timeout=write_timeout, exclusive=True
            )
        except Exception as error:  # a port that vanishes meanwhile: termios.error, not on Windows
            raise LinkError(explain_open(port, error)) from error

    def now(self) -> float:
        return time.monotonic()

    def read(self, timeout: float) -> bytes:
        try:
            if os.name == "posix":  # one system call to wait for the first byte
                if not self._ready(select.POLLIN, timeout):
                    return b""
                data = os.read(self._serial.fileno(), 65536)
                if not data:
                    raise PortLostError(f"{self.name}: the other side closed the port")
            else:
                data = self._read_polling(timeout)
        except (serial.SerialException, OSError, TypeError, ValueError) as error:
            raise PortLostError(f"{self.name}: the port vanished ({error})") from error
        if data:
            log.debug("%s < %s", self.name, Hex(data))
        return data

    def _ready(self, event: int, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the event of poll(), which takes any descriptor.

        select(), and so pyserial's `write`, takes none from 1,024 on.
        """
        poll = select.poll()
        poll.register(self._serial.fileno(), event)
        return bool(poll.poll(max(1000 * timeout, 0)))

    def _read_polling(self, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        while True:
            data = bytes(self._serial.read(max(1, self._serial.in_waiting)))
            if data or time.monotonic() >= deadline:
                return data
            time.sleep(0.001)

    def write(self, data: bytes) -> None:
        log.debug("%s > %s", self.name, Hex(data))
        try:
            if os.name == "posix":
                self._write(data)
            else:
                self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise PortLostError(
                f"{self.name}: the port accepts no bytes: unplug the board and plug it in again"
            ) from error
        except (serial.SerialException, OSError, TypeError, ValueError) as error:
            raise PortLostError(f"{self.name}: the port vanished ({error})") from error

    def _write(self, data: bytes) -> None:
        until = time.monotonic() + self._write_timeout
        while data:
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self._serial.fileno(), data) :]
            if data and not self._ready(select.POLLOUT, until - time.monotonic()):
                raise serial.SerialTimeoutException

    def close(self) -> None:
        self._serial.close()


def explain_open(port: str, error: Exception) -> str:
    """Return one line with the cause and the remedy for a port that could not be opened."""
    code = getattr(error, "errno", None)
    text = str(error)
    if code == errno.ENOENT or "FileNotFoundError" in text:
        return f"{port}: there is no such port; is the board plugged in? `vigil boards` lists ports"
    if code in (errno.EACCES, errno.EPERM) or "PermissionError" in text:
        group = _group_of(port)
        if group == "root":  # not a group to join
            return f"{port}: no permission: install PlatformIO's udev rules and replug the board"
        return (
            f"{port}: no permission: sudo usermod -a -G {group} $USER, then log in again "
            "(or install PlatformIO's udev rules)"
        )
    if code in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in text:
        return (
            f"{port}: busy: close the other monitor or the Arduino IDE. If none is open, "
            "ModemManager may be probing: wait some seconds, or sudo systemctl stop ModemManager"
        )
    return f"{port}: cannot be opened as a serial port ({text})"


def _group_of(port: str) -> str:
    try:
        return Path(port).group()
    except (OSError, KeyError, NotImplementedError):
        return "dialout"


class MemoryTransport:
    """A line in memory to `peer`, with a clock that advances only when the session reads.

    Args:
        peer: called with the written bytes and the time in seconds; returns received bytes.
        step: seconds between two calls.
    """

    def __init__(self, peer: Callable[[bytes, float], bytes], *, step: float = 0.0005) -> None:
        self.name = "memory"
        self._peer = peer
        self._step = step
        self._now = 0.0
        self._written = bytearray()
        self._closed = False

    def now(self) -> float:
        return self._now

    def read(self, timeout: float) -> bytes:
        deadline = self._now + timeout
        while True:
            written, self._written = bytes(self._written), bytearray()
            data = self._peer(written, self._now)
            self._now += self._step
            if data:
                log.debug("%s < %s", self.name, Hex(data))
            if data or self._now >= deadline:
                return data

    def write(self, data: bytes) -> None:
        if self._closed:
            raise PortLostError(f"{self.name}: closed")
        log.debug("%s > %s", self.name, Hex(data))
        self._written += data

    def close(self) -> None:
        self._closed = True

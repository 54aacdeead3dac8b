"""What a session sends its bytes through: a serial port, or a callable with a clock of its own."""

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
"""At DEBUG: every byte, both ways."""

BAUD_RATE = 115200
"""USB ignores it. At 1200 an Arduino would restart into its bootloader."""


class PortLostError(LinkError):
    """The port was there and is not any more."""


class Hex:
    """Bytes that are formatted only if the log record is."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __str__(self) -> str:
        return f"{len(self.data):4d}  {self.data.hex(' ')}"


class Transport(Protocol):
    """A line to the board, and the clock that its timeouts are measured with."""

    name: str

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def read(self, timeout: float) -> bytes:
        """What has come; waits up to `timeout` seconds for the first byte.

        Raises:
            PortLostError: the port vanished.
        """
        ...

    def write(self, data: bytes) -> None:
        """Sends all of `data`.

        Raises:
            PortLostError: the port vanished, or does not take what is written.
        """
        ...

    def close(self) -> None:
        """Gives the port back. Closing twice does no harm."""
        ...


class SerialTransport:
    """A serial port by pyserial, for this program alone.

    Args:
        port: ``/dev/ttyACM0``, ``COM3``, or a pseudo-terminal.
        write_timeout: seconds in which the port must take what is written.

    Raises:
        LinkError: the port is not there, is busy or must not be opened; the message says which.
    """

    def __init__(self, port: str, *, write_timeout: float = 2.0) -> None:
        self.name = port
        try:
            # Exclusive, so that a second monitor is told, instead of stealing half the bytes.
            self._serial = serial.Serial(
                port, BAUD_RATE, timeout=0, write_timeout=write_timeout, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise LinkError(explain_open(port, error)) from error

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def read(self, timeout: float) -> bytes:
        """See `Transport.read`."""
        try:
            if os.name == "posix":  # one system call to wait for the first byte
                ready, _, _ = select.select([self._serial.fileno()], [], [], max(timeout, 0.0))
                if not ready:
                    return b""
                data = os.read(self._serial.fileno(), 65536)
                if not data:
                    raise PortLostError(f"{self.name}: the port was closed at the other end")
            else:
                data = self._read_polling(timeout)
        except (serial.SerialException, OSError, TypeError, ValueError) as error:
            raise PortLostError(f"{self.name}: the port vanished ({error})") from error
        if data:
            log.debug("%s < %s", self.name, Hex(data))
        return data

    def _read_polling(self, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        while True:
            data = bytes(self._serial.read(max(1, self._serial.in_waiting)))
            if data or time.monotonic() >= deadline:
                return data
            time.sleep(0.001)

    def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        log.debug("%s > %s", self.name, Hex(data))
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise PortLostError(
                f"{self.name}: the port takes nothing any more; unplug the board and plug it in"
            ) from error
        except (serial.SerialException, OSError, TypeError, ValueError) as error:
            raise PortLostError(f"{self.name}: the port vanished ({error})") from error

    def close(self) -> None:
        """See `Transport.close`."""
        self._serial.close()


def explain_open(port: str, error: Exception) -> str:
    """One line that says why `port` could not be opened and what to do."""
    code = getattr(error, "errno", None)
    text = str(error)
    if code == errno.ENOENT or "FileNotFoundError" in text:
        return f"{port}: there is no such port; is the board plugged in? `vigil boards` lists them"
    if code in (errno.EACCES, errno.EPERM) or "PermissionError" in text:
        group = _group_of(port)
        if group == "root":  # nobody should join that one
            return f"{port}: no permission: install PlatformIO's udev rules, then plug it in again"
        return (
            f"{port}: no permission: sudo usermod -a -G {group} $USER, then log in again "
            "(or install PlatformIO's udev rules)"
        )
    if code in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in text:
        return (
            f"{port}: busy: close the other monitor or the Arduino IDE; if there is none, "
            "ModemManager may be probing it: wait some seconds, or sudo systemctl stop ModemManager"
        )
    return f"{port}: cannot be opened as a serial port ({text})"


def _group_of(port: str) -> str:
    try:
        return Path(port).group()
    except (OSError, KeyError, NotImplementedError):
        return "dialout"


class MemoryTransport:
    """A line in memory to `peer`, on a clock that moves only when the session reads.

    Args:
        peer: called with what was written and the time in seconds, returns what comes back.
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
        """Seconds that have passed in `read`."""
        return self._now

    def read(self, timeout: float) -> bytes:
        """See `Transport.read`."""
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
        """See `Transport.write`."""
        if self._closed:
            raise PortLostError(f"{self.name}: closed")
        log.debug("%s > %s", self.name, Hex(data))
        self._written += data

    def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True


Opener = Callable[[], Transport]
"""Opens the line again after it was lost."""

"""The emulated board's serial port: a pseudo-terminal for the host, connected to QEMU's UART.

QEMU's UART accepts bytes from the host singly, about ten thousand per second. Bytes for the board
therefore go through a ring in shared memory, which the board reads by semihosting; a single byte on
the UART, the bell, interrupts the board. Bytes from the board come from the UART itself.
"""

import contextlib
import mmap
import os
import select
import socket
import struct
import threading
import time

_CHUNK = 4096
_GATHER_S = 0.0002  # pause that lets several bytes from the board gather
_FULL_S = 0.0005  # interval of checks while the ring is full
_AGAIN_S = 0.02  # time until the bell rings again for bytes that were not read

# Layout of the shared memory, as in the emulated board's host_ring.cpp. Each count is followed by
# its bitwise inverse, so that a reader notices a count that is being written.
_PUT, _TAKEN, _RING = 0, 8, 16
_RING_BYTES = 4096
_ALL = 0xFFFFFFFF


class SerialBridge:
    """Moves bytes between a pseudo-terminal and an emulated UART, in two threads.

    Attributes:
        port: path of the pseudo-terminal that the host opens.
        qemu_end: socket that QEMU uses as the UART.
        memory: descriptor of the shared memory, for QEMU.
    """

    def __init__(self) -> None:
        # POSIX only: imported here, so that everything else runs on Windows.
        import pty
        import tty

        # The open slave keeps the master alive while no client is connected.
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self._uart, self.qemu_end = socket.socketpair()
        self._uart.setblocking(False)
        self.memory = os.memfd_create("serial")
        os.ftruncate(self.memory, _RING + _RING_BYTES)
        self._shared = mmap.mmap(self.memory, _RING + _RING_BYTES)
        self._set(_PUT, 0)
        self._set(_TAKEN, 0)
        self._stop_reader, self._stop_writer = os.pipe()
        self._threads = [
            threading.Thread(target=self._to_board, name="serial to board", daemon=True),
            threading.Thread(target=self._from_board, name="serial from board", daemon=True),
        ]

    def start(self) -> None:
        """Start moving bytes. QEMU must have inherited its end before."""
        self.qemu_end.close()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop and close the port: to a client, the board is unplugged."""
        os.write(self._stop_writer, b"x")
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._uart.close()
        self.qemu_end.close()
        self._shared.close()
        for descriptor in (
            self._master,
            self._slave,
            self.memory,
            self._stop_reader,
            self._stop_writer,
        ):
            os.close(descriptor)

    def _to_board(self) -> None:
        put = 0
        while self._wait(
            reading=self._master, timeout_s=_AGAIN_S if put != self._taken() else None
        ):
            if put != self._taken():
                self._ring()  # in case the board missed the last bell
            data = _read(self._master)
            while data:
                free = _RING_BYTES - (put - self._taken() & _ALL)
                if free == 0:
                    self._ring()
                    if not self._wait(timeout_s=_FULL_S):
                        return
                    continue
                start = put % _RING_BYTES
                piece = data[: min(free, _RING_BYTES - start)]
                self._shared[_RING + start : _RING + start + len(piece)] = piece
                put = put + len(piece) & _ALL
                self._set(_PUT, put)
                data = data[len(piece) :]
                self._ring()

    def _taken(self) -> int:
        """Return the number of bytes that the board has read so far, modulo 2^32."""
        while True:
            value, inverse = struct.unpack_from("<II", self._shared, _TAKEN)
            if value == inverse ^ _ALL:
                return int(value)

    def _set(self, offset: int, value: int) -> None:
        struct.pack_into("<II", self._shared, offset, value, value ^ _ALL)

    def _ring(self) -> None:
        """Ring the bell. QEMU accepts no second one while the first is under way."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._uart.send(b"\0")

    def _from_board(self) -> None:
        while self._wait(reading=self._uart.fileno()):
            try:
                data = self._uart.recv(_CHUNK)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                return
            if not data:
                return
            while data:
                if not self._wait(writing=self._master):
                    return
                data = data[_write(self._master, data) :]
            time.sleep(_GATHER_S)

    def _wait(
        self,
        reading: int | None = None,
        writing: int | None = None,
        timeout_s: float | None = None,
    ) -> bool:
        """Wait until a descriptor is ready or the time is up; return False after close()."""
        poll = select.poll()  # unlike select(), it takes any descriptor
        poll.register(self._stop_reader, select.POLLIN)
        if reading is not None:
            poll.register(reading, select.POLLIN)
        if writing is not None:
            poll.register(writing, select.POLLOUT)
        ready = poll.poll(None if timeout_s is None else 1000 * timeout_s)
        return all(descriptor != self._stop_reader for descriptor, _ in ready)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return b""


def _write(descriptor: int, data: bytes) -> int:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0

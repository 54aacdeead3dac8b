"""Finds a board's serial port by its USB id."""

import contextlib
import time
from dataclasses import dataclass

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from tools.boards.catalogue import Board, load_boards
from training.bundle.errors import BoardError

_TRIES, _PAUSE_S = 5, 0.02


@dataclass(frozen=True)
class Port:
    """The serial port of a plugged-in board."""

    path: str  # device file
    board: Board  # the board
    serial_number: str  # USB serial number; empty if the board has none


def find_ports() -> list[Port]:
    """Return the ports of all plugged-in boards, sorted by path."""
    boards = {usb_id: board for board in load_boards().values() for usb_id in board.usb_ids}
    ports = [
        Port(entry.device, boards[entry.vid, entry.pid], entry.serial_number or "")
        for entry in _entries()
        if (entry.vid, entry.pid) in boards
    ]
    return sorted(ports, key=lambda port: port.path)


def _entries() -> list[ListPortInfo]:
    """Return all serial ports."""
    for _ in range(_TRIES):
        # pyserial fails on a device that is unplugged while it reads the device's properties.
        with contextlib.suppress(TypeError):
            return list(list_ports.comports())
        time.sleep(_PAUSE_S)
    return []


def serial_number(path: str) -> str:
    """Return the USB serial number of the device at a port; empty if it has none."""
    return next((e.serial_number or "" for e in _entries() if e.device == path), "")


def path_of(number: str) -> str | None:
    """Return the port of the device with a USB serial number; None if it is not plugged in."""
    return next((e.device for e in _entries() if e.serial_number == number), None)


def find_port(board: Board | None = None) -> Port:
    """Return the port of the plugged-in board, which must be a `board` if one is given.

    Raises:
        BoardError: no such board is plugged in, or several are.
    """
    what = "board" if board is None else board.name
    ports = [port for port in find_ports() if board is None or port.board == board]
    if not ports:
        raise BoardError(
            f"no {what} found on USB: plug it in (with a cable that carries data), "
            "name its port with --port, or use the emulated board"
        )
    if len(ports) > 1:
        names = ", ".join(f"{port.path} ({port.board.name})" for port in ports)
        raise BoardError(f"several boards found: choose one with --port: {names}")
    return ports[0]

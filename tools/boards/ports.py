"""Finding a board's serial port, by USB id."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

import serial
from serial.tools import list_ports

from tools.boards.catalogue import Board, load_boards
from training.errors import BoardError

BAUD_RATE = 115200
"""USB ignores it, with one exception: see open_port()."""


@dataclass(frozen=True)
class Port:
    """A serial port behind which a board of the catalogue is.

    Attributes:
        path: device file.
        board: the board.
        serial_number: the USB serial number, or an empty text.
    """

    path: str
    board: Board
    serial_number: str


def find_ports() -> list[Port]:
    """Return the ports of all boards that are plugged in, by path."""
    boards = {usb_id: board for board in load_boards().values() for usb_id in board.usb_ids}
    ports = [
        Port(entry.device, boards[entry.vid, entry.pid], entry.serial_number or "")
        for entry in list_ports.comports()
        if (entry.vid, entry.pid) in boards
    ]
    return sorted(ports, key=lambda port: port.path)


def find_port(board: Board | None = None) -> Port:
    """Return the one port that is plugged in, of `board` if one is given.

    Raises:
        BoardError: none, or several.
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


def open_port(path: str, timeout_s: float | None = 0.1) -> serial.Serial:
    """Open a serial port for this process alone, at 115200 baud.

    The rate is no parameter: opening a Nano's port at 1200 baud starts its bootloader.

    Raises:
        BoardError: no such port, another program has it, or no permission; with what to do.
    """
    try:
        return serial.Serial(path, BAUD_RATE, timeout=timeout_s, exclusive=True)
    except serial.SerialException as error:
        raise BoardError(_explain(path, error)) from error


def _explain(path: str, error: serial.SerialException) -> str:
    """One line: what is wrong with a port, and what to do."""
    code = error.errno
    if code == errno.ENOENT or not Path(path).exists():
        return f"{path}: no such port: was the board unplugged? `vigil board` lists what is there"
    if code == errno.EACCES or not os.access(path, os.R_OK | os.W_OK):
        return (
            f"{path}: no permission: sudo usermod -a -G dialout $USER, then log in again "
            "(or install PlatformIO's udev rules)"
        )
    if code in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return (
            f"{path}: busy: close the other monitor; if there is none, ModemManager may be "
            "probing it: wait some seconds, or sudo systemctl stop ModemManager"
        )
    return f"{path}: {error}"

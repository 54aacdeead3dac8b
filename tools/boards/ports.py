"""Serial ports with a board behind them, found by USB id."""

from __future__ import annotations

from dataclasses import dataclass

from serial.tools import list_ports

from tools.boards.catalogue import Board, load_boards
from training.errors import BoardError


@dataclass(frozen=True)
class Port:
    """A serial port and the board that its USB id belongs to."""

    device: str  # "/dev/ttyACM0"
    board: Board
    serial_number: str | None


def find_ports(board: Board | None = None) -> list[Port]:
    """Ports where `board`, or any board of the catalogue, is plugged in; sorted by device."""
    rows = [board] if board is not None else list(load_boards().values())
    by_id = {usb_id: row for row in rows for usb_id in row.usb_ids}
    found = [
        Port(info.device, by_id[info.vid, info.pid], info.serial_number)
        for info in list_ports.comports()
        if (info.vid, info.pid) in by_id
    ]
    return sorted(found, key=lambda port: port.device)


def find_port(board: Board) -> str:
    """The one port where `board` is plugged in; BoardError if there is none, or several."""
    ports = find_ports(board)
    if not ports:
        raise BoardError(
            f"no {board.name} is plugged in: connect it (press its reset button twice if its light "
            "is off), or name the port with --port"
        )
    if len(ports) > 1:
        names = ", ".join(port.device for port in ports)
        raise BoardError(f"several boards are plugged in ({names}): choose one with --port")
    return ports[0].device

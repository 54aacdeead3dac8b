"""The message about a board that runs another model than the bundle's."""

from __future__ import annotations

from pathlib import Path

from tools.boards.catalogue import load_boards
from tools.boards.sensors import key_of_sensor
from tools.checkout import shown
from tools.link.messages import HelloReply
from tools.link.session import Session
from training.bundle import Bundle
from training.bundle.validation import brief
from training.bundle.wording import argument


def other_model(session: Session, bundle: Bundle, board: HelloReply, sensor: str = "") -> str:
    """Return one line: which model the board runs, and the command that flashes the bundle.

    Args:
        board: the board's description of itself.
        sensor: name of the sensor that the board samples; empty: none.
    """
    runs, wanted = brief(board.model), bundle.manifest.name
    if runs == wanted:
        runs, wanted = f"{runs} {board.model_hash.hex()[:8]}", bundle.hash8.hex()[:8]
    remedy = _remedy(session.port, shown(bundle.path), board, sensor)
    return f"the board runs {runs}, not {wanted}: {remedy}"


def _remedy(port: str, bundle: Path, board: HelloReply, sensor: str) -> str:
    row, key = load_boards().get(board.board), key_of_sensor(sensor)
    if row is not None and row.emulated:
        return f"start `vigil board {argument(bundle)}`"
    options = f" --board {row.id}" if row is not None else ""
    options += f" --sensor {key}" if key is not None else ""
    return f"`vigil flash {argument(bundle)}{options} --port {port}`"

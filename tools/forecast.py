"""Whether a recipe's model can fit a board, said before it is trained."""

from __future__ import annotations

from tools.boards.catalogue import Board
from tools.convert.model import read_model
from tools.convert.tflm import arena_bytes
from training.errors import BudgetError
from training.estimate import Estimate


def check(name: str, estimate: Estimate, board: Board) -> str:
    """A line with the estimate beside the board's limits; BudgetError if it cannot fit.

    Flash is the flatbuffer's, SRAM the arena that the TensorFlow Lite Micro engine sets aside;
    the program's own share comes on top of both, and the build has the last word.
    """
    arena = arena_bytes(read_model(estimate.model), estimate.model)
    told = (
        f"{name}: about {estimate.model_bytes:,} bytes of flash and {arena:,} of arena for the "
        f"model; {board.name} has {board.flash_bytes:,} and {board.sram_bytes:,}"
    )
    if estimate.model_bytes >= board.flash_bytes:
        raise BudgetError(f"{told}: it cannot fit; choose smaller layers, or another board")
    if arena >= board.sram_bytes:
        raise BudgetError(
            f"{told}: it cannot fit; choose a shorter window or fewer filters, or another board"
        )
    return told

"""What a running board says of its stack, its working memory and its time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.link.messages import TickUnit
from tools.link.session import Session
from tools.measure.budget.budget import Measured

_STREAM = 0x62756467  # nobody else's


def measured_on(port: str, frames: NDArray[np.int16] | None = None) -> Measured:
    """Ask the board on `port`, after streaming int16 [n, channels] to it if given.

    Streaming makes the stack's high-water mark that of work, not only of start-up. Instructions
    are those of one inference, where the board counts instructions (the emulated one does).
    Raises LinkError if no board answers.
    """
    with Session.open(port) as session:
        if frames is not None:
            session.start(_STREAM if session.board.stream != _STREAM else _STREAM + 1)
            for _ in session.stream(frames):
                pass
        boot = session.boot_report()
        counts = boot.tick_unit == TickUnit.EMULATED_INSTRUCTIONS
        return Measured(
            source=session.board.board,
            stack_used=boot.stack_used,
            arena_used=boot.arena_used,
            instructions=boot.ticks if counts else None,
        )

"""Stack, working memory and instructions, as a running board reports them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.boards.emulated import EmulatedBoard, board_of_image
from tools.link.messages import TickUnit
from tools.link.session import Session
from tools.measure.budget.budget import Measured
from tools.measure.estimate import count_functions
from training.bundle import Bundle

_STREAM = 0x62756467  # a stream number that no other command uses


def measured_emulated(elf: Path, bundle: Bundle) -> Measured:
    """Boot `elf` on the emulated board, stream the golden windows, and read its report.

    The instructions of each function are counted separately, in the Unicorn engine, for the
    Cortex-M4 alone.
    """
    golden = bundle.golden
    frames = golden.counts.reshape(-1, golden.counts.shape[-1])
    with EmulatedBoard(elf, deterministic=True) as board:
        measured = measured_on(board.port, frames)
    if board_of_image(elf).core != "cortex-m4":
        return measured
    return replace(measured, functions=count_functions(elf, golden.input, golden.output))


def measured_on(port: str, frames: NDArray[np.int16] | None = None) -> Measured:
    """Read the boot report of the board on `port`.

    `frames` int16 [n, channels] are streamed first, so that the stack's high-water mark covers
    inferences and not only start-up. The instruction count is that of one inference; it is None
    where the board counts cycles.

    Raises:
        LinkError: no board answers.
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

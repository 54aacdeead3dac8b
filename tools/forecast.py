"""Whether a recipe's model can fit a board, said before it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from tools.boards.catalogue import Board
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.convert.tflm import arena_bytes
from training.errors import BudgetError, ConvertError
from training.estimate import Estimate


@dataclass(frozen=True)
class Need:
    """What a model takes of a board with one engine, bytes, without the program's own share."""

    engine: str
    flash: int  # the flatbuffer, or the compiled engine's weights and tables
    arena: int  # of static SRAM: what TensorFlow Lite Micro sets aside, or the activations


def needs(model: bytes, name: str = "model") -> tuple[Need, ...]:
    """What a flatbuffer takes with each engine; the compiled one only if it carries the model."""
    graph = read_model(model)
    found = [Need("tflm", len(model), arena_bytes(graph, model))]
    try:
        plan = make_plan(graph, name)
    except ConvertError:
        return tuple(found)
    constants = sum(step.constant_bytes() for step in plan.steps)
    return (*found, Need("compiled", constants, plan.memory.arena_bytes))


def check(name: str, estimate: Estimate, board: Board) -> str:
    """A line with the estimate beside the board's limits; BudgetError if no engine can fit it.

    The program's own share comes on top of both figures, and the build has the last word.
    """
    found = needs(estimate.model, name)
    told = "; ".join(f"{n.engine} engine {n.flash:,} and {n.arena:,}" for n in found)
    line = (
        f"{name}: about so many bytes of flash and of arena for the model: {told}; {board.name} "
        f"has {board.flash_bytes:,} and {board.sram_bytes:,}"
    )
    fits = [n for n in found if n.flash < board.flash_bytes and n.arena < board.sram_bytes]
    if fits:
        if len(fits) < len(found):
            line += f"; it fits with the {' and '.join(n.engine for n in fits)} engine alone"
        return line
    if all(n.flash >= board.flash_bytes for n in found):
        raise BudgetError(f"{line}: it cannot fit; choose smaller layers, or another board")
    raise BudgetError(
        f"{line}: it cannot fit; choose a shorter window or fewer filters, or another board"
    )

"""What a recipe's image will take of a board, said before the model is trained.

The model's constants and working memory are computed from an untrained model of the same shape;
the buffers follow from window, channels and rate (firmware/lib/app/app.h). The program's own share
was measured on images of the emulated board (gcc 12.2, -Os), and a test holds the sums to built
images.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.boards.catalogue import Board
from tools.convert.emit import GOLDEN_ON_BOARD
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.convert.tflm import arena_bytes, tflm_model
from training.bundle.errors import BudgetError, ConvertError
from training.model_size import ModelSize


@dataclass(frozen=True)
class Bytes:
    """A share of both memories."""

    flash: int
    sram: int

    def __add__(self, other: Bytes) -> Bytes:
        return Bytes(self.flash + other.flash, self.sram + other.sram)


# Measured: link, signal, detector, sampler and sketch, without the buffers below.
PROGRAM = Bytes(12_100, 1_780)
# Measured: core, C library, start-up and a stack of 32,768 bytes.
EMULATED = Bytes(9_350, 34_540)
# Not measured here: an empty sketch on mbed, by one user's build; stack and C library inside.
MBED = Bytes(83_000, 41_000)
# Measured: an engine without any operator, and what operators add in code.
ENGINE = {"compiled": Bytes(1_500, 0), "tflm": Bytes(25_100, 360)}
COMPILED_OPERATOR = 300
TFLM_OPERATORS = {
    "CONV_2D": 12_300,
    "FULLY_CONNECTED": 6_000,
    "LEAKY_RELU": 1_240,
    "LOGISTIC": 4_300,
    "MAX_POOL_2D": 2_050,
    "RESHAPE": 930,
    "RESIZE_NEAREST_NEIGHBOR": 1_750,
    "TRANSPOSE_CONV": 5_000,
}
TFLM_OPERATOR = 2_000  # of one that is not in the table


@dataclass(frozen=True)
class Need:
    """What a model takes of a board with one engine, bytes, without the program's own share."""

    engine: str
    flash: int  # the flatbuffer, or the compiled engine's weights and tables
    arena: int  # of static SRAM: what TensorFlow Lite Micro sets aside, or the activations


def needs(model: bytes, name: str = "model") -> tuple[Need, ...]:
    """What a flatbuffer takes with each engine that carries it; ConvertError if none does."""
    graph = read_model(model)
    found, refusals = [], []
    try:
        tflm_model(graph, model, name)
        found.append(Need("tflm", len(model), arena_bytes(graph, model)))
    except ConvertError as problem:
        refusals.append(problem)
    try:
        plan = make_plan(graph, name)
        constants = sum(step.constant_bytes() for step in plan.steps)
        found.append(Need("compiled", constants, plan.memory.arena_bytes))
    except ConvertError as problem:
        refusals.append(problem)
    if not found:
        raise refusals[-1]
    return tuple(found)


def buffers(window: int, channels: int, rate_hz: float | None) -> Bytes:
    """Golden windows in flash; in SRAM a window's counts, input and output, and the ring of the
    board's own samples: two windows and a second, with a tick and a gap each."""
    size = window * channels
    frames = 2 * window + int(rate_hz) if rate_hz else 1
    return Bytes(GOLDEN_ON_BOARD * 4 * size, 4 * size + frames * (2 * channels + 5))


def image(need: Need, estimate: ModelSize, board: Board) -> Bytes:
    """What the whole image takes, the platform's share included."""
    code = (
        sum(TFLM_OPERATORS.get(name, TFLM_OPERATOR) for name in estimate.operators)
        if need.engine == "tflm"
        else COMPILED_OPERATOR * len(estimate.operators)
    )
    return (
        Bytes(need.flash + code, need.arena)
        + ENGINE[need.engine]
        + buffers(estimate.window, estimate.channels, estimate.rate_hz)
        + PROGRAM
        + (EMULATED if board.emulated else MBED)
    )


def check(name: str, estimate: ModelSize, board: Board) -> str:
    """A line with the forecast beside the board's limits; BudgetError if no engine's image fits.

    The build has the last word.
    """
    found = {n.engine: image(n, estimate, board) for n in needs(estimate.model, name)}
    told = "; ".join(f"{e} engine {b.flash:,} and {b.sram:,}" for e, b in found.items())
    line = (
        f"{name}: about so many bytes of flash and of SRAM for the image: {told}; {board.name} "
        f"has {board.flash_bytes:,} and {board.sram_bytes:,}"
    )
    if not board.emulated:
        line += (
            f" (of the image {MBED.flash:,} and {MBED.sram:,} are the Arduino framework's, by one "
            "user's build of an empty sketch)"
        )
    fits = [
        e for e, b in found.items() if b.flash <= board.flash_bytes and b.sram <= board.sram_bytes
    ]
    if fits:
        if len(fits) < len(found):
            line += f"; it fits with the {' and '.join(fits)} engine alone"
        return line
    if all(b.flash > board.flash_bytes for b in found.values()):
        raise BudgetError(f"{line}: it cannot fit; choose smaller layers, or another board")
    raise BudgetError(
        f"{line}: it cannot fit; choose a shorter window or fewer filters, or another board"
    )

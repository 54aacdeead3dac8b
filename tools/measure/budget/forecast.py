"""Forecast of an image's flash and SRAM before its model is trained.

The model's constants and working memory come from an untrained model of the same shape; the buffers
follow from window, channels and rate (firmware/lib/app/app.h). The program's own share was measured
on images of the emulated board (gcc 12.2, -Os), and the framework's is in boards.toml. A test
compares the sums with built images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.boards.catalogue import Board
from tools.convert.emit import GOLDEN_ON_BOARD
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.convert.tflm import arena_bytes, tflm_model
from training.bundle.errors import BudgetError, ConvertError

if TYPE_CHECKING:
    from training.model_size import ModelSize


@dataclass(frozen=True)
class Bytes:
    """A share of both memories."""

    flash: int
    sram: int

    def __add__(self, other: Bytes) -> Bytes:
        return Bytes(self.flash + other.flash, self.sram + other.sram)


# Measured: link, signal, detector, sampler and sketch, without the buffers of buffers().
PROGRAM = Bytes(12_100, 1_780)
# Measured: an engine without operators, and the code that each operator adds.
ENGINE = {"compiled": Bytes(1_500, 0), "tflm": Bytes(25_100, 360)}
FEATURES = Bytes(2_600, 0)  # measured: all statistics and the spectrum
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
TFLM_OPERATOR = 2_000  # for an operator that is not in the table


@dataclass(frozen=True)
class Need:
    """Bytes that a model takes with one engine, without the program's own share."""

    engine: str
    flash: int  # the flatbuffer, or the compiled engine's weights and tables
    arena: int  # static SRAM: TensorFlow Lite Micro's arena, or the activations
    # instructions of one inference on a Cortex-M4 with DSP (Plan.instructions); None: not known
    instructions: float | None = None


def needs(model: bytes, name: str = "model") -> tuple[Need, ...]:
    """Compute the need of a flatbuffer with each engine that can run it.

    Raises:
        ConvertError: no engine can.
    """
    graph = read_model(model)
    fits, refusals = [], []
    try:
        tflm_model(graph, model, name)
        fits.append(Need("tflm", len(model), arena_bytes(graph, model)))
    except ConvertError as problem:
        refusals.append(problem)
    try:
        plan = make_plan(graph, name)
        arena = plan.memory.arena_bytes
        fits.append(Need("compiled", plan.constant_bytes, arena, plan.instructions))
    except ConvertError as problem:
        refusals.append(problem)
    if not fits:
        raise refusals[-1]
    return tuple(fits)


def buffers(size: ModelSize, arena: int, board: Board) -> Bytes:
    """Compute the share of the buffers, and of a spectrum's tables, of an image without a sensor.

    Flash holds the counts of the golden windows. SRAM holds counts, input and output of one window,
    and the values of the transform. The emulated board plays recordings, so it also has the sample
    ring: two windows and one second, each sample with its tick and gap flag, or as many as half of
    the free SRAM holds. `arena` is TensorFlow Lite Micro's.
    """
    counts = 2 * size.window * size.channels
    points = size.transform_points
    tables = 2 * size.window + 3 * points // 2 if points else 0
    sram = counts + size.inputs + size.outputs + 4 * points
    frame = 2 * size.channels + 5
    frames = 1
    if size.rate_hz and board.emulated:
        left = board.sram_bytes - (board.framework_sram or 0) - arena - sram
        frames = max(16, min(2 * size.window + int(size.rate_hz), left // 2 // frame))
    return Bytes(GOLDEN_ON_BOARD * counts + tables, sram + frames * frame)


def framework(board: Board) -> Bytes:
    """The share of an empty sketch; 0 where the catalogue has no figure."""
    return Bytes(board.framework_flash or 0, board.framework_sram or 0)


def image(need: Need, estimate: ModelSize, board: Board) -> Bytes:
    """Compute the whole image's share, the framework included."""
    code = (
        sum(TFLM_OPERATORS.get(name, TFLM_OPERATOR) for name in estimate.operators)
        if need.engine == "tflm"
        else COMPILED_OPERATOR * len(estimate.operators)
    )
    return (
        Bytes(need.flash + code, need.arena)
        + ENGINE[need.engine]
        + buffers(estimate, need.arena, board)
        + (FEATURES if estimate.inputs != estimate.window * estimate.channels else Bytes(0, 0))
        + PROGRAM
        + framework(board)
    )


def check(name: str, estimate: ModelSize, board: Board) -> str:
    """Return a line with the forecast beside the board's limits; the build decides in the end.

    Raises:
        BudgetError: the image fits with no engine.
    """
    images = {n.engine: image(n, estimate, board) for n in needs(estimate.model, name)}
    sizes = "; ".join(
        f"{e} engine {b.flash:,} bytes of flash, {b.sram:,} of SRAM" for e, b in images.items()
    )
    line = (
        f"{name}: forecast of the image: {sizes}; {board.name} has {board.flash_bytes:,} and "
        f"{board.sram_bytes:,}"
    )
    if not board.framework_flash or not board.framework_sram:
        line += f" (without the framework: {board.id} has no framework_flash and framework_sram)"
    elif not board.emulated:
        share = framework(board)
        line += f" (the framework's share is {share.flash:,} and {share.sram:,})"
    fits = [
        e for e, b in images.items() if b.flash <= board.flash_bytes and b.sram <= board.sram_bytes
    ]
    if fits:
        if len(fits) < len(images):
            line += f"; it fits with the {' and '.join(fits)} engine alone"
        return line
    if all(b.flash > board.flash_bytes for b in images.values()):
        raise BudgetError(f"{line}: it cannot fit; choose smaller layers, or another board")
    raise BudgetError(
        f"{line}: it cannot fit; choose a shorter window or fewer filters, or another board"
    )

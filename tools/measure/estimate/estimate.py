"""Time and energy of an inference on each board of the catalogue, as ranges."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.boards.catalogue import Board
from tools.convert.hidden_order import MEASURED
from tools.measure.disassembly import demangle
from tools.measure.estimate.cycles import Code, Counts
from tools.measure.estimate.machine import Machine, Trace
from training.bundle.errors import EstimateError

Range = tuple[float, float]
CORE = "cortex-m4"
"""The core, with DSP extension, whose instructions are counted."""

WINDOWS = MEASURED
"""Number of windows that are averaged."""

_BEGIN, _RUN = "_ZN5vigil6engine5begin", "_ZN5vigil6engine3run"


@dataclass(frozen=True)
class On:
    """The estimate for one board; `microjoules` is None where the catalogue has no current."""

    board: str
    name: str
    clock_hz: int
    wait_states: int | None  # None if unknown: then both limits are the model's cycles
    cycles: Range
    milliseconds: Range
    microjoules: Range | None


@dataclass(frozen=True)
class Estimate:
    """The counts of an inference, and its time and energy on boards."""

    model: str
    engine: str
    windows: int  # number of windows averaged
    counts: Counts
    boards: tuple[On, ...]
    left_out: tuple[str, ...] = ()  # boards whose core executes other instructions
    # instructions that the compiled engine's plan predicts; None: another engine
    planned: float | None = None
    # predicted instructions of the stages around the inference, per window, by name
    stages: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the estimate as JSON text that ends with a newline."""
        return json.dumps({"estimate": True, **asdict(self)}, indent=1) + "\n"


def run_inferences(
    elf: Path, inputs: NDArray[np.int8], outputs: NDArray[np.int8]
) -> Iterator[tuple[Machine, Trace]]:
    """Execute engine::run() of `elf` window by window; yield the machine and each call's trace.

    Args:
        elf: an image with an engine.
        inputs: int8 [n, ...].
        outputs: int8 [n, ...], the expected outputs.

    Raises:
        EstimateError: the image computes other outputs, or cannot be read.
    """
    machine = Machine(elf)
    if machine.call(machine.find(_BEGIN)) != 0:
        raise EstimateError(f"{elf}: its engine does not start; build it again")
    run = machine.find(_RUN)
    inputs = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    outputs = np.ascontiguousarray(outputs.reshape(len(outputs), -1))
    target = machine.put(bytes(outputs.shape[1]))
    for row, expected in zip(inputs, outputs, strict=True):
        trace = machine.trace(run, machine.put(row.tobytes()), row.size, target, expected.size)
        if trace.result != 0 or machine.get(target, expected.size) != expected.tobytes():
            computed = np.frombuffer(machine.get(target, expected.size), np.int8)
            raise EstimateError(
                f"{elf}: wrong: {(computed != expected).sum()} of {expected.size} output bytes of "
                "a window differ from the TensorFlow Lite Micro interpreter's; please report it"
            )
        yield machine, trace


def count_inference(elf: Path, inputs: NDArray[np.int8], outputs: NDArray[np.int8]) -> Counts:
    """Return the mean counts of engine::run() in `elf`; see run_inferences()."""
    code = Code(elf)
    return Counts.mean(code.count(trace) for _, trace in run_inferences(elf, inputs, outputs))


def count_functions(
    elf: Path, inputs: NDArray[np.int8], outputs: NDArray[np.int8]
) -> dict[str, int]:
    """Count the first window's instructions by function (demangled), the largest count first.

    See run_inferences().
    """
    machine, trace = next(run_inferences(elf, inputs, outputs))
    by_symbol = machine.by_function(trace)
    readable = demangle(sorted(by_symbol))
    counts: Counter[str] = Counter()
    for name, count in by_symbol.items():
        counts[_short(readable[name])] += count
    return dict(counts.most_common())


def _short(name: str) -> str:
    """Return a demangled name without template arguments, parameters and return type."""
    name = name.replace("(anonymous namespace)::", "")
    while (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    return name.partition("(")[0].split()[-1]


def estimate(
    model: str,
    engine: str,
    counts: Counts,
    windows: int,
    boards: Sequence[Board],
    planned: float | None = None,
    stages: Mapping[str, float] | None = None,
) -> Estimate:
    """Convert the counts of a Cortex-M4 to time and energy on those `boards` that have this core.

    The emulated board is left out: its time is virtual. `planned` is Plan.instructions, and
    `stages` is stage_instructions() of the bundle's chain.
    """
    real = [b for b in boards if not b.emulated]
    same = [b for b in real if b.core == CORE and b.dsp]
    return Estimate(
        model,
        engine,
        windows,
        counts,
        tuple(_on(b, counts) for b in same),
        tuple(b.name for b in real if b not in same),
        planned,
        dict(stages or {}),
    )


def _on(board: Board, counts: Counts) -> On:
    """Estimate from no flash wait up to a wait at each word of code and data from flash."""
    waits = board.wait_states or 0
    slow = counts.cycles + waits * (counts.fetches + counts.flash_reads)
    cycles = (counts.cycles, slow)
    seconds = (cycles[0] / board.clock_hz, cycles[1] / board.clock_hz)
    energy = None
    if board.active_ma is not None and board.supply_v is not None:
        low, high = board.active_ma
        # mA * V * s is mJ.
        energy = (
            low * board.supply_v * seconds[0] * 1000,
            high * board.supply_v * seconds[1] * 1000,
        )
    return On(
        board.id,
        board.name,
        board.clock_hz,
        board.wait_states,
        cycles,
        (seconds[0] * 1000, seconds[1] * 1000),
        energy,
    )

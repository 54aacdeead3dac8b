"""The compiled engine's plan: the kernel calls in their order, and the memory of their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tools.convert.constant_folding import fold_constants
from tools.convert.graph import Model
from tools.convert.hidden_order import hidden_orders
from tools.convert.memory import Memory, lay_out
from tools.convert.operators import kinds
from tools.convert.planner import Planner
from tools.convert.step import Step
from tools.convert.tflm import REGISTERED
from training.bundle.errors import ConvertError

RUN = 17
"""Instructions of engine::run() beside the steps."""

MORE = 1 / 256
"""Share of the instructions that is worth a copy of the kernel's code, or skipped inputs."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Steps in the order in which they run, and the addresses of their values."""

    steps: tuple[Step, ...]
    memory: Memory

    @property
    def constant_bytes(self) -> int:
        """Flash of all weights and tables on a 32-bit board."""
        return sum(step.constant_bytes for step in self.steps)

    @property
    def loops(self) -> bool:
        """Whether the inner code of the paired kernel is the loop, or else the chain."""
        return loops(self.steps)

    @property
    def instructions(self) -> float:
        """Instructions of one inference on a Cortex-M4 with DSP, without executing it.

        They follow from the work of each step (work.py); a test holds them to the count that
        `vigil estimate` makes of emulated images. Where layers skip zeros, the mean over the
        windows by which the order of their units was chosen.
        """
        return self.most_instructions - sum(step.skipped_instructions for step in self.steps)

    @property
    def most_instructions(self) -> float:
        """The instructions of an inference in which nothing is skipped."""
        lookups = [step for step in self.steps if step.function == "look_up"]
        # The compiler inlines a single call, whose loop then takes an instruction less per value.
        inlined = lookups[0].writes[0].bytes if len(lookups) == 1 else 0
        return RUN + _instructions(self.steps) - inlined


def make_plan(
    model: Model,
    where: str,
    *,
    plain: bool = False,
    vectors: bool = False,
    windows: NDArray[np.int8] | None = None,
) -> Plan:
    """Choose kernels and lay out memory.

    Args:
        plain: the portable kernels only.
        vectors: dense layers have the plain kernel: where the core has vectors, it uses them.
        windows: int8 [n, input size], normal windows, by which the paired kernel's layers may skip
            hidden units that are mostly 0.

    Raises:
        ConvertError: in one line with the first operator that the engine cannot run.
    """
    model = fold_constants(model, where)
    start = partial(Planner, model, where, plain, vectors)
    planner = _planned(start())
    if len(set(planner.shifts)) > 1:
        # Each shift is another copy of the paired kernel's code. The first layers could not know
        # what the later ones need: plan again, and prefer the shifts that most layers have.
        common = [shift for shift, _ in Counter(planner.shifts).most_common()]
        planner = _planned(start(shifts=list(common)))
        most = _instructions(planner.steps) * (1 + MORE)
        # A shift after the product suits most layers, for two instructions per four rows.
        for shift in (each for each in common if each[1]):
            other = _planned(start(shifts=[shift, *common]))
            fewer = _copies(other.steps) < _copies(planner.steps)
            if fewer and _instructions(other.steps) <= most:
                planner = other
    if windows is not None and loops(planner.steps) and (orders := hidden_orders(model, windows)):
        ordered = _planned(start(shifts=list(planner.shifts), orders=orders))
        skipped = sum(step.skipped_instructions for step in ordered.steps)
        most = (1 - MORE) * _instructions(planner.steps)
        # The loop alone can skip, and another order may leave other layers to the paired kernel.
        if loops(ordered.steps) and _instructions(ordered.steps) - skipped < most:
            planner = ordered
    for step in planner.steps:
        for value in step.reads:
            if value.tensor >= 0 and model.tensors[value.tensor].data is not None:
                raise ConvertError(
                    f"{where}: {step.report.operator} reads the constant tensor {value.tensor} "
                    "where the compiled engine takes activations only"
                )
    memory = lay_out(planner.steps, planner.views, model.input.index, model.output.index, where)
    return Plan(tuple(planner.steps), memory)


def loops(steps: Sequence[Step]) -> bool:
    """Whether the loop takes fewer cycles than the chain as the paired kernel's inner code."""
    chain, loop = (sum(step.pass_cycles[i] for step in steps) for i in (0, 1))
    return loop < chain


def _instructions(steps: Sequence[Step]) -> float:
    """Instructions of the steps of an inference in which nothing is skipped."""
    looped = loops(steps)
    return sum(step.instructions + step.pass_instructions[looped] for step in steps)


def _copies(steps: Sequence[Step]) -> int:
    """Copies of the paired kernel's code, one for each form."""
    return len(frozenset[str]().union(*(step.shared for step in steps)))


def _planned(planner: Planner) -> Planner:
    """Plan every operator of the planner's model; return the planner."""
    for operator in planner.model.operators:
        kind = kinds().get(operator.name)
        if kind is None or kind.plan is None:
            cure = (
                "not in the compiled engine; build with the tflm engine if it runs this model, or"
            )
            if operator.name not in REGISTERED:
                cure = "in neither engine;"
            raise ConvertError(
                f"{planner.where}: {operator.label} is {cure} use layers that convert to other "
                "operators"
            )
        kind.plan(planner, operator)
    return planner

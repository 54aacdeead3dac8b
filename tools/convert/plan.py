"""The compiled engine's plan: the kernel calls in their order, and the memory of their values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tools.convert.constant_folding import fold_constants
from tools.convert.graph import Model
from tools.convert.memory import Memory, lay_out
from tools.convert.operators import kinds
from tools.convert.planner import Planner
from tools.convert.step import Step
from tools.convert.tflm import REGISTERED
from training.bundle.errors import ConvertError

RUN = 17
"""Instructions of engine::run() beside the steps."""


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
        chain, loop = (sum(step.pass_cycles[i] for step in self.steps) for i in (0, 1))
        return loop < chain

    @property
    def instructions(self) -> float:
        """Instructions of one inference on a Cortex-M4 with DSP, without executing it.

        They follow from the work of each step (work.py); a test holds them to the count that
        `vigil estimate` makes of emulated images.
        """
        loops = self.loops
        lookups = [step for step in self.steps if step.function == "look_up"]
        # The compiler inlines a single call, whose loop then takes an instruction less per value.
        inlined = lookups[0].writes[0].bytes if len(lookups) == 1 else 0
        steps = sum(step.instructions + step.pass_instructions[loops] for step in self.steps)
        return RUN + steps - inlined


def make_plan(model: Model, where: str, *, plain: bool = False, vectors: bool = False) -> Plan:
    """Choose kernels and lay out memory; with `plain`, the portable kernels only.

    With `vectors`, dense layers have the plain kernel: where the core has vectors, it uses them.

    Raises:
        ConvertError: in one line with the first operator that the engine cannot run.
    """
    model = fold_constants(model, where)
    planner = _planned(Planner(model, where, plain, vectors))
    if len(set(planner.shifts)) > 1:
        # Each shift is another copy of the paired kernel's code. The first layers could not know
        # what the later ones need: plan again, and prefer the shifts that most layers have.
        common = [shift for shift, _ in Counter(planner.shifts).most_common()]
        planner = _planned(Planner(model, where, plain, vectors, shifts=common))
    for step in planner.steps:
        for value in step.reads:
            if value.tensor >= 0 and model.tensors[value.tensor].data is not None:
                raise ConvertError(
                    f"{where}: {step.report.operator} reads the constant tensor {value.tensor} "
                    "where the compiled engine takes activations only"
                )
    memory = lay_out(planner.steps, planner.views, model.input.index, model.output.index, where)
    return Plan(tuple(planner.steps), memory)


def _planned(planner: Planner) -> Planner:
    """Plan every operator of the planner's model; return the planner."""
    for operator in planner.model.operators:
        kind = kinds().get(operator.name)
        if kind is None or kind.plan is None:
            cure = "not in the compiled engine; build with the tflm engine, or"
            if operator.name not in REGISTERED:
                cure = "in neither engine;"
            raise ConvertError(
                f"{planner.where}: {operator.label} is {cure} use layers that convert to other "
                "operators"
            )
        kind.plan(planner, operator)
    return planner

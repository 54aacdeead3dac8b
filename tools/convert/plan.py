"""The compiled engine's plan: the kernel calls in their order, and the memory of their values."""

from __future__ import annotations

from dataclasses import dataclass

from tools.convert.constant_folding import fold_constants
from tools.convert.graph import Model
from tools.convert.memory import Memory, lay_out
from tools.convert.operators import kinds
from tools.convert.planner import Planner
from tools.convert.step import Step
from tools.convert.tflm import REGISTERED
from training.bundle.errors import ConvertError


@dataclass(frozen=True, eq=False)
class Plan:
    """Steps in the order in which they run, and the addresses of their values."""

    steps: tuple[Step, ...]
    memory: Memory

    @property
    def constant_bytes(self) -> int:
        """Flash of all weights and tables on a 32-bit board."""
        return sum(step.constant_bytes for step in self.steps)


def make_plan(model: Model, where: str, *, plain: bool = False) -> Plan:
    """Choose kernels and lay out memory; with `plain`, the portable kernels only.

    Raises:
        ConvertError: in one line with the first operator that the engine cannot run.
    """
    model = fold_constants(model, where)
    planner = Planner(model, where, plain)
    for operator in model.operators:
        kind = kinds().get(operator.name)
        if kind is None or kind.plan is None:
            cure = "not in the compiled engine; build with the tflm engine, or"
            if operator.name not in REGISTERED:
                cure = "in neither engine;"
            raise ConvertError(
                f"{where}: {operator.label} is {cure} use layers that convert to other operators"
            )
        kind.plan(planner, operator)
    for step in planner.steps:
        for value in step.reads:
            if value.tensor >= 0 and model.tensors[value.tensor].data is not None:
                raise ConvertError(
                    f"{where}: {step.report.operator} reads the constant tensor {value.tensor} "
                    "where the compiled engine takes activations only"
                )
    memory = lay_out(planner.steps, planner.views, model.input.index, model.output.index, where)
    return Plan(tuple(planner.steps), memory)

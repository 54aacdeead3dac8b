"""The compiled engine's plan: which kernels run in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.convert.dense import PlainDense, read_dense
from tools.convert.lookup import read_look_up
from tools.convert.memory import Memory, lay_out
from tools.convert.model import Model, Operator
from tools.convert.single import UNARY
from tools.convert.step import Step
from training.errors import ConvertError


@dataclass(frozen=True, eq=False)
class Plan:
    """Steps in the order in which they run, and where their values live."""

    steps: tuple[Step, ...]
    memory: Memory


def make_plan(model: Model, where: str) -> Plan:
    """Choose kernels and lay out memory.

    Raises ConvertError, one line, naming the first operator that the engine does not carry.
    """
    steps: list[Step] = []
    same: dict[int, int] = {}  # a RESHAPE's output is its input, in the same memory
    for operator in model.operators:
        if operator.name == "RESHAPE":
            source, target = operator.inputs[0], operator.outputs[0]
            if model.tensors[source].size != model.tensors[target].size:
                raise ConvertError(f"{where}: {operator.place}: it changes the number of values")
            same[target] = same.get(source, source)
            continue
        read = _READERS.get(operator.name)
        if read is None:
            raise ConvertError(
                f"{where}: {operator.place} is not in the compiled engine; "
                "build with the tflm engine, or train another architecture"
            )
        steps += read(model, operator, where)
    memory = lay_out(steps, same, model.input.index, model.output.index, where)
    return Plan(tuple(steps), memory)


def _dense(model: Model, operator: Operator, where: str) -> Sequence[Step]:
    return [PlainDense(read_dense(model, operator, where), "plain")]


def _look_up(model: Model, operator: Operator, where: str) -> Sequence[Step]:
    return [read_look_up(model, operator, where)]


_READERS: Mapping[str, Callable[[Model, Operator, str], Sequence[Step]]] = {
    "FULLY_CONNECTED": _dense,
    **dict.fromkeys(UNARY, _look_up),
}

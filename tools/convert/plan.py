"""The compiled engine's plan: which kernels run in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.convert.dense import DenseLayer, PlainDense, read_dense
from tools.convert.lookup import read_look_up
from tools.convert.memory import Memory, lay_out
from tools.convert.model import Model, Operator
from tools.convert.pairs import INT8, OFFSET, Convert, Lanes, Paired, PairedDense, pair
from tools.convert.single import UNARY
from tools.convert.step import Step
from training.errors import ConvertError


@dataclass(frozen=True, eq=False)
class Plan:
    """Steps in the order in which they run, and where their values live."""

    steps: tuple[Step, ...]
    memory: Memory


def make_plan(model: Model, where: str, *, plain: bool = False) -> Plan:
    """Choose kernels and lay out memory; with `plain`, the portable kernels only.

    Raises ConvertError, one line, naming the first operator that the engine does not carry.
    """
    planner = _Planner(model, where, plain)
    for operator in model.operators:
        planner.add(operator)
    steps = planner.steps
    memory = lay_out(steps, planner.same, model.input.index, model.output.index, where)
    return Plan(tuple(steps), memory)


@dataclass
class _Planner:
    model: Model
    where: str
    plain: bool
    steps: list[Step] = field(default_factory=list)
    same: dict[int, int] = field(default_factory=dict)
    """A RESHAPE's output is its input, in the same memory."""
    wide: dict[int, Lanes] = field(default_factory=dict)
    """Tensors that exist as the paired kernels' lanes."""
    fits: dict[tuple[int, Lanes], Paired | str] = field(default_factory=dict)

    def add(self, operator: Operator) -> None:
        if operator.name == "RESHAPE":
            self._reshape(operator)
        elif operator.name == "FULLY_CONNECTED":
            self._dense(operator)
        elif operator.name in _READERS:
            self.steps += _READERS[operator.name](self.model, operator, self.where)
        else:
            raise ConvertError(
                f"{self.where}: {operator.place} is not in the compiled engine; "
                "build with the tflm engine, or train another architecture"
            )

    def _root(self, tensor: int) -> int:
        return self.same.get(tensor, tensor)

    def _reshape(self, operator: Operator) -> None:
        source, target = operator.inputs[0], operator.outputs[0]
        if self.model.tensors[source].size != self.model.tensors[target].size:
            raise ConvertError(f"{self.where}: {operator.place}: it changes the number of values")
        self.same[target] = self._root(source)

    def _dense(self, operator: Operator) -> None:
        layer = read_dense(self.model, operator, self.where)
        source = self._root(layer.source)
        fit = self._fit(operator, layer, self.wide.get(source, INT8))
        if isinstance(fit, str):
            self.steps.append(PlainDense(layer, fit))
            return
        if source not in self.wide:
            self.steps.append(Convert(layer.source, layer.inputs, widens=True))
            self.wide[source] = INT8
        to_bytes = not self._only_pairs_read(operator)
        whole = layer.outputs % 4 == 0
        self.steps.append(PairedDense(fit, to_bytes and whole))
        if not to_bytes:
            self.wide[layer.target] = OFFSET
        elif not whole:
            self.steps.append(Convert(layer.target, layer.outputs, widens=False))

    def _fit(self, operator: Operator, layer: DenseLayer, lanes: Lanes) -> Paired | str:
        key = (operator.index, lanes)
        if key not in self.fits:
            self.fits[key] = "plain: asked for" if self.plain else pair(layer, lanes)
        return self.fits[key]

    def _only_pairs_read(self, producer: Operator) -> bool:
        """Whether every reader of the output takes it as a paired kernel's lanes."""
        target = producer.outputs[0]
        if target == self.model.output.index:
            return False
        readers = [each for each in self.model.operators if target in each.inputs]
        return bool(readers) and all(
            reader.name == "FULLY_CONNECTED"
            and not isinstance(
                self._fit(reader, read_dense(self.model, reader, self.where), OFFSET), str
            )
            for reader in readers
        )


def _look_up(model: Model, operator: Operator, where: str) -> Sequence[Step]:
    return [read_look_up(model, operator, where)]


_READERS: Mapping[str, Callable[[Model, Operator, str], Sequence[Step]]] = {
    **dict.fromkeys(UNARY, _look_up),
}

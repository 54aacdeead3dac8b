"""The compiled engine's plan: which kernels run in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.convert.convolution import (
    dense_rows,
    read_convolution,
    read_depthwise,
    read_transposed,
)
from tools.convert.dense import DenseLayer, PlainDense, read_dense, with_steps
from tools.convert.elementwise import read_elementwise
from tools.convert.lookup import read_look_up
from tools.convert.lstm import read_lstm
from tools.convert.memory import Memory, Views, lay_out
from tools.convert.model import Model, Operator
from tools.convert.moves import Copy, Move, Runs, read_moves, read_resize
from tools.convert.pairs import INT8, OFFSET, Convert, Lanes, Paired, PairedDense, pair
from tools.convert.pool import read_pool
from tools.convert.single import UNARY
from tools.convert.step import Step
from tools.convert.tflm import REGISTERED
from training.bundle.errors import ConvertError


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
    memory = lay_out(steps, planner.views, model.input.index, model.output.index, where)
    return Plan(tuple(steps), memory)


@dataclass
class _Planner:
    model: Model
    where: str
    plain: bool
    steps: list[Step] = field(default_factory=list)
    views: Views = field(default_factory=Views)
    """Tensors that need no step: a RESHAPE's output is its input, in the same memory."""
    wide: dict[int, Lanes] = field(default_factory=dict)
    """Tensors that exist as the paired kernels' lanes."""
    fits: dict[tuple[int, Lanes], Paired | str] = field(default_factory=dict)

    def add(self, operator: Operator) -> None:
        name = operator.name
        if name in _RESHAPES:
            self._reshape(operator)
        elif name == "FULLY_CONNECTED":
            self._dense(operator)
        elif name == "CONV_2D":
            self.steps += read_convolution(self.model, operator, self.where, plain=self.plain)
        elif name == "TRANSPOSE_CONV":
            self.steps += read_transposed(self.model, operator, self.where, plain=self.plain)
        elif name in _MOVES:
            for move in read_moves(self.model, operator, self.where):
                self._move(name, move)
        elif name in _READERS:
            self.steps += _READERS[name](self.model, operator, self.where)
        else:
            where = "is not in the compiled engine; build with the tflm engine, or"
            if name not in REGISTERED:
                where = "is in neither engine;"
            raise ConvertError(f"{self.where}: {operator.place} {where} train another architecture")

    def _reshape(self, operator: Operator) -> None:
        source = self.model.tensors[operator.inputs[0]]
        target = self.model.tensors[operator.outputs[0]]
        if source.size != target.size:
            raise ConvertError(f"{self.where}: {operator.place}: it changes the number of values")
        whole = Runs(1, source.size, 0, source.size)
        self._move(operator.name, Move(source, target, whole, whole))

    def _move(self, name: str, move: Move) -> None:
        """Values that lie in one piece stay where they are, if they may; else they are copied."""
        source, target = move.source, move.target
        of_source = self.views.name(source.index)
        free = of_source not in self.views.parts and of_source not in (
            self.model.input.index,
            self.views.name(self.model.output.index),
        )  # a step's own memory, which can be chosen
        fills = move.put.count * move.put.bytes == target.size
        is_output = target.index == self.model.output.index
        if not move.whole or (fills and is_output and source.size != target.size):
            self.steps.append(Copy(name, move))
        elif fills and (not is_output or free):
            if source.size == target.size:
                self.views.same[target.index] = of_source
            else:
                self.views.parts[target.index] = (of_source, move.taken.start)
        elif not fills and free:
            self.views.parts[of_source] = (target.index, move.put.start)
        else:
            self.steps.append(Copy(name, move))

    def _dense(self, operator: Operator) -> None:
        layer = read_dense(self.model, operator, self.where)
        rows = self.model.tensors[layer.source].size // layer.inputs
        if rows > 1:
            tensor = self.model.tensors[layer.source]
            self.steps.append(dense_rows(layer, rows, tensor, plain=self.plain))
            return
        source = self.views.name(layer.source)
        fit = self._fit(operator, layer, self.wide.get(source, INT8))
        if isinstance(fit, str):
            self.steps.append(PlainDense(with_steps(layer), fit))
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
            and self.model.tensors[reader.outputs[0]].size
            == self.model.tensors[reader.inputs[1]].shape[0]
            and not isinstance(
                self._fit(reader, read_dense(self.model, reader, self.where), OFFSET), str
            )
            for reader in readers
        )


def _look_up(model: Model, operator: Operator, where: str) -> Sequence[Step]:
    return [read_look_up(model, operator, where)]


_RESHAPES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})

_MOVES = frozenset({"CONCATENATION", "PACK", "SPLIT", "SPLIT_V", "STRIDED_SLICE", "UNPACK"})

_READERS: Mapping[str, Callable[[Model, Operator, str], Sequence[Step]]] = {
    "ADD": read_elementwise,
    "AVERAGE_POOL_2D": read_pool,
    "DEPTHWISE_CONV_2D": read_depthwise,
    "MAX_POOL_2D": read_pool,
    "MUL": read_elementwise,
    "RESIZE_NEAREST_NEIGHBOR": read_resize,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": read_lstm,
    **dict.fromkeys(UNARY, _look_up),
}

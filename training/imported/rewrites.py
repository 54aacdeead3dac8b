"""Operators that TensorFlow Lite Micro lacks, written as others with the same values.

TILE becomes a CONCATENATION of copies. A SPACE_TO_BATCH_ND with padding, whose value TensorFlow
Lite Micro leaves undefined, becomes a PAD and one without.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from training.imported.graph import constant_of, names_of, packed, parsed
from training.tensorflow_setup import schema

_MOST_PARTS = 10  # inputs of one CONCATENATION in TensorFlow Lite Micro


class _Rewriter:
    """A graph in which some operators are replaced."""

    def __init__(self, flatbuffer: bytes) -> None:
        self.model = parsed(flatbuffer)
        self.graph = self.model.subgraphs[0]
        self.names = names_of(self.model)
        self.added: list[Any] = []  # operators that replace the one at hand

    def run(self) -> bool:
        """Replace what must be; return whether anything was."""
        operators, changed = [], False
        for operator in self.graph.operators:
            self.added = []
            name = self.names[operator.opcodeIndex]
            if name == "TILE":
                self._tile(operator)
            elif name == "SPACE_TO_BATCH_ND":
                self._space_to_batch(operator)
            changed |= bool(self.added)
            operators += self.added or [operator]
        self.graph.operators = operators
        return changed

    def _tile(self, operator: Any) -> None:
        source, target = int(operator.inputs[0]), int(operator.outputs[0])
        times = constant_of(self.model, int(operator.inputs[1]))
        if times is None or (times == 1).all():
            return
        value = source
        for axis, count in enumerate(times.tolist()):
            value = self._repeated(value, axis, count)
        self.added[-1].outputs = np.array([target], np.int32)

    def _repeated(self, value: int, axis: int, count: int) -> int:
        """The tensor `value`, `count` times along an axis."""
        if count == 1:
            return value
        parts = [value] * count
        if count > _MOST_PARTS:
            several, rest = divmod(count, 5)
            parts = [self._repeated(value, axis, several)] * 5 + [value] * rest
        shape = [int(side) for side in self.graph.tensors[value].shape]
        shape[axis] *= count
        target = self._like(value, shape)
        options = schema.ConcatenationOptionsT(axis, 0)
        self._add("CONCATENATION", parts, target, "ConcatenationOptions", options)
        return target

    def _space_to_batch(self, operator: Any) -> None:
        source = int(operator.inputs[0])
        edges = constant_of(self.model, int(operator.inputs[2]))
        if edges is None or not edges.any():
            return
        padding = np.vstack([[[0, 0]], edges.reshape(-1, 2), [[0, 0]]]).astype(np.int32)
        sides = np.array(self.graph.tensors[source].shape) + padding.sum(axis=1)
        padded = self._like(source, [int(side) for side in sides])
        given = [source, self._constant(padding)]
        self._add("PAD", given, padded, "PadOptions", schema.PadOptionsT())
        inner = copy.copy(operator)
        none = self._constant(np.zeros(edges.reshape(-1, 2).shape, np.int32))
        inner.inputs = np.array([padded, operator.inputs[1], none], np.int32)
        self.added.append(inner)

    def _add(self, name: str, inputs: list[int], target: int, kind: str, options: Any) -> None:
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(name)
        operator.inputs = np.array(inputs, np.int32)
        operator.outputs = np.array([target], np.int32)
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = options
        self.added.append(operator)

    def _code(self, name: str) -> int:
        if name not in self.names:
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, name)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = 1
            self.model.operatorCodes.append(code)
            self.names.append(name)
        return self.names.index(name)

    def _like(self, tensor: int, shape: list[int]) -> int:
        added = copy.copy(self.graph.tensors[tensor])
        added.shape = np.array(shape, np.int32)
        added.shapeSignature = None
        added.buffer = 0  # empty in every model
        added.name = f"added_{len(self.graph.tensors)}"
        self.graph.tensors.append(added)
        return len(self.graph.tensors) - 1

    def _constant(self, values: Any) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor = schema.TensorT()
        tensor.shape = np.array(values.shape, np.int32)
        tensor.type = schema.TensorType.INT32
        tensor.buffer = len(self.model.buffers) - 1
        tensor.name = f"added_{len(self.graph.tensors)}"
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1


def without_missing_operators(flatbuffer: bytes) -> bytes:
    """Replace the operators that the module describes; the values stay the same."""
    rewriter = _Rewriter(flatbuffer)
    return packed(rewriter.model, flatbuffer) if rewriter.run() else flatbuffer

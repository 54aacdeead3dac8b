"""Graphs on which TensorFlow Lite would crash, or fill the memory, are refused before it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.support.networks import paired_network, random_network
from training.bundle.flatbuffer import DamagedError, root
from training.imported.structure import check_structure


def check(data: bytes) -> None:
    model = root(data, b"TFL3")
    check_structure(model, model.tables(2)[0])


def network() -> bytes:
    """Three dense layers; tensor 0 is the input, and each layer adds weights, biases and result."""
    return paired_network(np.random.default_rng(1), (16, 12, 8, 16))


def edited(change: Callable[[Any, Any], None]) -> bytes:
    """The network after `change`, which gets the model and its graph."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(network(), 0))
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def set_shape(graph: Any, *sides: int) -> None:
    graph.tensors[graph.operators[1].outputs[0]].shape = ints(*sides)


def set_inputs(graph: Any, *tensors: int) -> None:
    graph.operators[1].inputs = ints(*tensors)


def set_outputs(graph: Any, *tensors: int) -> None:
    graph.operators[1].outputs = ints(*tensors)


def set_scale(graph: Any, scale: float) -> None:
    graph.tensors[graph.inputs[0]].quantization.scale = np.array([scale], np.float32)


def set_weights(model: Any, graph: Any) -> None:
    weights = graph.tensors[graph.operators[1].inputs[1]]
    weights.type = schema.TensorType.FLOAT32
    values = np.full(weights.shape, np.nan, np.float32)
    model.buffers[weights.buffer].data = np.frombuffer(values.tobytes(), np.uint8)


DAMAGE: dict[str, tuple[Callable[[Any, Any], None], str]] = {
    "elements": (lambda m, g: set_shape(g, 1, 2**31 - 1), "impossible shape"),
    "product": (lambda m, g: set_shape(g, 2**16, 2**16, 2**16, 2**16), "impossible shape"),
    "negative side": (lambda m, g: set_shape(g, -1, 8), "impossible shape"),
    "input beyond": (lambda m, g: set_inputs(g, 999, 1, 2), "a tensor that does not exist"),
    "input below": (lambda m, g: set_inputs(g, -7, 1, 2), "a tensor that does not exist"),
    "no output": (lambda m, g: set_outputs(g), "a tensor that does not exist"),
    "output beyond": (lambda m, g: set_outputs(g, 999), "cannot write to"),
    "output twice": (lambda m, g: set_outputs(g, *g.operators[0].outputs), "cannot write to"),
    "own output": (lambda m, g: set_inputs(g, *g.operators[1].outputs, 1, 2), "is not computed"),
    "order": (lambda m, g: g.operators.reverse(), "is not computed"),
    "no operator": (lambda m, g: g.operators.clear(), "no operator"),
    "graph's input": (lambda m, g: setattr(g, "inputs", ints(-1)), "its input is no tensor"),
    "graph's output": (lambda m, g: setattr(g, "outputs", ints(999)), "its output is no tensor"),
    "output of none": (lambda m, g: g.operators.pop(), "no operator computes its output"),
    "code": (lambda m, g: setattr(g.operators[1], "opcodeIndex", 9), "has no code"),
    "buffer": (lambda m, g: setattr(g.tensors[0], "buffer", 999), "refers to buffer 999"),
    "not a number": (lambda m, g: set_scale(g, np.nan), "has a scale outside"),
    "weights": (set_weights, "holds values that are not finite"),
    "name": (lambda m, g: setattr(g.tensors[0], "name", b"\xff"), "is no text"),
    "infinite": (lambda m, g: set_scale(g, np.inf), "has a scale outside"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_on_one_line(kind: str) -> None:
    change, said = DAMAGE[kind]
    with pytest.raises(DamagedError, match=said) as caught:
        check(edited(change))
    assert "\n" not in str(caught.value)


def test_whole_networks_pass() -> None:
    check(edited(lambda m, g: None))
    rng = np.random.default_rng(2)
    for _ in range(20):
        check(random_network(rng))


def test_every_truncation_is_refused() -> None:
    data = network()
    for length in range(0, len(data) - 4, 97):
        with pytest.raises(DamagedError):
            check(data[:length])

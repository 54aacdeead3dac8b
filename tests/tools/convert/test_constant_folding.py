"""Operators that read constants only are computed ahead of time, byte for byte."""

import numpy as np
import pytest

from tests.firmware.test_engine_compiled import engine_of
from tests.support.graph_operators import SAME
from tests.support.graphs import Graph
from tests.support.networks import random_inputs
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from training.bundle.errors import ConvertError
from training.bundle.interpreter import Interpreter

FORMS = {
    "QUANTIZE": lambda g, c: g.unary(c, "QUANTIZE"),
    "RELU": lambda g, c: g.unary(c, "RELU"),
    "RESHAPE": lambda g, c: g.reshape(c, c.shape),
    "SPLIT": lambda g, c: g.join(g.split(c, 3, 2)[::-1], 3),
    "STRIDED_SLICE": lambda g, c: g.crop(c),
    "CONV_2D": lambda g, c: g.conv(c, 4, (1, 1), (1, 1), SAME),
    "pooling": lambda g, c: g.pool(c, "MAX_POOL_2D", (2, 2), (1, 1), SAME),
    "RESIZE_NEAREST_NEIGHBOR": lambda g, c: g.resize(c),
    "FULLY_CONNECTED": lambda g, c: g.dense(c, 4),
    "ADD": lambda g, c: g.combine("ADD", c, g.constant(c)),
    "PACK": lambda g, c: g.reshape(g.pack([c, c], 0), (2, *c.shape[1:])),
    "LSTM": lambda g, c: g.lstm(c),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_result_of_constants_is_the_interpreters(form, tmp_path):
    """The folded tensor is added to the input, or to a value of it."""
    graph = Graph(np.random.default_rng(3))
    constant = graph.constant(graph.tensor((1, 4, 4, 4), 0.1), (1, 4, 4, 4))
    folded = FORMS[form](graph, constant)
    source = graph.tensor(folded.shape, 0.1, 3)
    model = graph.builder.finish(source.index, graph.combine("ADD", source, folded).index)
    inputs = random_inputs(np.random.default_rng(0), 100, source.size)
    assert (engine_of(model, tmp_path).run(inputs) == Interpreter(model).run(inputs)).all()
    assert [step.report.operator for step in make_plan(read_model(model), "m").steps] == ["ADD"]


def test_a_shape_that_a_slice_reads_is_a_constant(tmp_path):
    """The size of the slice is the shape of a value that the input gives."""
    graph = Graph(np.random.default_rng(3))
    builder, source = graph.builder, graph.tensor((1, 8), 0.1)
    narrow = graph.dense(source, 4)
    shape = builder._add((2,), "int32", 0, None, 0, 0)
    builder.operator("SHAPE", [narrow.index], [shape])
    cut = graph.alike(source, narrow.shape)
    builder.operator("SLICE", [source.index, graph.integers([0, 3]), shape], [cut.index])
    model = builder.finish(source.index, graph.combine("ADD", narrow, cut).index)
    inputs = random_inputs(np.random.default_rng(0), 100, source.size)
    assert (engine_of(model, tmp_path).run(inputs) == Interpreter(model).run(inputs)).all()


def test_an_output_of_constants_is_refused():
    graph = Graph(np.random.default_rng(3))
    source = graph.tensor((1, 4), 0.1)
    graph.unary(source, "RELU")
    target = graph.unary(graph.constant(source, (1, 4)), "RELU")
    model = read_model(graph.builder.finish(source.index, target.index))
    with pytest.raises(ConvertError, match="output does not depend on its input"):
        make_plan(model, "m")


def test_a_join_with_a_constant_is_refused():
    graph = Graph(np.random.default_rng(3))
    source = graph.tensor((1, 4), 0.1)
    constant = graph.constant(source, (1, 4))
    graph.builder._tensors[constant.index].quantization = graph.builder._tensors[
        source.index
    ].quantization
    target = graph.join([source, constant], 1)
    model = read_model(graph.builder.finish(source.index, target.index))
    with pytest.raises(ConvertError, match="it joins a constant"):
        make_plan(model, "m")

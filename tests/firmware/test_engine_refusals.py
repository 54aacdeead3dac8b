"""Operators that the compiled engine refuses, as it would not compute the interpreter's bytes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.graph_operators import SAME, VALID
from tests.support.graphs import Graph
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from training.bundle.errors import ConvertError


def _depthwise(graph, x, multiplier):
    """A depthwise layer whose option differs from its weights, which TFLM reads unlike TFLite."""
    target = graph.depthwise(x, 1, (3, 3), (1, 1), SAME)
    graph.builder._operators[-1].builtinOptions.depthMultiplier = multiplier
    return target


def _reshaped(graph, x, shape):
    """The last operator's output, of another shape than the operator gives."""
    graph.builder._tensors[x.index].shape = list(shape)
    return x


def _miscounted(graph, x):
    target = graph.pack([x, x], 1)
    graph.builder._operators[-1].builtinOptions.valuesCount = 3
    return target


def _cut(graph, x, sides):
    """A transposed convolution with a smaller output than its input and its kernel need."""
    return graph.transposed(x, 1, (5, 5), (1, 1), VALID, sides)


def _dilated(graph, x):
    target = graph.conv(x, 2, (300, 1), (1, 1), SAME)
    graph.builder._operators[-1].builtinOptions.dilationHFactor = 255
    return target


def _blocks_with_padding(graph, x):
    target = graph.alike(x, (3, 2, 4, 2))
    given = [graph.integers([3, 1]), graph.integers([[1, 1], [0, 0]])]
    graph.operator("SPACE_TO_BATCH_ND", [x.index, *given], [target])
    return target


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda g, x: _blocks_with_padding(g, x), "leaves the value of its padding undefined"),
        (lambda g, x: g.mean(x, [1, 3]), r"axes \[1, 3\] must be adjacent"),
        (lambda g, x: _depthwise(g, x, 0), "a depth multiplier of 0, but its weights are for 1"),
        (lambda g, x: _dilated(g, x), "padding above 32767"),
        (lambda g, x: _reshaped(g, g.softmax(x), (1, 4, 2, 4)), "of one shape"),
        (lambda g, x: _reshaped(g, g.dense(x, 4), (4, 1)), r"output \[4, 1\] does not fit"),
        (
            lambda g, x: _reshaped(g, g.join([x, x], 1), (1, 4, 8, 2)),
            "does not fit .* along axis 1",
        ),
        (lambda g, x: _reshaped(g, g.pack([x, x], 1), (1, 4, 2, 4, 2)), "along axis 1"),
        (lambda g, x: _reshaped(g, g.resize(x), (1, 1, 1, 2)), r"does not fit its size \["),
        (lambda g, x: _reshaped(g, g.bilinear(x), (1, 1, 1, 2)), r"does not fit its size \["),
        (lambda g, x: _miscounted(g, x), "2 parts, but its option is another number"),
        (lambda g, x: _cut(g, x, (4, 4)), "its kernel exceeds its output"),
        (lambda g, x: _cut(g, x, (5, 4)), "its kernel exceeds its output"),
        (lambda g, x: _cut(g, x, (4, 5)), "its kernel exceeds its output"),
    ],
)
def test_operators_out_of_bounds_are_refused(make, message):
    graph = Graph(np.random.default_rng(0))
    source = graph.tensor((1, 4, 4, 2), 0.1, 3)
    model = read_model(graph.builder.finish(source.index, make(graph, source).index))
    with pytest.raises(ConvertError, match=message):
        make_plan(model, "m")


def test_more_rows_than_16_bits_count_are_refused():
    graph = Graph(np.random.default_rng(0))
    source = graph.tensor((65536, 1), 0.1, 3)
    model = read_model(graph.builder.finish(source.index, graph.dense(source, 3, 65536).index))
    with pytest.raises(ConvertError, match="more than 65535 rows"):
        make_plan(model, "m")

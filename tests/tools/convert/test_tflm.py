"""Models that the engine of TensorFlow Lite Micro refuses."""

from collections import Counter

import numpy as np
import pytest

from tests.support.graph_operators import SAME
from tests.support.graphs import Graph
from tools.convert.compiled import compile_model
from tools.convert.model import read_model
from tools.convert.tflm import tflm_model
from training.bundle.errors import ConvertError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda g, x: g.transposed(x, 4, (3, 3), (2, 2)), "has a fused RELU"),
        (lambda g, x: g.conv(x, 4, (3, 3), (1, 1), SAME), "has no bias"),
        (lambda g, x: g.lstm(x), "is computed in another way"),
    ],
)
def test_tflm_refuses_operators_that_the_boards_library_computes_differently(make, message):
    """Every random operator compiles; some have the trait that tflm refuses."""
    refusals = Counter()
    for seed in range(20):
        graph = Graph(np.random.default_rng(seed))
        source = graph.tensor((1, 4, 4, 2), 0.1, 3)
        data = graph.builder.finish(source.index, make(graph, source).index)
        compile_model(read_model(data), "title", "m")
        try:
            tflm_model(read_model(data), data, "m")
        except ConvertError as refusal:
            refusals[str(refusal)] += 1
    assert any(message in text for text in refusals)
    assert sum(refusals.values()) == 20 or message != "is computed in another way"

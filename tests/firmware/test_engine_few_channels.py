"""The kernels that the converter instantiates with a layer's sizes equal the interpreter."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest

from tests.firmware.test_engine_compiled import differing, needs_emulator
from tests.support import networks
from tests.support.graph_operators import SAME, VALID
from tests.support.graphs import Graph
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.measure.bench import emulator
from tools.measure.bench.models import Activation
from training.bundle.interpreter import Interpreter

KERNELS = {
    "pixels": {"few_inputs", "few_outputs"},
    "series": {"few_inputs"},
    "three_columns": {"plane_three"},
    "doubled": {"transposed_three"},
    "few": {"few_inputs", "few_outputs"},
}
"""The kernels that networks of each operator of Graph must have."""

LANES = pytest.mark.parametrize("lanes", [(), ("-DVIGIL_NO_LANES",)], ids=["lanes", "none"])
"""As on cores with the DSP extension, and as on those without it."""

FLAGS = {
    "O2-hard": emulator.FAST,
    "nano": emulator.NANO,
    "frame-pointer": (*emulator.FAST, "-fno-omit-frame-pointer"),
}
"""The compilers' flags on the emulated board."""


@functools.cache
def cases(kind: str) -> tuple[list[bytes], list[np.ndarray], list[np.ndarray]]:
    """Networks of one operator whose kernels are all of KERNELS; inputs; expected outputs."""
    rng = np.random.default_rng(7)
    models: list[bytes] = []
    while len(models) < 25:
        graph = Graph(rng)
        sides = int(rng.integers(1, 9)), int(rng.integers(2, 7))
        source = graph.tensor((1, *sides, int(rng.integers(1, 9))), 0.05)
        target = getattr(graph, kind)(source)
        data = graph.builder.finish(source.index, target.index)
        if target is not source and kernels_of(data) & KERNELS[kind]:
            models.append(data)
    inputs = [networks.random_inputs(rng, 100, read_model(data).input.size) for data in models]
    return models, inputs, [Interpreter(m).run(x) for m, x in zip(models, inputs, strict=True)]


def kernels_of(data: bytes) -> set[str]:
    return {step.report.kernel for step in make_plan(read_model(data), "m").steps}


@pytest.mark.parametrize("kind", KERNELS)
@LANES
def test_networks_on_the_host(kind, lanes, tmp_path):
    flags = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *lanes)
    models, inputs, expected = cases(kind)
    assert set().union(*map(kernels_of, models)) >= KERNELS[kind]
    assert sum(differing(networks.run_on_host(models, inputs, tmp_path, flags), expected)) == 0


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_networks_emulated(kind, flags, tmp_path):
    models, inputs, expected = cases(kind)
    outputs = networks.run_emulated(models, inputs, tmp_path, flags)
    assert sum(differing(outputs, expected)) == 0


@functools.cache
def wide() -> tuple[list[bytes], list[np.ndarray], list[np.ndarray]]:
    """Layers of 256 outputs with several shifts, of one to three inputs."""
    rng = np.random.default_rng(9)
    models: list[bytes] = []
    for channels in (1, 2, 3):
        graph = Graph(rng, (Activation.NONE,))
        source = graph.tensor((1, 1, 5, channels), 0.05)
        target = graph.conv(source, 256, (1, 1), (1, 1), SAME)
        models.append(graph.builder.finish(source.index, target.index))
    inputs = [networks.random_inputs(rng, 100, read_model(data).input.size) for data in models]
    return models, inputs, [Interpreter(m).run(x) for m, x in zip(models, inputs, strict=True)]


def test_many_outputs_share_at_most_16_instances():
    for data in wide()[0]:
        [step] = make_plan(read_model(data), "m").steps
        calls = re.findall(r"few_inputs<.*>", step.constants)
        assert len(calls) > 256 / 8, "its outputs should need more than 16 instances of eight"
        assert 1 < len(set(calls)) <= 16


@LANES
def test_many_outputs_on_the_host(lanes, tmp_path):
    models, inputs, expected = wide()
    outputs = networks.run_on_host(models, inputs, tmp_path, ("-O1", *lanes))
    assert sum(differing(outputs, expected)) == 0


@needs_emulator
@pytest.mark.toolchain
def test_many_outputs_emulated(tmp_path):
    models, inputs, expected = wide()
    assert sum(differing(networks.run_emulated(models, inputs, tmp_path), expected)) == 0


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize("stride", [1, 2])
def test_a_plane_farther_than_one_load_reaches_emulated(stride, tmp_path):
    rng = np.random.default_rng(stride)
    graph = Graph(rng, (Activation.NONE,))
    source = graph.tensor((1, 3, 239, 1), 0.05)
    target = graph.depthwise(source, 1, (3, 3), (stride, stride), VALID)
    model = graph.builder.finish(source.index, target.index)
    assert kernels_of(model) == {"plane_three"}
    inputs = networks.random_inputs(rng, 100, 3 * 239)
    outputs = networks.run_emulated([model], [inputs], tmp_path)
    assert differing(outputs, [Interpreter(model).run(inputs)]) == [0]

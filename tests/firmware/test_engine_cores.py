"""The compiled engine on emulated cores other than the Cortex-M4: random networks, every byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.firmware import test_engine_few_channels as few_channels
from tests.support import graphs, networks
from tests.support.graph_operators import VALID
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.measure.bench import emulator
from tools.measure.bench.models import Activation
from tools.measure.bench.reference import make
from training.bundle.interpreter import Interpreter

WINDOWS = 40


def differing(outputs: list[np.ndarray], expected: list[np.ndarray]) -> list[int]:
    return [int((o != e).sum()) for o, e in zip(outputs, expected, strict=True)]


def cases(
    seed: int, count: int
) -> tuple[list[bytes], list[np.ndarray], list[np.ndarray], list[int]]:
    """Dense networks and networks of every operator; the last half of the dense ones is plain."""
    rng = np.random.default_rng(seed)
    models = [networks.random_network(rng) for _ in range(count)]
    models += [graphs.random_graph(rng) for _ in range(count)]
    sizes = [read_model(model).input.size for model in models]
    inputs = [networks.random_inputs(rng, WINDOWS, size) for size in sizes]
    expected = [Interpreter(model).run(x) for model, x in zip(models, inputs, strict=True)]
    return models, inputs, expected, list(range(count // 2, count))


def marks(core: str) -> list[pytest.MarkDecorator]:
    needs = [pytest.mark.riscv] if emulator.OTHER_CORES[core].board.riscv else []
    return [pytest.mark.cores, *needs]


# A few networks on the smallest core by default; more of them on every core with VIGIL_CORES=1.
@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("core", "count"),
    [("M0", 4), *(pytest.param(key, 20, marks=marks(key)) for key in emulator.OTHER_CORES)],
)
def test_random_networks(core: str, count: int, tmp_path: Path) -> None:
    models, inputs, expected, plain = cases(len(core) + count, count)
    there = emulator.OTHER_CORES[core]
    outputs = networks.run_emulated(models, inputs, tmp_path, core=there, plain=plain)
    assert sum(differing(outputs, expected)) == 0


@pytest.mark.toolchain
@pytest.mark.parametrize(
    "core", [pytest.param(key, marks=marks(key)) for key in emulator.OTHER_CORES]
)
@pytest.mark.parametrize("kind", few_channels.KERNELS)
def test_kernels_that_are_templates(core: str, kind: str, tmp_path: Path) -> None:
    models, inputs, expected = (each[:8] for each in few_channels.cases(kind))
    outputs = networks.run_emulated(models, inputs, tmp_path, core=emulator.OTHER_CORES[core])
    assert sum(differing(outputs, expected)) == 0


def test_with_vectors_dense_layers_are_plain_and_convolutions_paired(tmp_path: Path) -> None:
    graph = graphs.Graph(np.random.default_rng(3), (Activation.NONE,))
    source = graph.tensor((1, 20, 6, 8), 0.05, 3)
    made = graph.conv(source, 16, (3, 3), (1, 1), VALID)
    convolution = graph.builder.finish(source.index, made.index)
    for model, plain, vectors in (
        (convolution, "dense", "paired_dense"),
        (make(tmp_path / "dense").model, "dense", "dense"),
    ):
        read = read_model(model)
        for planned, kernel in (
            (make_plan(read, "model"), "paired_dense"),
            (make_plan(read, "model", plain=True), plain),
            (make_plan(read, "model", vectors=True), vectors),
        ):
            kernels = {step.report.kernel for step in planned.steps if step.report.macs}
            assert kernels == {kernel}


@pytest.mark.parametrize("count", [8])
def test_rows_in_fours_in_plain_cpp(count: int, tmp_path: Path) -> None:
    """The kernels of small cores without assembly of their own, here on the host."""
    models, inputs, expected, _ = cases(3, count)
    outputs = networks.run_on_host(
        models, inputs, tmp_path, ("-O2", "-DVIGIL_NO_LANES"), plain=range(count)
    )
    assert sum(differing(outputs, expected)) == 0

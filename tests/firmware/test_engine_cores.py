"""The compiled engine on emulated cores other than the Cortex-M4: random networks, every byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support import graphs, networks
from tools.convert.model import read_model
from tools.measure.bench import emulator
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
    needs = [pytest.mark.riscv] if emulator.OTHER_CORES[core].riscv else []
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


@pytest.mark.parametrize("count", [8])
def test_rows_in_fours_in_plain_cpp(count: int, tmp_path: Path) -> None:
    """The kernels of small cores without assembly of their own, here on the host."""
    models, inputs, expected, _ = cases(3, count)
    outputs = networks.run_on_host(
        models, inputs, tmp_path, ("-O2", "-DVIGIL_NO_LANES"), plain=range(count)
    )
    assert sum(differing(outputs, expected)) == 0

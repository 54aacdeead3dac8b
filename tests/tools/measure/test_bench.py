"""What the compiled engine is held to, emulated: instructions, cycles, bytes. And its bench."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.graphs import random_graph
from tools.convert.model import read_model
from tools.measure.bench import bench
from tools.measure.bench.bench import FLAGS, compiled
from tools.measure.bench.cases import case_of, cases
from tools.report.bench_page import of_one, write
from training.bundle.errors import EstimateError

pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-g++") is None, reason="needs arm-none-eabi-g++ on PATH"
    ),
]


@pytest.mark.parametrize("flags", FLAGS)
def test_ecg(tmp_path: Path, flags: str) -> None:
    """140-32-16-8-16-32-140: the reference model, which needs no data."""
    tensor, channel = cases(tmp_path, None)
    row = compiled(tensor, flags)
    assert row.instructions <= 9_400
    assert row.code is not None and row.tables is not None and row.code + row.tables <= 2048
    assert row.ram is not None and row.ram <= 600
    row = compiled(channel, flags)
    assert row.instructions <= 9_600
    assert row.ram is not None and row.ram <= 600


@pytest.mark.data("mlperf_tiny")
@pytest.mark.parametrize("flags", FLAGS)
def test_ad01(tmp_path: Path, flags: str) -> None:
    """MLPerf Tiny's model as it was published."""
    data = Path(os.environ["VIGIL_DATA"])
    *_, case = cases(tmp_path, data)
    assert case.model == (data / "mlperf_tiny" / "ad01_int8.tflite").read_bytes()
    normal = compiled(case, flags)
    assert normal.instructions <= 0.72 * normal.macs
    assert normal.cycles is not None and normal.cycles <= 1.08 * normal.macs
    noise = np.random.default_rng(1).integers(-128, 128, case.inputs.shape).astype(np.int8)
    row = compiled(replace(case, inputs=noise), flags)
    first = next(layer for layer in row.layers if layer.macs)
    assert row.macs == 264_192 and first.macs == 640 * 128
    assert row.instructions <= 0.775 * row.macs
    assert first.instructions <= 0.75 * first.macs
    assert row.cycles is not None and row.cycles <= 1.20 * row.macs
    assert row.code is not None and row.tables is not None and row.code + row.tables <= 2048
    assert row.bytes_per_weight is not None and row.bytes_per_weight <= 1.05


@pytest.mark.parametrize("multiplies", [True, False])
def test_a_model_of_other_operators_by_layer(tmp_path: Path, multiplies: bool) -> None:
    path = tmp_path / "graph.tflite"
    graphs = (random_graph(np.random.default_rng(seed)) for seed in range(100))
    path.write_bytes(next(data for data in graphs if bool(read_model(data).macs()) == multiplies))
    assert not set(read_model(path.read_bytes()).operator_names()) <= {"FULLY_CONNECTED"}
    row = compiled(case_of(path), "-O2")
    assert bool(row.macs) == multiplies
    assert sum(layer.instructions for layer in row.layers) == pytest.approx(
        row.instructions, rel=0.001, abs=30
    )
    text = of_one(path, lambda line: None)
    for layer in row.layers:
        assert f"| {layer.name} |" in text


def test_other_bytes_than_the_interpreters_are_called_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = cases(tmp_path, None)[0]
    right = bench.open_interpreter(case.model).run(case.inputs)

    class Other:
        def run(self, inputs: np.ndarray) -> np.ndarray:
            return np.asarray(right ^ 1, np.int8)

    monkeypatch.setattr(bench, "open_interpreter", lambda model: Other())
    with pytest.raises(EstimateError, match="wrong: 140 of 140 output bytes of a window differ"):
        compiled(case, "-O2")


def test_the_folder_is_looked_at_before_measuring(tmp_path: Path) -> None:
    occupied = tmp_path / "docs"
    occupied.write_text("not a folder")

    def say(line: str) -> None:
        pytest.fail(f"measured: {line}")

    with pytest.raises(EstimateError, match="docs: not a writable folder"):
        write(tmp_path, None, occupied, say)

"""Counts of the compiled engine, and of a library beside it, on cores other than the Cortex-M4."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.requirements import tflm_missing
from tools.convert.model import read_model
from tools.measure.bench import cmsis, cores, emulator
from tools.measure.bench.reference import make
from training.bundle.errors import EstimateError


@pytest.mark.toolchain
def test_a_core_counts_its_instructions_and_wrong_bytes_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "CORES", {"M3": emulator.OTHER_CORES["M3"]})
    bundle = make(tmp_path / "reference")
    windows = bundle.golden.input[:2].reshape(2, -1)
    [count] = cores.count_cores(bundle.model, windows)
    assert (count.core, count.machine, count.macs) == ("M3", "mps2-an385", 10_240)
    assert count.instructions / count.macs <= 3.4
    assert count.library is None or count.library > count.instructions
    run = cores._run
    monkeypatch.setattr(cores, "_run", lambda *args: (run(*args)[0], run(*args)[1] + 1))
    with pytest.raises(EstimateError, match="M3: 280 output bytes differ"):
        next(cores.count_cores(bundle.model, windows))


@pytest.mark.cores
@pytest.mark.parametrize(
    ("core", "most"),
    [
        ("M0", 5.4),
        ("M33", 0.95),
        ("M55", 0.38),
        pytest.param("RISC-V", 4.4, marks=pytest.mark.riscv),
    ],
)
def test_every_core_is_ahead_of_the_library(
    core: str, most: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "CORES", {core: emulator.CORES[core]})
    bundle = make(tmp_path / "reference")
    [count] = cores.count_cores(bundle.model, bundle.golden.input[:2].reshape(2, -1))
    assert count.instructions / count.macs <= most
    if count.library is None:
        pytest.skip(f"nothing to compare with: {tflm_missing()}")
    assert count.library > count.instructions


def test_a_folder_that_is_no_cmsis_nn_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIL_CMSIS_NN", str(tmp_path))
    with pytest.raises(EstimateError, match="no Include/arm_nnfunctions"):
        cmsis.library()


def test_cmsis_nn_runs_dense_layers_with_weights_per_tensor_alone(tmp_path: Path) -> None:
    for per_channel in (False, True):
        model = read_model(make(tmp_path / str(per_channel), per_channel=per_channel).model)
        assert cmsis.can_run(model) != per_channel

"""Counts of the compiled engine on one other core than the Cortex-M4."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.measure.bench import cores, emulator
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
    run = cores._run
    monkeypatch.setattr(cores, "_run", lambda *args: (run(*args)[0], run(*args)[1] + 1))
    with pytest.raises(EstimateError, match="M3: 280 output bytes differ"):
        next(cores.count_cores(bundle.model, windows))

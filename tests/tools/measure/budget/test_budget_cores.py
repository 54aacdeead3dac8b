"""A budget of an emulated board that is no Cortex-M4."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.images import build_image
from tools.convert import convert
from tools.measure.bench.reference import make
from tools.measure.budget.boot import measured_emulated


@pytest.mark.cores
def test_the_board_reports_its_stack_and_its_instructions(tmp_path: Path) -> None:
    bundle = make(tmp_path / "reference")
    convert(bundle.path, tmp_path / "generated", ["compiled"])
    measured = measured_emulated(build_image("emulated_m33", tmp_path / "generated").elf, bundle)
    assert measured.source == "emulated_m33"
    assert measured.stack_used is not None and 0 < measured.stack_used < 32_768
    assert measured.instructions is not None and measured.instructions < 12_000
    assert not measured.functions

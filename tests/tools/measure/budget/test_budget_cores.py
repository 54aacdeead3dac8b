"""A budget of an emulated board that is no Cortex-M4."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.images import build_image
from tools.boards.catalogue import find_board
from tools.convert import convert
from tools.measure.bench.reference import make
from tools.measure.budget import measure
from tools.measure.budget.boot import measured_emulated


@pytest.mark.cores
@pytest.mark.parametrize(
    ("key", "instructions"),
    [
        ("emulated_m33", 12_000),
        pytest.param("emulated_riscv", 50_000, marks=pytest.mark.riscv),
    ],
)
def test_the_board_reports_its_stack_and_its_instructions(
    key: str, instructions: int, tmp_path: Path
) -> None:
    bundle, board = make(tmp_path / "reference"), find_board(key)
    convert(bundle.path, tmp_path / "generated", ["compiled"], plain=not board.dsp)
    elf = build_image(key, tmp_path / "generated").elf
    measured = measured_emulated(elf, bundle)
    assert measured.source == key
    assert measured.instructions is not None and measured.instructions < instructions
    assert not measured.functions
    bound = measure(elf, board).inference_stack
    assert measured.stack_used is not None and bound is not None
    assert 0 < bound < measured.stack_used < 32_768

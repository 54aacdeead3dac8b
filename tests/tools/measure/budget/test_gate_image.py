"""The gate at work: today's firmware against the baseline that is kept beside the project."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.images import build_image
from tools.boards.catalogue import find_board
from tools.convert import convert
from tools.measure import budget
from tools.measure.bench.reference import make
from tools.measure.budget.boot import measured_emulated
from tools.measure.budget.gate import BASELINE, read_baselines
from training.bundle import Bundle
from training.bundle.errors import BudgetError

KEY = "reference emulated compiled"
RECORD = "vigil budget --accept"
pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("arm-none-eabi-g++") and shutil.which("qemu-system-arm")),
        reason="needs the Arm compiler and QEMU (make setup)",
    ),
]
# A volatile constant is kept in SRAM, and its value in flash: 1,024 bytes of both, 64 of SRAM.
PLANTED = """
    static volatile std::uint8_t grown[64];
    static const volatile std::uint8_t table[1024] = {1};
    for (std::uint32_t i = 0; i < 1000; ++i) {
        grown[i & 63] = static_cast<std::uint8_t>(grown[i & 63] + table[i]);
    }
"""

Image = Callable[[str], budget.Budget]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The firmware with the reference model, `planted` put at the start of its inference."""
    folder = tmp_path_factory.mktemp("gate")
    bundle: Bundle = make(folder / "reference")
    board = find_board("emulated")

    def built(planted: str) -> budget.Budget:
        generated = folder / "generated"
        convert(bundle.path, generated, engines=["compiled"])
        source = generated / "compiled_model.cpp"
        head, opening, body = source.read_text().partition("std::int8_t* output) {\n")
        assert opening
        source.write_text(head + opening + planted + body)
        elf = build_image("emulated", generated).elf
        static = budget.measure(elf, board, bundle=bundle.hash8.hex())
        return budget.with_measured(static, measured_emulated(elf, bundle))

    return built


def test_the_firmware_has_not_grown(image: Image) -> None:
    """For the compiler of the baseline; with another, `vigil budget --check` in .ci/run fails."""
    report = image("")
    budget.check(report)
    measured = report.measured
    assert measured and measured.instructions and measured.stack_used
    # QEMU's clock against Unicorn's trace of the same image.
    assert sum(measured.functions.values()) == pytest.approx(measured.instructions, rel=0.01)
    recorded = read_baselines(BASELINE)[KEY].compiler
    if report.compiler != recorded:
        pytest.skip(f"built with {report.compiler}, the baseline with {recorded}: not comparable")
    budget.gate(report, KEY, BASELINE, RECORD)


def test_planted_growth_trips_and_is_named(image: Image, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    budget.accept(image(""), KEY, baseline)
    with pytest.raises(BudgetError) as caught:
        budget.gate(image(PLANTED), KEY, baseline, RECORD)
    said = str(caught.value)
    assert "flash grew by 1," in said and "engine +1," in said
    assert "SRAM grew by 1,088" in said and "engine +1,088" in said
    assert re.search(r"instructions grew by [\d,]+ .*: vigil::model::compiled::infer \+", said)
    assert "\n" not in said


def test_the_reference_model_is_the_same_every_time(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one" / "reference"), make(tmp_path / "two" / "reference")
    assert one.model == two.model

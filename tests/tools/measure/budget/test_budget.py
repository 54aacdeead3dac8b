"""The budget accounts for every byte, and refuses what does not fit."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.support.small_image import build, needs_compiler
from tools.measure.budget import (
    Budget,
    Limits,
    Measured,
    check,
    measure,
    render_text,
    with_measured,
)
from tools.measure.budget.budget import _reserved_stack
from tools.measure.budget.image import Image, Piece, Section
from tools.measure.budget.linkmap import parse_map
from tools.report.budget_picture import draw
from training.bundle.errors import BudgetError

NANO = Limits("nano33ble", flash_bytes=983_040, sram_bytes=262_144)
pytestmark = [pytest.mark.toolchain, needs_compiler]


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def budget(elf: Path) -> Budget:
    return measure(elf, NANO)


def sections(elf: Path) -> dict[str, int]:
    with elf.open("rb") as stream:
        return {s.name: s["sh_size"] for s in ELFFile(stream).iter_sections()}


def test_parts_add_up_to_the_sections_exactly(elf: Path, budget: Budget) -> None:
    size = sections(elf)
    assert budget.flash.used == size[".text"] + size.get(".ARM.exidx", 0) + size[".data"]
    assert budget.sram.used == size[".stack"] + size[".data"] + size[".bss"]


def test_bytes_go_to_their_owners(budget: Budget) -> None:
    assert budget.flash.part("model") == 3000
    assert budget.sram.part("arena") == 640
    assert budget.sram.part("stack") == budget.stack_reserved == 2048
    assert budget.flash.part("vectors") >= 8
    assert 40 <= budget.flash.part("engine") <= 200
    assert 200 <= budget.flash.part("signal") <= 1200
    assert budget.sram.part("detector") == 64 * 4  # counts, input and output of the application
    assert budget.sram.part("link") == 300  # another of its members
    assert budget.sram.part("sketch") == 4 + 12  # its state, and a variable beside it
    assert budget.flash.part("sketch") >= 12 + 50  # tuned's initial values, and code
    assert budget.flash.part("libc") > 100  # puts
    assert budget.flash.part("other") == 0


def test_the_largest_symbols_are_named_in_words(budget: Budget) -> None:
    [model] = [p for p in budget.flash.parts if p.name == "model"]
    assert [(i.symbol, i.size) for i in model.largest] == [("vigil::model::kModel", 3000)]


def test_without_a_map_nothing_is_lost(elf: Path, budget: Budget, tmp_path: Path) -> None:
    alone = tmp_path / "alone.elf"
    alone.write_bytes(elf.read_bytes())
    blind = measure(alone, NANO)
    assert blind.flash.used == budget.flash.used
    assert blind.sram.used == budget.sram.used
    assert blind.flash.part("model") == 3000
    assert blind.flash.part("other") > 0


def test_what_fits_passes(budget: Budget) -> None:
    check(budget)


@pytest.mark.parametrize(
    ("flash", "sram", "word"), [(3500, 262_144, "flash"), (983_040, 2000, "SRAM")]
)
def test_over_the_limit_fails(elf: Path, flash: int, sram: int, word: str) -> None:
    small = measure(elf, Limits("tiny", flash, sram))
    with pytest.raises(BudgetError, match=f"bytes of {word}, .* more than tiny has") as caught:
        check(small)
    assert "\n" not in str(caught.value)


def test_the_sketch_runs_on_the_stack_of_the_main_thread() -> None:
    """Mbed reserves a stack per thread; the sketch may use its own alone."""
    sram = Section(".bss", 0x2000_0000, 40_960, in_flash=False, in_sram=True)
    sizes = {"_main_stack": 32_768, "os_idle_thread_stack": 512, "os_timer_thread_stack": 768}
    threads = tuple(Piece(sram, symbol, "", "", "", size) for symbol, size in sizes.items())
    assert _reserved_stack(Image(Path("nano.elf"), (sram,), threads, mapped=False)) == 32_768
    assert _reserved_stack(Image(Path("other.elf"), (sram,), threads[1:], mapped=False)) == 1_280


def test_a_stack_used_beyond_its_reserve_fails(budget: Budget) -> None:
    check(with_measured(budget, Measured("emulated", stack_used=2048)))
    with pytest.raises(BudgetError, match=r"measured stack of 2,052 bytes"):
        check(with_measured(budget, Measured("emulated", stack_used=2052)))


def test_json_brings_the_budget_back(budget: Budget) -> None:
    full = with_measured(budget, Measured("emulated", 900, 500, 11_000))
    assert Budget.from_json(full.to_json()) == full
    values = json.loads(full.to_json())
    assert values["flash"]["used"] == sum(p["size"] for p in values["flash"]["parts"])


def test_text_shows_every_part_and_says_emulated(budget: Budget) -> None:
    full = with_measured(budget, Measured("emulated", stack_used=900, instructions=11_000))
    text = render_text(full)
    for part in (*budget.flash.parts, *budget.sram.parts):
        assert part.title in text
        assert f"{part.size:,}" in text
    assert "11,000 instructions per inference (emulated)" in text


def test_a_line_with_its_share_fits_80_columns(budget: Budget) -> None:
    lines = render_text(budget, width=80, largest=3).splitlines()
    for part in (*budget.flash.parts, *budget.sram.parts):
        assert any(part.title in line and line.endswith(" %") for line in lines)
    assert any(line.startswith("Flash") and line.endswith(" left") for line in lines)


def test_pictures(budget: Budget, tmp_path: Path) -> None:
    png = draw(budget, tmp_path / "budget.png")
    assert png.read_bytes().startswith(b"\x89PNG")
    svg = draw(budget, tmp_path / "budget.svg")
    text = "".join(ET.fromstring(svg.read_text()).itertext())
    assert "model (weights)" in text
    assert "prefers-color-scheme: dark" in text
    assert svg.read_text() == draw(budget, tmp_path / "again.svg").read_text()


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "firmware.elf"
    with pytest.raises(BudgetError, match="no such image"):
        measure(other, NANO)
    other.write_text("not an ELF file")
    with pytest.raises(BudgetError, match="not a readable ELF"):
        measure(other, NANO)


def test_map_lines() -> None:
    """Long names wrap, fills are padding, merged strings and debug sections are distinguished."""
    placed = parse_map(
        """
Discarded input sections
 .text.gone     0x00000000       0x10 gone.o

Linker script and memory map

.text           0x00000000      0x120
 *(.text .text.*)
 .text.short    0x00000008        0x8 src/main.cpp.o
                0x00000008                short
 .text.a_name_that_is_long
                0x00000010       0x20 lib/liblink.a(frame.cpp.o)
 *fill*         0x00000030        0x4 
 .rodata.str1.1
                0x00000034       0x10 src/main.cpp.o
                                 0x18 (size before relaxing)
 .text.empty    0x00000044        0x0 src/main.cpp.o

.debug_info     0x00000000       0x40
 .debug_info    0x00000000       0x40 src/main.cpp.o
"""
    )
    assert [(p.output, p.address, p.size, p.section, p.archive, p.object) for p in placed] == [
        (".text", 8, 8, ".text.short", "", "src/main.cpp.o"),
        (".text", 0x10, 0x20, ".text.a_name_that_is_long", "lib/liblink.a", "frame.cpp.o"),
        (".text", 0x30, 4, "*fill*", "", ""),
        (".text", 0x34, 0x10, ".rodata.str1.1", "", "src/main.cpp.o"),
        (".debug_info", 0, 0x40, ".debug_info", "", "src/main.cpp.o"),
    ]

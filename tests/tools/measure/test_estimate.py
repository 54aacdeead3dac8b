"""Counting instructions in an image, and what the counts come to on a board."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.support.networks import random_network
from tools.boards.catalogue import find_board
from tools.measure.bench import image
from tools.measure.bench.bench import FLAGS, compiled
from tools.measure.bench.cases import random_case
from tools.measure.estimate import CLASSES, Code, Counts, Machine, cycles, estimate, render
from tools.measure.estimate.text import _span
from training.bundle.errors import EstimateError

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-g++") is None, reason="needs arm-none-eabi-g++ on PATH"
)
SOURCE = """
asm(R"(
    .syntax unified
    .thumb
    .text
    .balign 4
    .global timed
    .thumb_func
    .type timed, %function
timed:
    push {r4, r5, lr}
    movs r4, #3
again:
    ldr r2, [r0]
    ldr r3, [r0, #4]
    smlad r1, r2, r3, r1
    subs r4, r4, #1
    bne again
    ldm r0, {r2, r3}
    str r1, [r0]
    sdiv r0, r1, r4
    cmp r4, #1
    it eq
    moveq r0, #0
    pop {r4, r5, pc}
    .size timed, . - timed
)");
extern "C" int timed();
int main() { return timed(); }
"""


@pytest.mark.toolchain
@needs_compiler
def test_every_instruction_of_a_known_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "timed.cpp"
    source.write_text(SOURCE)
    sources = {"startup.cpp": image.BARE / "startup.cpp", "timed.cpp": source}
    elf = image.link(sources, [], tmp_path / "timed.elf", FLAGS["-O2"])
    machine, code = Machine(elf), Code(elf)
    trace = machine.trace("timed", machine.put(bytes(8)), 7)
    counts = code.count(trace)
    assert {name: n for name, n in counts.classes.items() if n} == {
        "arithmetic": 1 + 3 + 3,  # the last of them skipped, in its own time
        "multiply": 3,
        "divide": 1,
        "load": 6,
        "load multiple": 2,
        "store": 1,
        "store multiple": 1,
        "branch": 3,
    }
    loop = 3 * (2 + 1 + 1 + 1 + 1) + 2 * 2
    assert counts.cycles == 4 + 1 + loop + 3 + 1 + 12 + 3 + 4 + 2
    assert counts.flash_reads == 0  # its data lie in SRAM
    assert trace.stack == 12
    for piece in (1, 2, 5):  # a long trace is counted piece by piece
        monkeypatch.setattr(cycles, "_AT_ONCE", piece)
        assert code.count(trace) == counts


@pytest.mark.toolchain
@needs_compiler
def test_layers_add_up_to_the_whole() -> None:
    """Two images, one of them with a mark between the steps."""
    model = random_network(np.random.default_rng(11))
    row = compiled(random_case("random", model), "-O2")
    assert sum(layer.instructions for layer in row.layers) == pytest.approx(
        row.instructions, rel=0.02, abs=60
    )


def test_ranges() -> None:
    classes = dict.fromkeys(CLASSES, 0.0) | {"arithmetic": 64_000.0}
    counts = Counts(classes, cycles=64_000.0, fetches=30_000.0, flash_reads=2_000.0, stack=100)
    nano = find_board("nano33ble")
    [on] = estimate("m", "compiled", counts, 1, [find_board("emulated"), nano]).boards
    assert on.board == "nano33ble"  # the emulated board has no speed
    assert on.cycles == (64_000, 64_000 + 2 * 32_000)
    assert on.milliseconds == (1.0, 2.0)
    assert on.microjoules == pytest.approx((3.3 * 3.0 * 1.0, 6.3 * 3.0 * 2.0))
    [bare] = estimate("m", "", counts, 1, [replace(nano, active_ma=None, wait_states=None)]).boards
    assert bare.microjoules is None and bare.cycles == (64_000, 64_000)


def test_a_board_of_another_core_is_left_out() -> None:
    counts = Counts(dict.fromkeys(CLASSES, 1.0), 10.0, 5.0, 1.0, stack=8)
    nano = find_board("nano33ble")
    others = [replace(nano, name="M0", core="cortex-m0plus"), replace(nano, name="M4-", dsp=False)]
    result = estimate("m", "compiled", counts, 1, [nano, *others])
    assert [on.name for on in result.boards] == [nano.name]
    assert result.left_out == ("M0", "M4-")
    out = io.StringIO()
    console = Console(width=100, file=out)
    console.print(render(result))
    text = out.getvalue()
    for line in ("not a Cortex-M4 with DSP: M0, M4-", "not yet checked", "Scaling, scoring"):
        assert line in text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.611, 1.58), "0.61 to 1.6"),
        ((38.9, 99.6), "39 to 100"),
        ((123.0, 123.9), "120"),
        ((1.0, 12345.0), "1.0 to 12,000"),
    ],
)
def test_a_range_has_two_digits_and_no_exponent(values, text):
    assert _span(values) == text


def test_no_image(tmp_path: Path) -> None:
    with pytest.raises(EstimateError, match="run `vigil build`"):
        Machine(tmp_path / "none.elf")


@pytest.mark.toolchain
@needs_compiler
def test_a_program_that_hangs_or_faults_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "bad.cpp"
    source.write_text(
        'extern "C" [[gnu::noipa]] int bad(int* at) { return *at; }\n'
        "int main() { return bad(nullptr); }\n"
    )
    sources = {"startup.cpp": image.BARE / "startup.cpp", "bad.cpp": source}
    elf = image.link(sources, [], tmp_path / "bad.elf", FLAGS["-O2"])
    with pytest.raises(EstimateError, match="bad stopped at"):
        Machine(elf).call("bad", 0x7000_0000)
    subprocess.run(["arm-none-eabi-strip", elf], check=True)
    with pytest.raises(EstimateError, match="stripped"):
        Machine(elf)

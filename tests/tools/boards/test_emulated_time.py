"""The emulated board's instruction counts and its virtual time."""

import os
import time
from pathlib import Path
from statistics import median

import pytest

from tests.support.sketch import Sketch
from tests.support.waiting import shortest
from tools.boards.build import BuildResult
from tools.boards.emulated import EmulatedBoard

pytestmark = pytest.mark.toolchain

SPIN_TURN = 2  # instructions


@pytest.mark.parametrize("turns", [10, 1000, 1_000_000])
def test_counts_instructions_exactly(sketch: Sketch, turns: int) -> None:
    counts = [int(sketch.ask("c", turns)) for _ in range(5)]
    longer = [int(sketch.ask("c", 2 * turns)) for _ in range(5)]
    # Two readings, each exact to an instruction (a tick is 40 ns, an instruction 64). A byte that a
    # busy machine delivers late interrupts a count, which leaves up to two instructions in it.
    assert median(counts) - min(counts) <= 2
    assert max(counts) - min(counts) <= 4
    assert abs(median(longer) - median(counts) - SPIN_TURN * turns) <= 2


def test_counts_the_same_while_bytes_pour_in(sketch: Sketch) -> None:
    """Interrupts are left out; what remains of each is less than two instructions."""
    bursts = 50
    turns = 2_000_000
    quiet = int(sketch.ask("c", turns))
    sent = sketch.serial.write(f"c{turns}\n".encode() + b"#" * 20 + b"\n")
    for _ in range(bursts):
        time.sleep(0.001)
        sent += sketch.serial.write(b"#" * 9 + b"\n")
    busy = int(sketch.line().split()[1])
    # A busy machine delivers a burst byte by byte, each with an interrupt of its own.
    assert abs(busy - quiet) <= 2 * sent


def test_counts_agree_with_another_emulator(sketch: Sketch, image: BuildResult) -> None:
    unicorn = pytest.importorskip("unicorn", reason="counts instructions a second way: pip unicorn")
    rounds = 500
    here = int(sketch.ask("m", rounds)) - int(sketch.ask("n", rounds))
    there = count_in_unicorn(unicorn, image.elf, "mixed_work", rounds) - count_in_unicorn(
        unicorn, image.elf, "no_work", rounds
    )
    assert there > 10 * rounds
    assert abs(here - there) <= 2


def count_in_unicorn(unicorn, elf: Path, function: str, argument: int) -> int:
    """Run one function of an image in Unicorn and count its instructions."""
    from elftools.elf.elffile import ELFFile
    from unicorn import arm_const

    engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    engine.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
    engine.mem_map(0x00000000, 1 << 20)
    engine.mem_map(0x20000000, 1 << 18)
    engine.mem_map(0xE0000000, 1 << 20)
    with elf.open("rb") as file:
        image = ELFFile(file)
        for segment in image.iter_segments("PT_LOAD"):
            if segment["p_filesz"]:
                engine.mem_write(segment["p_paddr"], segment.data())
        address = image.get_section_by_name(".symtab").get_symbol_by_name(function)[0]["st_value"]
    engine.mem_write(0xE000ED88, (0xF << 20).to_bytes(4, "little"))
    engine.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)
    count = 0

    def block(_: object, address: int, size: int, __: object) -> None:
        # Every instruction of a block counts, in an IT block too: skipping one takes its time.
        nonlocal count
        code = engine.mem_read(address, size)
        at = 0
        while at < size:
            at += 4 if code[at + 1] >> 3 >= 0b11101 else 2
            count += 1

    engine.hook_add(unicorn.UC_HOOK_BLOCK, block)
    end = 0x000FFFF0
    engine.reg_write(arm_const.UC_ARM_REG_SP, 0x20008000)
    engine.reg_write(arm_const.UC_ARM_REG_LR, end | 1)
    engine.reg_write(arm_const.UC_ARM_REG_R0, argument)
    engine.emu_start(address | 1, end)
    return count


def test_delay_takes_its_time(sketch: Sketch) -> None:
    start = time.monotonic()
    assert 200_000 <= int(sketch.ask("d", 200)) < 250_000
    assert time.monotonic() - start > 0.15


def test_deterministic_board_runs_ahead_of_the_clock(image: BuildResult) -> None:
    with EmulatedBoard(image.elf, deterministic=True) as board:
        sketch = Sketch(board.port)

        def ten_seconds() -> None:
            assert 10_000_000 <= int(sketch.ask("d", 10_000)) < 10_000_200

        assert shortest(ten_seconds, seconds=9) < 9
        # Two instructions for the readings, and two for a byte that may come in between.
        assert abs(int(sketch.ask("c", 1000)) - int(sketch.ask("c", 1000))) <= 4
        sketch.serial.close()


def test_idle_board_leaves_the_processor_alone(board: EmulatedBoard, sketch: Sketch) -> None:
    def seconds() -> float:
        fields = Path(f"/proc/{board.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    sketch.report()
    start = seconds()
    time.sleep(2)
    assert (seconds() - start) / 2 < 0.25

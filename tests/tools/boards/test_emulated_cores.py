"""The emulated boards of other cores: the same API, serial port, counts and faults as the M4's."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.images import build_image
from tests.support.sketch import PROJECT, Sketch, exchange_on_plain_uart
from tests.support.waiting import PATIENCE
from tools.boards.adc import AdcRecording
from tools.boards.build import BuildResult
from tools.boards.catalogue import find_board, load_boards
from tools.boards.emulated import EmulatedBoard, board_of_image
from training.bundle.errors import BoardError

OTHERS = [row.id for row in load_boards().values() if row.emulated and row.core != "cortex-m4"]
FRAMES = 500
WITH_FPU = ("cortex-m7", "cortex-m33", "cortex-m55")
DEFAULT = "emulated_m33"  # the one core that runs without VIGIL_CORES=1: the most different


def marks(key: str) -> list[pytest.MarkDecorator]:
    needs = [pytest.mark.riscv] if find_board(key).riscv else []
    return [*needs, *([] if key == DEFAULT else [pytest.mark.cores])]


@pytest.fixture(params=[pytest.param(key, marks=marks(key)) for key in OTHERS])
def image(request: pytest.FixtureRequest) -> BuildResult:
    return build_image(request.param, project=PROJECT)


@pytest.fixture
def board(image: BuildResult) -> Iterator[EmulatedBoard]:
    with EmulatedBoard(image.elf) as running:
        yield running


@pytest.mark.toolchain
def test_the_board_works_like_the_m4s(image: BuildResult, board: EmulatedBoard) -> None:
    sketch = Sketch(board.port)
    report = sketch.report()
    assert report["name"] == image.environment
    assert report["unit"] == "instructions" and report["stack_size"] == "32768"
    sketch.exchange(20_000)
    # Counts: two instructions per turn; a byte that arrives late leaves a few.
    short, long = int(sketch.ask("c", 1000)), int(sketch.ask("c", 1_001_000))
    assert abs(long - short - 2_000_000) <= 10
    assert int(sketch.ask("d", 50)) >= 50_000
    for level in (1, 0):
        sketch.ask("l", level)
        assert board.led() == bool(level)
    board.reset()
    assert Sketch(board.port).report()["boot"] != report["boot"]


def disturbed(image: BuildResult, broken: int) -> dict[str, int]:
    """How often the program and the converter's interrupt, which use the same registers, err.

    Args:
        broken: a value of Break in the sketch: 0 for nothing.
    """
    recording = AdcRecording(np.zeros((FRAMES, 1), np.int16), np.zeros(FRAMES, bool))
    with EmulatedBoard(image.elf, deterministic=True, adc=recording) as board:
        sketch = Sketch(board.port)
        sketch.send("v", broken)
        answers = [sketch.line().split() for _ in range(5)]
    return {name: int(count) for name, count in answers}


@pytest.mark.cores
@pytest.mark.toolchain
def test_an_interrupt_keeps_every_register(image: BuildResult) -> None:
    wrong = disturbed(image, 0)
    length_us = wrong.pop("us")
    assert wrong == {"frames": FRAMES, "handler": 0, "floats": 0, "vectors": 0}
    # The frame after the last one ends the recording; then the program notices.
    assert (FRAMES + 1) * 1000 <= length_us <= (FRAMES + 2) * 1000


@pytest.mark.cores
@pytest.mark.toolchain
@pytest.mark.parametrize(("broken", "seen"), [(1, ("floats", "vectors")), (2, ("vectors",))])
def test_a_register_that_an_interrupt_loses_is_noticed(
    image: BuildResult, broken: int, seen: tuple[str, ...]
) -> None:
    """The test above can fail: here the processor, or the handler, saves too few registers."""
    core = find_board(image.environment).core
    expected = {
        name for name in seen if (core == "cortex-m55" if name == "vectors" else core in WITH_FPU)
    }
    wrong = disturbed(image, broken)
    assert {name for name in ("floats", "vectors") if wrong[name]} == expected


@pytest.mark.cores
@pytest.mark.toolchain
def test_counts_leave_interrupts_out(image: BuildResult, board: EmulatedBoard) -> None:
    sketch = Sketch(board.port)
    turns = 2_000_000
    quiet = int(sketch.ask("c", turns))
    sent = sketch.serial.write(f"c{turns}\n".encode() + b"#" * 20 + b"\n")
    for _ in range(50):
        time.sleep(0.001)
        sent += sketch.serial.write(b"#" * 9 + b"\n")
    busy = int(sketch.line().split()[1])
    # One interrupt per burst; on a busy machine, one per byte.
    per_interrupt = 1 if find_board(image.environment).riscv else 10
    assert abs(busy - quiet) <= per_interrupt * sent


@pytest.mark.toolchain
def test_plain_uart_works_without_a_bridge(image: BuildResult) -> None:
    exchange_on_plain_uart(image.elf)


FAULTS = {
    "F": "access to forbidden memory",  # a write to flash
    "R": "access to forbidden memory",  # beyond SRAM
    "O": "access to forbidden memory",  # stack overflow
    "U": "undefined instruction",
    "C": "instruction fetch from forbidden memory",
}


@pytest.mark.toolchain
def test_faults_are_reported(image: BuildResult) -> None:
    for command, cause in FAULTS.items():
        with EmulatedBoard(image.elf) as board:
            Sketch(board.port).send(command)
            assert board.wait(PATIENCE) == 70
            assert cause in board.log


def test_a_file_that_is_no_image_of_an_emulated_board_is_one_line(tmp_path: Path) -> None:
    text = tmp_path / "firmware.elf"
    text.write_text("no ELF")
    for elf in (text, Path("/bin/true"), tmp_path):
        with pytest.raises(BoardError, match="run `vigil build`"):
            board_of_image(elf)

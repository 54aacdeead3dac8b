"""The emulated board's Arduino API and serial port, asked from a sketch of its own."""

import resource
import time

import pytest

from tests.support.sketch import Sketch, exchange_on_plain_uart
from tests.support.waiting import PATIENCE
from tools.boards.build import BuildResult
from tools.boards.emulated import EmulatedBoard
from training.bundle.errors import BoardError

pytestmark = pytest.mark.toolchain


def test_says_what_it_is(sketch: Sketch) -> None:
    report = sketch.report()
    assert report["name"] == "emulated"
    assert report["unit"] == "instructions"
    assert report["cache"] == "absent"
    assert report["hz"] == "15625000"
    assert report["stack_size"] == "32768"


def test_print_like_arduino(sketch: Sketch) -> None:
    sketch.send("p")
    lines = [sketch.line() for _ in range(13)]
    assert lines == [
        *("text", "c", "-12", "34", "FF", "101", "-2147483648", "18446744073709551615"),
        *("3.14", "-0.5000", "1.00", "200", "raw"),
    ]


def test_bytes_arrive_whole_both_ways(sketch: Sketch) -> None:
    sketch.exchange(100_000)


def test_a_host_that_does_not_read_does_not_hang_the_board(board: EmulatedBoard) -> None:
    sketch = Sketch(board.port)
    sketch.send("b", 1_000_000)
    time.sleep(2)  # nobody reads; what fits no buffer is dropped
    sketch.serial.reset_input_buffer()
    sketch.serial.timeout = 0.5
    while sketch.serial.read(65536):
        pass
    sketch.serial.timeout = PATIENCE
    assert sketch.ask("l", 1) == "1"
    sketch.serial.close()


def test_plain_uart_works_without_a_bridge(image: BuildResult) -> None:
    exchange_on_plain_uart(image.elf)


def test_a_limit_of_the_size_of_files_is_one_line(image: BuildResult) -> None:
    board, before = EmulatedBoard(image.elf), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(BoardError, match="File too large; raise the limits of this shell"):
            board.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    board.start()
    board.stop()


def test_stack_high_water_mark(sketch: Sketch) -> None:
    before = int(sketch.report()["stack_used"])
    assert 0 < before < 2000
    sketch.ask("s", 10_000)
    after = int(sketch.report()["stack_used"])
    assert 10_000 <= after < 13_000
    assert int(sketch.report()["stack_used"]) == after


def test_heap_is_empty_until_someone_allocates(sketch: Sketch) -> None:
    assert sketch.report()["heap_used"] == "0"
    assert sketch.ask("h", 5000) == "1"
    assert int(sketch.report()["heap_used"]) >= 5000
    assert sketch.ask("h", 300_000) == "0"


def test_led_shows_on_the_host(board: EmulatedBoard, sketch: Sketch) -> None:
    sketch.ask("l", 1)
    assert board.led()
    sketch.ask("l", 0)
    assert not board.led()

"""The emulated board's start, reset, faults and end."""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import serial

from tests.support.sketch import Sketch
from tests.support.waiting import PATIENCE, wait_until
from tools.boards.build import BuildResult
from tools.boards.emulated import EmulatedBoard
from tools.checkout import ROOT
from training.bundle.errors import BoardError

pytestmark = pytest.mark.toolchain


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("O", "stack overflow"),
        ("F", "access to forbidden memory"),
        ("R", "address=20040000"),
        ("U", "undefined instruction"),
        ("D", "division by zero"),
        ("C", "instruction fetch from forbidden memory"),
        ("A", "abort"),
        ("E", "assertion failed: number == 1"),
    ],
)
def test_a_fault_says_so_and_ends(
    board: EmulatedBoard, sketch: Sketch, command: str, said: str
) -> None:
    sketch.send(command)
    assert board.wait(10) == 70
    assert said in board.log
    sketch.serial.timeout = 0.5
    assert said.encode() in sketch.serial.read(10_000)


def test_exit_code_reaches_the_host(board: EmulatedBoard, sketch: Sketch) -> None:
    sketch.send("x", 7)
    assert board.wait(10) == 7
    assert not board.running
    with pytest.raises(BoardError, match="not running"):
        board.reset()


def test_reset_from_outside_and_inside(board: EmulatedBoard, sketch: Sketch) -> None:
    first = sketch.report()
    sketch.ask("s", 20_000)
    board.reset()
    second = wait_for_reboot(sketch, first)
    assert second["boot"] != first["boot"]
    assert int(second["stack_used"]) < 2000  # painted again
    sketch.send("r")
    third = wait_for_reboot(sketch, second)
    assert third["boot"] not in (first["boot"], second["boot"])


def wait_for_reboot(sketch: Sketch, before: dict[str, str]) -> dict[str, str]:
    """The first report of another boot; a request that arrives during the restart is lost."""
    report = before
    sketch.serial.timeout = 1

    def rebooted() -> bool:
        nonlocal report
        sketch.serial.reset_input_buffer()
        with suppress(AssertionError, ValueError):
            report = sketch.report()
        return report.get("boot", before["boot"]) != before["boot"]

    wait_until(rebooted)
    sketch.serial.timeout = PATIENCE
    return report


def test_two_boards_at_once_differ(image: BuildResult) -> None:
    with EmulatedBoard(image.elf, seed=1) as one, EmulatedBoard(image.elf, seed=2) as two:
        assert one.port != two.port
        boots = {Sketch(board.port).report()["boot"] for board in (one, two)}
    assert len(boots) == 2


def test_stop_and_start_again(image: BuildResult) -> None:
    board = EmulatedBoard(image.elf)
    for _ in range(3):
        board.start()
        assert Sketch(board.port).report()["name"] == "emulated"
        board.stop()
        assert not board.running
    board.stop()
    with pytest.raises(BoardError, match="not running"):
        _ = board.port


def test_pulling_the_plug_ends_the_port(board: EmulatedBoard, sketch: Sketch) -> None:
    pid = board.pid
    board.kill()
    assert not Path(f"/proc/{pid}").exists()  # reaped, no zombie
    with pytest.raises((serial.SerialException, OSError)):
        sketch.serial.read(1)
        sketch.serial.write(b"x")


def test_board_dies_with_its_process(image: BuildResult) -> None:
    script = (
        "import os, time; from pathlib import Path; from tools.boards.emulated import *;"
        f"board = EmulatedBoard(Path({str(image.elf)!r})); board.start();"
        "print(board.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not runs(pid))


def runs(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_no_image_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"no image at .*: run `vigil build`"):
        EmulatedBoard(tmp_path / "none.elf").start()

"""The emulated board: a sketch of its own, built by `pio run`, asked over the serial port."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from tools.boards.build import BuildResult, build
from tools.boards.emulated import EmulatedBoard
from tools.checkout import ROOT
from training.bundle.errors import BoardError

pytestmark = pytest.mark.toolchain

PROJECT = ROOT / "tests" / "support" / "board_sketch"
SPIN_TURN = 2  # instructions


class Sketch:
    """The test sketch's commands."""

    def __init__(self, port: str) -> None:
        self.serial = serial.Serial(port, 115200, timeout=10, write_timeout=10)

    def ask(self, command: str, number: int = 0) -> str:
        """Send a command; return the value of its one-line answer."""
        self.send(command, number)
        return self.line().split(" ", 1)[1]

    def send(self, command: str, number: int = 0) -> None:
        self.serial.write(f"{command}{number}\n".encode())

    def line(self) -> str:
        line = self.serial.readline()
        assert line.endswith(b"\r\n"), f"no answer, but {line!r}"
        return line.decode().rstrip()

    def report(self) -> dict[str, str]:
        self.send("i")
        pairs = {}
        while (line := self.line()) != "end":
            name, value = line.split(" ", 1)
            pairs[name] = value
        return pairs


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    return build("emulated", build_dir=tmp_path_factory.mktemp("board"), project=PROJECT)


@pytest.fixture
def board(image: BuildResult) -> Iterator[EmulatedBoard]:
    with EmulatedBoard(image.elf) as running:
        yield running


@pytest.fixture
def sketch(board: EmulatedBoard) -> Iterator[Sketch]:
    sketch = Sketch(board.port)
    yield sketch
    sketch.serial.close()


def test_builds_without_a_network(tmp_path: Path) -> None:
    """In a namespace with no network at all, from an empty PlatformIO folder."""
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us take the network away (unshare -rn)")
    core = tmp_path / "core"
    script = (
        "from pathlib import Path; from tools.boards.build import build;"
        f"print(build('emulated', build_dir=Path({str(tmp_path)!r}), "
        f"project=Path({str(PROJECT)!r})).elf)"
    )
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PLATFORMIO_CORE_DIR": str(core)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_file()
    assert (core / "packages" / "tool-scons" / "scons.py").is_file()


def test_builds_from_any_folder(tmp_path: Path) -> None:
    clone = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "firmware" / "emulated", clone / "firmware" / "emulated")
    shutil.copytree(ROOT / "firmware" / "lib", clone / "firmware" / "lib")
    shutil.copytree(
        PROJECT, clone / "tests" / "support" / "board_sketch", ignore=shutil.ignore_patterns(".pio")
    )
    result = build(
        "emulated",
        build_dir=tmp_path / "build",
        project=clone / "tests" / "support" / "board_sketch",
    )
    assert result.elf.is_file()
    assert f"{clone}/firmware/emulated" in result.map.read_text() or "core/startup" in result.output


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


@pytest.mark.parametrize("turns", [10, 1000, 1_000_000])
def test_counts_instructions_exactly(sketch: Sketch, turns: int) -> None:
    counts = [int(sketch.ask("c", turns)) for _ in range(5)]
    longer = [int(sketch.ask("c", 2 * turns)) for _ in range(5)]
    # Two readings, each exact to an instruction (a tick is 40 ns, an instruction 64).
    assert max(counts) - min(counts) <= 2
    assert abs(longer[0] - counts[0] - SPIN_TURN * turns) <= 2


def test_counts_the_same_while_bytes_pour_in(sketch: Sketch) -> None:
    """Interrupts are left out; what remains of each is less than two instructions."""
    bursts = 50
    turns = 2_000_000
    quiet = int(sketch.ask("c", turns))
    sketch.serial.write(f"c{turns}\n".encode() + b"#" * 20 + b"\n")
    for _ in range(bursts):
        time.sleep(0.001)
        sketch.serial.write(b"#" * 9 + b"\n")
    busy = int(sketch.line().split()[1])
    assert abs(busy - quiet) <= 2 * (bursts + 1)


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


def test_bytes_arrive_whole_both_ways(sketch: Sketch) -> None:
    sent = os.urandom(100_000)
    sketch.send("t", len(sent))
    sketch.serial.write(sent)
    total = 0
    for byte in sent:
        total = (total * 31 + byte) & 0xFFFFFFFF
    assert sketch.line() == f"sum {total}"
    sketch.send("b", 100_000)
    assert sketch.serial.read(100_000) == bytes(range(100)) * 1000
    assert sketch.line() == "sent 100000"


def test_a_host_that_does_not_read_does_not_hang_the_board(board: EmulatedBoard) -> None:
    sketch = Sketch(board.port)
    sketch.send("b", 1_000_000)
    time.sleep(2)  # nobody reads; what fits no buffer is dropped
    sketch.serial.reset_input_buffer()
    sketch.serial.timeout = 0.5
    while sketch.serial.read(65536):
        pass
    sketch.serial.timeout = 10
    assert sketch.ask("l", 1) == "1"
    sketch.serial.close()


def test_plain_uart_works_without_a_bridge(image: BuildResult) -> None:
    """What someone gets who starts QEMU by hand, as docs/emulated.md shows."""
    process = subprocess.Popen(
        [
            *("qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-nodefaults"),
            *("-icount", "shift=6", "-semihosting", "-serial", "pty", "-kernel", str(image.elf)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().split("redirected to ")[1].split()[0]
        sketch = Sketch(port)
        time.sleep(1.2)  # QEMU looks once a second whether somebody has opened its terminal
        assert sketch.ask("l", 1) == "1"
        sketch.send("t", 2000)
        sketch.serial.write(b"\1" * 2000)
        assert sketch.line().startswith("sum ")
        sketch.serial.close()
    finally:
        process.kill()
        process.wait()


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


def test_delay_takes_its_time(sketch: Sketch) -> None:
    start = time.monotonic()
    assert 200_000 <= int(sketch.ask("d", 200)) < 250_000
    assert time.monotonic() - start > 0.15


def test_deterministic_board_runs_ahead_of_the_clock(image: BuildResult) -> None:
    with EmulatedBoard(image.elf, deterministic=True) as board:
        sketch = Sketch(board.port)
        start = time.monotonic()
        assert 10_000_000 <= int(sketch.ask("d", 10_000)) < 10_000_200
        assert time.monotonic() - start < 9
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
    second = wait_for_report(sketch)
    assert second["boot"] != first["boot"]
    assert int(second["stack_used"]) < 2000  # painted again
    sketch.send("r")
    third = wait_for_report(sketch)
    assert third["boot"] not in (first["boot"], second["boot"])


def wait_for_report(sketch: Sketch) -> dict[str, str]:
    """Ask until the board is up again: what it is sent before that is lost."""
    time.sleep(0.3)
    sketch.serial.reset_input_buffer()
    return sketch.report()


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
    end = time.monotonic() + 10
    while time.monotonic() < end and runs(pid):
        time.sleep(0.05)
    assert not runs(pid)


def runs(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ("flash_overflow", r"region .FLASH' overflowed by \d+ bytes"),
        ("sram_overflow", r"region .RAM' overflowed by \d+ bytes"),
        ("small_board", r"static data takes \d+ bytes of SRAM, \d+ more than the 30000"),
    ],
)
def test_an_image_that_does_not_fit_does_not_build(
    tmp_path: Path, environment: str, said: str
) -> None:
    with pytest.raises(BoardError, match=said):
        build(environment, build_dir=tmp_path, project=PROJECT)


def test_no_image_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"no image at .*: run `vigil build`"):
        EmulatedBoard(tmp_path / "none.elf").start()

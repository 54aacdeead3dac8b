"""The catalogue of boards, finding ports, preparing PlatformIO, building."""

from __future__ import annotations

import configparser
import json
import re
import runpy
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from tools.boards import build as building
from tools.boards import ports, prepare
from tools.boards.build import build, first_error, flash
from tools.boards.catalogue import board_of_environment, find_board, load_boards
from tools.boards.ports import find_port, find_ports
from tools.boards.prepare import prepare_platformio
from tools.boards.sensors import find_sensor
from tools.checkout import FIRMWARE, ROOT
from tools.measure.bench.bench import TFLM
from training.bundle.errors import BoardError

NANO = [(0x2341, 0x005A), (0x2341, 0x805A), (0x2341, 0x015A), (0x2341, 0x025A)]


def test_the_nano_is_there_under_all_its_ids() -> None:
    board = find_board("nano33ble")
    assert sorted(board.usb_ids) == sorted(NANO)
    assert (board.clock_hz, board.flash_bytes, board.sram_bytes) == (64_000_000, 958_464, 262_144)
    assert not board.emulated


def test_no_two_boards_share_a_usb_id() -> None:
    ids = [usb_id for board in load_boards().values() for usb_id in board.usb_ids]
    assert len(ids) == len(set(ids))


EMULATED = [board.id for board in load_boards().values() if board.emulated]


@pytest.mark.parametrize("key", EMULATED)
def test_an_emulated_board_has_the_nanos_limits_wherever_they_are_written(key: str) -> None:
    nano, emulated = find_board("nano33ble"), find_board(key)
    limits = (nano.flash_bytes, nano.sram_bytes)
    assert (emulated.flash_bytes, emulated.sram_bytes) == limits
    platform = FIRMWARE / "emulated"
    written = json.loads((platform / "boards" / f"{key}.json").read_text())
    upload, build = written["upload"], written["build"]
    assert (upload["maximum_size"], upload["maximum_ram_size"]) == limits
    script = (platform / "machines" / build["machine"] / "memory.ld").read_text()
    assert tuple(int(n) for n in re.findall(r"(?:FLASH|RAM) .*LENGTH = (\d+)", script)) == limits
    serial = (platform / "cores" / "arduino" / "HardwareSerial.cpp").read_text()
    assert f"kRingBytes = {emulated.receive_ring};" in serial
    assert build["f_cpu"] == f"{emulated.clock_hz}L"
    assert (build["mcu"], build["cpu"]) == (emulated.machine, emulated.core)
    flag = "-march" if emulated.riscv else "-mcpu"
    assert f"{flag}={emulated.core}" in build["machine_flags"].split()


def test_catalogue_and_platformio_know_the_same_environments() -> None:
    project = configparser.ConfigParser()
    project.read(FIRMWARE / "platformio.ini")
    written = {name[4:] for name in project.sections() if name.startswith("env:")}
    known = {e for board in load_boards().values() for e in board.environments.values()}
    assert written == known | set(TFLM.values())  # one more, for the bench alone
    for environment in known:
        board = board_of_environment(environment)
        section = project[f"env:{environment}"]
        base = section["extends"].split(",")[0]
        assert (section.get("board") or project[base]["board"]) == board.id


def test_a_row_without_a_figure_names_the_feature_it_costs() -> None:
    nano = find_board("nano33ble")
    assert nano.missing_figures() == []
    assert replace(nano, receive_ring=None, adc_bits=None).missing_figures() == [
        "boards.toml has no receive_ring: no firmware can be built",
        "boards.toml has no adc_bits: no analog sensor can be read",
    ]
    bare = replace(nano, framework_sram=None, wait_states=None, supply_v=None)
    assert bare.missing_figures() == [
        "boards.toml has no framework_sram: a forecast before training counts no framework",
        "boards.toml has no wait_states: an estimate has no upper bound of the time",
        "boards.toml has no supply_v: an estimate has no energy",
    ]
    with pytest.raises(BoardError, match=r"cannot read an analog sensor: .* needs adc_bits"):
        find_sensor("ad8232", replace(nano, adc_hz=None))


def test_every_board_that_firmware_is_built_for_has_its_receive_ring() -> None:
    for board in load_boards().values():
        assert board.receive_ring or not board.environments, board.id


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(BoardError, match=r"no board 'uno' .* nano33ble"):
        find_board("uno")
    with pytest.raises(BoardError, match=r"no environment 'uno'; .* emulated_tflm"):
        board_of_environment("uno")
    with pytest.raises(BoardError, match=r"nicla_sense_me has no build with engine 'tflm'"):
        find_board("nicla_sense_me").environment("tflm")


def test_platformio_gets_every_usb_id() -> None:
    """firmware/usb_ids.py, run as PlatformIO runs it."""
    updates: dict[str, object] = {}

    class Env(dict[str, str]):
        def subst(self, text: str) -> str:
            return {"$PROJECT_DIR": str(FIRMWARE)}[text]

        def BoardConfig(self) -> SimpleNamespace:  # noqa: N802
            return SimpleNamespace(update=updates.__setitem__)

    env = Env(BOARD="nano33ble")
    runpy.run_path(
        str(FIRMWARE / "usb_ids.py"), init_globals={"Import": lambda *_: None, "env": env}
    )
    assert updates["build.hwids"] == [[f"0x{v:04x}", f"0x{p:04x}"] for v, p in NANO]


def plug_in(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, int | None, int | None]) -> None:
    plugged_in = [
        SimpleNamespace(device=device, vid=vid, pid=pid, serial_number=f"S{device[-1]}")
        for device, vid, pid in entries
    ]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: plugged_in)


@pytest.mark.parametrize("usb_id", NANO)
def test_finds_a_board_by_usb_id(monkeypatch: pytest.MonkeyPatch, usb_id: tuple[int, int]) -> None:
    plug_in(monkeypatch, ("/dev/ttyS0", None, None), ("/dev/ttyACM1", *usb_id))
    port = find_port()
    assert (port.path, port.board.id, port.serial_number) == ("/dev/ttyACM1", "nano33ble", "S1")


def test_a_board_is_found_while_another_is_unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, ("/dev/ttyACM1", *NANO[0]))
    comports, read = ports.list_ports.comports, 0

    def unplugged() -> list[object]:
        nonlocal read
        read += 1
        if read < 3:  # as pyserial does when /sys/.../idVendor has just vanished
            raise TypeError("int() can't convert non-string with explicit base")
        return list(comports())

    monkeypatch.setattr(ports.list_ports, "comports", unplugged)
    assert [port.path for port in find_ports()] == ["/dev/ttyACM1"]
    assert read == 3


def test_none_and_several_boards(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, ("/dev/ttyUSB0", 0x0403, 0x6001))
    assert find_ports() == []
    with pytest.raises(BoardError, match=r"no board found on USB.*--port"):
        find_port()
    plug_in(monkeypatch, ("/dev/ttyACM1", *NANO[1]), ("/dev/ttyACM0", *NANO[0]))
    assert [port.path for port in find_ports()] == ["/dev/ttyACM0", "/dev/ttyACM1"]
    with pytest.raises(BoardError, match=r"several boards.*/dev/ttyACM0.*/dev/ttyACM1"):
        find_port()
    plug_in(monkeypatch, ("/dev/ttyACM0", *NANO[0]), ("/dev/ttyACM1", 0x2341, 0x0060))
    assert find_port(find_board("nicla_sense_me")).path == "/dev/ttyACM1"


def test_preparing_is_quiet_idempotent_and_stays_in_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    core = prepare_platformio()
    assert core == tmp_path / "core"
    state = core / "appstate.json"
    settings = json.loads(state.read_text())["settings"]
    assert settings["enable_telemetry"] is False
    files = {path: path.stat().st_mtime_ns for path in core.rglob("*") if path.is_file()}
    assert len(files) == 5
    prepare_platformio()
    assert files == {path: path.stat().st_mtime_ns for path in core.rglob("*") if path.is_file()}
    # What a user has set for PlatformIO besides stays.
    text = json.loads(state.read_text())
    text["settings"] |= {"force_verbose": True, "enable_telemetry": True}
    state.write_text(json.dumps(text))
    prepare_platformio()
    settings = json.loads(state.read_text())["settings"]
    assert settings["force_verbose"] is True
    assert settings["enable_telemetry"] is False


def test_without_an_override_the_users_own_platformio_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PLATFORMIO_CORE_DIR", raising=False)
    assert prepare.core_dir() == ROOT / ".platformio"
    assert prepare.environment()["PLATFORMIO_CORE_DIR"] == str(ROOT / ".platformio")
    assert "core_dir = ../.platformio" in (FIRMWARE / "platformio.ini").read_text()


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            "Compiling a.o\nsrc/main.cpp:3:5: error: 'x' was not declared\n*** [a.o] Error 1\n",
            "src/main.cpp:3:5: error: 'x' was not declared",
        ),
        (
            "/usr/lib/gcc/bin/ld: region `FLASH' overflowed by 12 bytes\n"
            "collect2: error: ld returned 1 exit status\n",
            "region `FLASH' overflowed by 12 bytes",
        ),
        (
            "/usr/lib/gcc/bin/ld: warning: x has a LOAD segment with RWX permissions\n"
            "/usr/lib/gcc/bin/ld: cannot find er/firmware.map: No such file or directory\n"
            "collect2: error: ld returned 1 exit status\n",
            "cannot find er/firmware.map: No such file or directory",
        ),
        (
            "Error: /x/generated has no constants.h: run: vigil convert\n",
            "/x/generated has no constants.h: run: vigil convert",
        ),
        ("UnknownEnvNamesError: Unknown environment names 'x'\n", None),
        ("one\n\ntwo\n", "two"),
        ("", "PlatformIO failed without output"),
    ],
)
def test_a_failed_build_is_its_first_error(output: str, line: str | None) -> None:
    assert first_error(output) == (line or output.strip())


def test_a_build_that_is_stopped_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stopped = (-signal.SIGTERM, "Compiling a.o\n")
    monkeypatch.setattr(building, "run_group", lambda *_, **__: stopped)
    with pytest.raises(BoardError, match=r"^build of emulated: stopped by SIGTERM; run it again$"):
        build("emulated", build_dir=tmp_path)


def test_a_platform_that_git_cannot_fetch_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = (
        "VCSBaseException: VCS: Could not process command ['git', 'clone', '--recursive', "
        "'https://example.com/platform.git', '/cache/tmp']\n"
    )
    failed = (1, output)
    monkeypatch.setattr(building, "run_group", lambda *_, **__: failed)
    with pytest.raises(BoardError) as caught:
        build("emulated", build_dir=tmp_path)
    assert str(caught.value) == (
        "build of emulated: PlatformIO cannot fetch https://example.com/platform.git with git: run "
        "it once with a network"
    )


@pytest.mark.toolchain
def test_no_generated_sources_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BoardError) as caught:
        build("emulated", generated=tmp_path, build_dir=tmp_path / "build")
    assert str(caught.value) == (
        f"build of emulated: {tmp_path} has no constants.h, sensor_constants.h, golden.cpp, "
        "compiled_model.cpp: run: vigil convert"
    )


def test_a_build_keeps_what_else_is_in_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PlatformIO empties its build folder when settings change: it must be its own."""
    seen = {}

    def pretend(_: list[str], __: Path, variables: dict[str, str], ___: str) -> str:
        folder = Path(variables["PLATFORMIO_BUILD_DIR"])
        seen["folder"] = folder
        (folder / "emulated").mkdir(parents=True)
        (folder / "emulated" / "firmware.elf").touch()
        return ""

    monkeypatch.setattr(building, "_platformio", pretend)
    result = build("emulated", build_dir=tmp_path)
    assert seen["folder"] != tmp_path
    assert result.elf.is_relative_to(tmp_path)
    assert result.map is None


def test_the_emulated_board_cannot_be_flashed() -> None:
    with pytest.raises(BoardError, match="emulated board: nothing to flash, run `vigil board`"):
        flash("emulated")


def test_the_library_is_looked_for_where_platformio_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLATFORMIO_LIBDEPS_DIR", str(tmp_path))
    assert not building.has_tflm_library()
    library = tmp_path / "emulated_tflm" / building.TFLM_LIBRARY
    library.mkdir(parents=True)
    (library / ".piopm").touch()
    assert building.has_tflm_library()


def test_another_checkouts_platform_is_not_taken_for_ones_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    link = tmp_path / "core" / "platforms" / "emulated.pio-link"
    link.parent.mkdir(parents=True)

    def known(cwd: Path, uri: str = "symlink://emulated") -> None:
        link.write_text(json.dumps({"cwd": str(cwd), "spec": {"uri": uri}}))

    known(FIRMWARE)
    prepare_platformio()
    assert link.is_file()
    known(ROOT / "tests" / "support" / "board_sketch", "symlink://../../../firmware/emulated")
    prepare_platformio()
    assert link.is_file()
    known(tmp_path / "elsewhere" / "firmware")
    prepare_platformio()
    assert not link.exists()
    link.write_text("no JSON")
    prepare_platformio()
    assert link.is_file()


def test_one_program_builds_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock = tmp_path / "building.lock"
    monkeypatch.setattr(building, "_LOCK", FileLock(lock, thread_local=False))
    other = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time; from filelock import FileLock\n"
            "with FileLock(sys.argv[1]): print('held', flush=True); time.sleep(0.3)",
            str(lock),
        ],
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None and other.stdout.readline() == b"held\n"
    waited = []
    with building.alone(lambda: waited.append(other.poll())):
        with building.alone(lambda: waited.append("again")):  # its holder may take it again
            assert other.wait(5) == 0
        assert waited == [None]

"""The sketch's serial port on the cores whose Serial waits or returns -1: it does neither."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support.build_cache import compile_objects, link
from tools.checkout import FIRMWARE, LIBRARIES, ROOT

SOURCE = ROOT / "tests/support/cpp/serial_ports.cpp"
COMPILER = [
    *("g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-DVIGIL_RECEIVE_RING=256"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover"),
]


@pytest.mark.parametrize(
    "macros",
    [
        ["-DARDUINO_ARCH_SAMD"],  # nano_33_iot
        ["-DARDUINO_ARCH_MBED"],  # portenta_h7_m7
        ["-DARDUINO_ARCH_MBED", "-DARDUINO_ARDUINO_NANO33BLE"],
        [],
    ],
    ids=["samd", "portenta", "nano33ble", "others"],
)
def test_a_host_that_does_not_read_neither_stops_nor_misleads_the_sketch(macros: list[str]) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed (run: make setup)")
    command = [*COMPILER, *macros]
    includes = [
        SOURCE.parent / "serial_port",
        FIRMWARE / "src",
        *(LIBRARIES / name for name in ("board", "link", "sampling", "span", "storage")),
    ]
    program = link(command, compile_objects(command, [SOURCE], includes), "serial_ports")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_longest_boot_report_fits_the_text_that_is_kept() -> None:
    """The model's and the board's name are apart: the buffer grows with them."""
    sketch = (FIRMWARE / "src" / "main.cpp").read_text(encoding="utf-8")
    report = sketch[sketch.index("void print_boot_report") : sketch.index("void setup")]
    sensors = tomllib.loads((ROOT / "tools/boards/sensors.toml").read_text(encoding="utf-8"))
    board = LIBRARIES / "board"
    units = _texts(board / "board.h", r'(?<=[?:] )"([a-z]+)"')
    texts = {  # each with what the report may print for it
        "model::kName": [""],
        "board::name()": [""],
        "engine.name": _texts(LIBRARIES, r'return \{"(\w+)", model'),
        "engine::describe(": _texts(LIBRARIES, r'return "(.*)";'),
        "board::counter_unit()": [unit for unit in units if unit != "instructions"],
        "board::describe(": _texts(board / "board.cpp", r'return "(.*)";'),
        "board::sensor().name()": [
            *(row["name"] for row in sensors.values()),
            *_texts(board / "imu_nano33ble.cpp", r'problem = "(.*)";'),
        ],
    }
    assert all(report.count(call) == 1 and found for call, found in texts.items())
    printed = re.findall(r"text\.print(?:ln)?\((.*)\);", report)
    assert sum('"' not in each for each in printed) == len(texts)
    longest = sum(max(map(len, found)) for found in texts.values())
    literals = "".join(re.findall(r'"([^"]*)"', report)).replace(r"\r\n", "##")
    numbers = report.count("print_pair(") * len(str(2**32 - 1))
    ends = report.count("println(") * len("\r\n")
    kept = int(re.search(r"kReportBytes = (\d+);", sketch)[1])
    assert longest + len(literals) + numbers + ends == kept


def _texts(path: Path, pattern: str) -> list[str]:
    """Return what the pattern's group matches in a file, or in the engines of a folder."""
    paths = sorted(path.glob("engine_*/engine.cpp")) if path.is_dir() else [path]
    return [text for each in paths for text in re.findall(pattern, each.read_text("utf-8"))]

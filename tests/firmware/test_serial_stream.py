"""The sketch's serial port on the cores whose Serial waits or returns -1: it does neither."""

from __future__ import annotations

import shutil
import subprocess

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

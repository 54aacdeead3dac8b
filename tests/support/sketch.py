"""The sketch of tests/support/board_sketch on an emulated board, asked over its serial port."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import serial

from tests.support.waiting import PATIENCE, wait_until
from tools.boards.emulated import board_of_image, emulator_of
from tools.checkout import ROOT

PROJECT = ROOT / "tests" / "support" / "board_sketch"


class Sketch:
    """The test sketch's commands."""

    def __init__(self, port: str) -> None:
        self.serial = serial.Serial(port, 115200, timeout=PATIENCE, write_timeout=PATIENCE)

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

    def exchange(self, size: int) -> None:
        """Send `size` random bytes and receive as many, a multiple of 100; all must arrive."""
        sent = os.urandom(size)
        self.send("t", size)
        self.serial.write(sent)
        total = 0
        for byte in sent:
            total = (total * 31 + byte) & 0xFFFFFFFF
        assert self.line() == f"sum {total}"
        self.send("b", size)
        assert self.serial.read(size) == bytes(range(100)) * (size // 100)
        assert self.line() == f"sent {size}"


def exchange_on_plain_uart(elf: Path) -> None:
    """Start QEMU by hand, as docs/emulated.md shows; send more than the board buffers."""
    command, _ = emulator_of(board_of_image(elf))
    process = subprocess.Popen(
        [
            *(*command, "-display", "none", "-nodefaults"),
            *("-icount", "shift=6", "-semihosting", "-serial", "pty", "-kernel", str(elf)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().split("redirected to ")[1].split()[0]
        sketch = Sketch(port)
        sketch.serial.timeout = 1

        def answers() -> bool:
            sketch.send("l", 1)
            return sketch.serial.readline().endswith(b" 1\r\n")

        wait_until(answers)  # QEMU checks once per second whether its terminal is open
        sketch.serial.reset_input_buffer()
        sketch.serial.timeout = PATIENCE
        sketch.send("t", 2000)
        sketch.serial.write(b"\1" * 2000)
        assert sketch.line().startswith("sum ")
        sketch.serial.close()
    finally:
        process.kill()
        process.wait()

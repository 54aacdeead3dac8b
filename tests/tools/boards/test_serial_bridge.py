"""The emulated board's port and control line, without an emulator."""

import os
from pathlib import Path

import pytest

from tests.support.descriptors import many_files
from tests.support.waiting import PATIENCE
from tools.boards.qmp import Qmp
from tools.boards.serial_bridge import SerialBridge
from tools.link.transport import SerialTransport
from training.bundle.errors import BoardError


def test_bytes_pass_both_ways_on_descriptors_that_select_cannot_take():
    """As in a program with hundreds of boards."""
    with many_files():
        bridge = SerialBridge()
        uart = bridge.qemu_end.dup()
        uart.settimeout(PATIENCE)
        bridge.start()
        port = SerialTransport(bridge.port)
        port.write(b"to the board")
        assert uart.recv(1) == b"\0"  # the bell: bytes wait in the shared memory
        uart.send(b"to the host")
        assert port.read(PATIENCE) == b"to the host"
        port.close()
        bridge.close()
        uart.close()


def test_qemu_is_asked_on_descriptors_that_select_cannot_take():
    with many_files():
        read, write = os.pipe()
        os.write(write, b'{"QMP": {}}\n{"return": {}}\n{"return": "running"}\n')
        with Path(os.devnull).open("wb") as to_qemu, os.fdopen(read, "rb") as from_qemu:
            qmp = Qmp(to_qemu, from_qemu)
            qmp.connect()
            assert qmp.command("query-status") == "running"
            os.close(write)
            with pytest.raises(BoardError, match="QEMU has ended"):
                qmp.command("query-status")

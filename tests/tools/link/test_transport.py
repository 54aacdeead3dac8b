"""The serial transport."""

import errno
import os
import pty
import termios

import pytest
import serial

from tests.support.descriptors import many_files
from tests.support.waiting import PATIENCE
from tools.link import transport
from tools.link.transport import PortLostError, SerialTransport
from training.bundle.errors import LinkError


def test_a_port_that_does_not_exist():
    with pytest.raises(LinkError, match="/dev/ttyVigil: there is no such port; is the board plug"):
        SerialTransport("/dev/ttyVigil")


def test_a_file_that_is_not_a_serial_port(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(LinkError, match="cannot be opened as a serial port"):
        SerialTransport(str(path))


def test_a_port_is_for_one_program_and_never_at_1200_baud():
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    first = SerialTransport(path)
    assert first._serial.baudrate == 115200
    with pytest.raises(LinkError, match=r"busy: close the other monitor.*ModemManager"):
        SerialTransport(path)
    first.close()
    SerialTransport(path).close()
    os.close(slave)
    os.close(master)


@pytest.mark.parametrize(
    ("code", "group", "said"),
    [
        (errno.EACCES, "dialout", "no permission: sudo usermod -a -G dialout .*udev rules"),
        (errno.EACCES, "root", "no permission: install PlatformIO's udev rules"),
        (errno.EBUSY, "dialout", "busy: close the other monitor"),
        (errno.EIO, "dialout", "Input/output error"),
    ],
)
def test_a_port_that_cannot_be_opened_is_an_error_with_a_remedy(monkeypatch, code, group, said):
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(code, f"could not open port: {os.strerror(code)}")

    monkeypatch.setattr(transport.serial, "Serial", refuse)
    monkeypatch.setattr(transport, "_group_of", lambda port: group)
    with pytest.raises(LinkError, match=said):
        SerialTransport("/dev/ttyACM0")


@pytest.mark.parametrize("step", ["tcgetattr", "tcsetattr", "tcflush"])
def test_a_port_that_vanishes_while_it_is_opened(monkeypatch, step):
    def gone(*_: object) -> None:
        raise termios.error(errno.EIO, os.strerror(errno.EIO))

    master, slave = pty.openpty()
    path = os.ttyname(slave)
    monkeypatch.setattr(termios, step, gone)
    with pytest.raises(LinkError, match=f"{path}: cannot be opened .*Input/output error"):
        SerialTransport(path)
    os.close(slave)
    os.close(master)


def test_a_port_that_vanishes():
    master, slave = pty.openpty()
    transport = SerialTransport(os.ttyname(slave))
    os.close(slave)
    assert transport.read(0.01) == b""
    os.close(master)
    with pytest.raises(PortLostError, match=r"vanished|other side closed"):
        transport.read(0.5)
    transport.close()


def test_a_port_works_whose_descriptor_select_cannot_take():
    """As in a program with hundreds of boards."""
    with many_files():
        master, slave = pty.openpty()
        port = SerialTransport(os.ttyname(slave))
        port.write(b"to the board")
        assert os.read(master, 100) == b"to the board"
        os.write(master, b"to the host")
        assert port.read(PATIENCE) == b"to the host"
        port.close()
        for each in (master, slave):
            os.close(each)

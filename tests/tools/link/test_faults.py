"""The bad line itself, the serial transport, and a session through both on real terminals."""

import errno
import os
import pty
import re
import threading
import time
import tty
from pathlib import Path

import numpy as np
import pytest
import serial

from tests.support.link_line import expected_scores, windows_of
from tests.support.link_native import Board, BoardConfig
from tools.checkout import DOCS
from tools.link import faults, transport
from tools.link.events import PortLost, Resumed, Scored
from tools.link.fault_proxy import FaultProxy
from tools.link.faults import KINDS, FaultConfig, FaultFilter
from tools.link.frames import Frame, FrameReceiver, encode_frame
from tools.link.session import Session, stream_id
from tools.link.transport import PortLostError, SerialTransport
from training.bundle.errors import LinkError

FRAMES = [encode_frame(0x84, i & 0xFF, bytes((i & 0xFF,)) * (1 + i % 30)) for i in range(400)]


def through(
    config: FaultConfig, pieces: list[bytes], seconds: float = 0.001
) -> tuple[bytes, FaultFilter]:
    """What comes out when one piece goes in every so many seconds."""
    line, out, now = FaultFilter(config), b"", 0.0
    for piece in pieces:
        line.feed(piece, now)
        out += line.take(now)
        now += seconds
    while line.waiting:
        now += seconds
        out += line.take(now)
    return out, line


def good(data: bytes) -> list[Frame]:
    return [x for x in FrameReceiver().feed(data) if isinstance(x, Frame)]


def test_a_line_without_faults_changes_nothing():
    out, line = through(FaultConfig(rate=0), [*FRAMES, b"text without a zero"])
    assert out == b"".join(FRAMES) + b"text without a zero"
    assert line.frames == len(FRAMES) and not line.faults


def test_the_same_seed_does_the_same_whatever_the_pieces():
    config = FaultConfig(rate=0.2, seed=7)
    whole = b"".join(FRAMES)
    bytes_alone = [whole[i : i + 1] for i in range(len(whole))]
    first, line = through(config, FRAMES)
    assert through(config, [whole])[0] == first
    assert through(config, bytes_alone, 1e-5)[0] == first
    assert through(FaultConfig(rate=0.2, seed=8), FRAMES)[0] != first
    assert sum(line.faults.values()) == pytest.approx(80, abs=30)


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_does_what_it_says(kind):
    out, line = through(FaultConfig(rate=0.25, seed=3, kinds=(kind,)), FRAMES)
    hit = line.faults[kind]
    assert 60 < hit < 140
    sent, came = b"".join(FRAMES), good(out)
    intact = [f for f in good(sent) if f in came]
    if kind in (faults.SPLIT, faults.DELAY):
        assert out == sent
    elif kind == faults.DROP:
        assert len(came) == len(FRAMES) - hit
    elif kind == faults.DUPLICATE:
        assert len(came) == len(FRAMES) + hit
    elif kind == faults.GARBAGE:
        assert len(out) > len(sent) and len(came) == len(FRAMES)
    elif kind == faults.MERGE:
        assert len(FRAMES) - 2 * hit <= len(came) < len(FRAMES)
        assert len(sent) - 2 * hit - 2 <= len(out) < len(sent)
    else:
        # A lost or wrong zero may leave the frame itself as it was.
        assert len(FRAMES) - hit <= len(came) < len(FRAMES) - hit // 2
        assert (len(out) < len(sent)) == (kind in (faults.LOSE, faults.TRUNCATE))
    assert len(intact) >= len(FRAMES) - 2 * hit


def test_the_page_names_every_fault():
    page = (DOCS / "link.md").read_text()
    section = page.split("## Faults on purpose")[1].split("##")[0]
    assert tuple(re.findall(r"^\| `(\w+)` ", section, re.MULTILINE)) == KINDS


def test_delays_keep_the_order_and_the_time():
    config = FaultConfig(rate=1, kinds=(faults.DELAY,), delay=0.5)
    line = FaultFilter(config)
    line.feed(FRAMES[0], 0.0)
    line.feed(FRAMES[1], 0.0)
    assert line.take(0.0) == b""
    assert line.take(0.5) == FRAMES[0] + FRAMES[1]


def test_what_is_no_fault_is_refused():
    with pytest.raises(LinkError, match=r"no such fault: .'gremlin'"):
        FaultConfig(kinds=("gremlin",))
    with pytest.raises(LinkError, match="between 0 and 1"):
        FaultConfig(rate=2)
    with pytest.raises(LinkError, match="0 seconds or later, not at -1"):
        FaultConfig(reboots=(-1.0,))
    with pytest.raises(LinkError, match="back at 2 s: it must be later"):
        FaultConfig(unplugged=((2.0, 2.0),))
    with pytest.raises(LinkError, match="unplugged at 3 s, when the port is not back yet"):
        FaultConfig(unplugged=((3.0, 5.0), (1.0, 4.0)))
    with pytest.raises(LinkError, match="no reboot at 2 s: the board is unplugged then"):
        FaultConfig(reboots=(2.0,), unplugged=((1.0, 4.0),))


# --- real terminals -----------------------------------------------------------------------------


class TerminalBoard:
    """The C++ board behind a pseudo-terminal, in a thread, with a receive ring of 4 KB."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.port = os.ttyname(self.slave)
        self.boots = 0
        self.reboot()
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def reboot(self) -> None:
        self.boots += 1
        self.board = Board(BoardConfig(ring=4096), self.boots)

    def _run(self) -> None:
        while not self._stop:
            board = self.board
            try:
                board.feed(os.read(self.master, 1024))
            except BlockingIOError:
                time.sleep(0.0002)
            except OSError:
                return
            board.poll(time.monotonic_ns() // 1000)
            out = board.take()
            while out and not self._stop:
                try:
                    out = out[os.write(self.master, out) :]
                except BlockingIOError:
                    time.sleep(0.0002)

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def board():
    board = TerminalBoard()
    yield board
    board.close()


CLEAN = FaultConfig(rate=0)


def samples(count: int) -> np.ndarray:
    draw = np.random.default_rng(0)
    return draw.integers(-32768, 32767, (count, 1), np.int16, endpoint=True)


def test_a_session_on_a_terminal(board):
    data = samples(14000)
    with Session.open(board.port) as session:
        assert session.port == board.port
        session.start(stream_id("a"))
        events = list(session.stream(data))
    assert list(windows_of(events).values()) == list(expected_scores(data, 140, 140))
    assert not board.board.is_open


def test_a_session_through_a_bad_line_with_resets_at_given_moments(board):
    data = samples(56000)
    proxy = FaultProxy(
        SerialTransport(board.port),
        FaultConfig(rate=0.03, seed=1, delay=0.01),
        FaultConfig(rate=0.03, seed=2, delay=0.01),
        at=[(0.3, board.reboot), (0.6, board.reboot)],
    )
    with proxy, Session.open(proxy.port) as session:
        session.start(stream_id("a"))
        events = []
        for event in session.stream(data[i : i + 1400] for i in range(0, len(data), 1400)):
            events.append(event)
            if isinstance(event, Scored) and board.boots < 3:
                time.sleep(0.004)  # so that the moments come while there is something to lose
    assert board.boots == 3
    assert sum(proxy.to_board.faults.values()) > 0 < sum(proxy.to_host.faults.values())
    assert sum(isinstance(e, Resumed) and e.rebooted for e in events) == 2
    assert list(windows_of(events).values()) == list(expected_scores(data, 140, 140))


def test_a_port_that_is_gone_for_a_while(board):
    data = samples(28000)
    away = FaultConfig(rate=0, unplugged=((0.3, 0.8), (1.2, 1.4)))
    proxy = FaultProxy(
        SerialTransport(board.port), away, CLEAN, reopen=lambda: SerialTransport(board.port)
    )
    with proxy:
        path, events = proxy.port, []
        with Session.open(path) as session:
            session.start(stream_id("a"))
            for event in session.stream(data[i : i + 1400] for i in range(0, len(data), 1400)):
                events.append(event)
                if isinstance(event, Scored):
                    time.sleep(0.008)  # so that it lasts longer than the last of the moments
        told = [e for e in events if isinstance(e, PortLost | Resumed)]
        assert [type(e) for e in told] == [PortLost, Resumed] * 2
        assert not any(e.rebooted for e in told[1::2])  # the board had its power all the time
        assert list(windows_of(events).values()) == list(expected_scores(data, 140, 140))
        assert Path(path).exists()
    assert not Path(path).exists()


def test_a_port_that_is_not_there():
    with pytest.raises(LinkError, match="/dev/ttyVigil: there is no such port; is the board plug"):
        SerialTransport("/dev/ttyVigil")


def test_a_port_that_is_no_serial_port(tmp_path):
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
def test_ports_that_do_not_open_say_what_to_do(monkeypatch, code, group, said):
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(code, f"could not open port: {os.strerror(code)}")

    monkeypatch.setattr(transport.serial, "Serial", refuse)
    monkeypatch.setattr(transport, "_group_of", lambda port: group)
    with pytest.raises(LinkError, match=said):
        SerialTransport("/dev/ttyACM0")


def test_a_port_that_vanishes():
    master, slave = pty.openpty()
    transport = SerialTransport(os.ttyname(slave))
    os.close(slave)
    assert transport.read(0.01) == b""
    os.close(master)
    with pytest.raises(PortLostError, match=r"vanished|other side closed"):
        transport.read(0.5)
    transport.close()


def test_a_vanished_port_is_opened_again(monkeypatch):
    one, two = TerminalBoard(), TerminalBoard()
    ports = iter([one.port, two.port])
    data = samples(2800)

    def opener() -> SerialTransport:
        return SerialTransport(next(ports))

    events = []
    with Session(opener(), reopen=opener) as session:
        session.start(stream_id("a"))
        for event in session.stream(data):
            events.append(event)
            if isinstance(event, Scored) and event.window == 4:
                one.close()
    two.close()
    assert any(isinstance(e, PortLost) for e in events)
    assert list(windows_of(events).values()) == list(expected_scores(data, 140, 140))

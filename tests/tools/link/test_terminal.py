"""Sessions over pseudo-terminals, through the fault proxy too."""

import os
import pty
import threading
import time
import tty
from pathlib import Path

import pytest

from tests.support.link_line import CLEAN, expected_scores, noise, windows_of
from tests.support.link_native import Board, BoardConfig
from tools.link.events import PortLost, Resumed, Scored
from tools.link.fault_proxy import FaultProxy
from tools.link.faults import FaultConfig
from tools.link.session import Session, stream_id
from tools.link.transport import SerialTransport


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


def test_a_session_on_a_terminal(board):
    data = noise(14000)
    with Session.open(board.port) as session:
        assert session.port == board.port
        session.start(stream_id("a"))
        events = list(session.stream(data))
    assert list(windows_of(events).values()) == list(expected_scores(data, 140, 140))
    assert not board.board.is_open


def test_a_session_over_a_faulty_line_with_resets_at_given_times(board):
    data = noise(56000)
    proxy = FaultProxy(
        SerialTransport(board.port),
        FaultConfig(rate=0.03, seed=1, delay=0.01),
        FaultConfig(rate=0.03, seed=2, delay=0.01),
        at=[(0.3, board.reboot), (1.8, board.reboot)],  # time to resume, also under load
    )
    with proxy, Session.open(proxy.port) as session:
        session.start(stream_id("a"))
        events = []
        for event in session.stream(data[i : i + 1400] for i in range(0, len(data), 1400)):
            events.append(event)
            if isinstance(event, Scored) and board.boots < 3:
                time.sleep(0.008)  # so that both resets happen during the stream
    assert board.boots == 3
    assert sum(proxy.to_board.faults.values()) > 0 < sum(proxy.to_host.faults.values())
    assert sum(isinstance(e, Resumed) and e.rebooted for e in events) == 2
    assert list(windows_of(events).values()) == list(expected_scores(data, 140, 140))


def test_a_port_that_is_gone_and_returns(board):
    data = noise(28000)
    # Far enough apart for a loaded machine to resume in between.
    away = FaultConfig(rate=0, unplugged=((0.3, 0.8), (5.0, 5.4)))
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
                    time.sleep(0.035)  # so that the stream outlasts the last interval
        changes = [e for e in events if isinstance(e, PortLost | Resumed)]
        assert [type(e) for e in changes] == [PortLost, Resumed] * 2
        assert not any(e.rebooted for e in changes[1::2])  # the board had its power all the time
        assert list(windows_of(events).values()) == list(expected_scores(data, 140, 140))
        assert Path(path).exists()
    assert not Path(path).exists()


def test_a_vanished_port_is_opened_again(monkeypatch):
    one, two = TerminalBoard(), TerminalBoard()
    ports = iter([one.port, two.port])
    data = noise(2800)

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

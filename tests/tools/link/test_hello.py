"""HELLO: a session opens, or an error says why it does not."""

from __future__ import annotations

import pytest

from tests.support.link_line import Line
from tests.support.link_native import BoardConfig
from tools.link import messages as m
from tools.link.codec import decode, encode
from tools.link.events import BoardText
from tools.link.faults import FaultConfig
from tools.link.frames import FrameReceiver, encode_frame
from tools.link.session import Session
from tools.link.timeouts import Timeouts
from tools.link.transport import MemoryTransport
from training.bundle.errors import LinkError


def test_hello_reply_describes_the_board():
    line = Line(BoardConfig(window=50, hop=25, channels=3, ring=300))
    with line.session() as session:
        board = session.board
        assert (board.window, board.hop, board.channels, board.credit) == (50, 25, 3, 300)
        assert (board.board, board.engine, board.model) == ("host", "checksum", "test")
        assert (board.rate, board.threshold, board.boot) == (360.0, 0.5, 1)
        assert (session.boot.golden_passed, session.boot.golden_total) == (4, 4)
        assert session.boot.cache == m.Cache.NONE
        assert line.board.is_open
    assert not line.board.is_open


def test_text_before_hello_does_no_harm():
    line = Line()
    line.reboot(b"line one\r\nline two\r\n")
    with line.session() as session:
        texts = [e.text for e in session.poll() if isinstance(e, BoardText)]
        assert texts[-2:] == ["line one", "line two"]
        assert session.counters.corrupt == 0


def test_hello_over_a_line_that_damages_half_of_the_frames():
    line = Line(BoardConfig(), FaultConfig(0.5, 1), FaultConfig(0.5, 2))
    with line.session() as session:
        assert session.board.window == 140


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (b"", "does not answer: wrong port, wrong firmware"),
        (
            b"Hello from Blink\r\n",
            "no Vigil firmware answers on this port; it prints 'Hello from Blink'",
        ),
        (b"\x8f\xfe\0\x80\x80\0" * 3, "possible serial noise|or serial noise"),
    ],
)
def test_a_port_without_a_vigil_board_is_an_error(output, message):
    transport = MemoryTransport(lambda _, now: output if round(now * 2000) % 200 == 0 else b"")
    with pytest.raises(LinkError, match=message):
        Session(transport)
    assert transport.now() == pytest.approx(Timeouts().open, abs=0.1)


def test_a_port_that_echoes_is_an_error():
    with pytest.raises(LinkError, match="echoes"):
        Session(MemoryTransport(lambda data, _: data))


def test_a_board_with_another_protocol_is_an_error():
    refusal = encode(m.Error(m.ErrorCode.VERSION, m.Hello.TYPE, 3 << 8 | 2))
    peer = MemoryTransport(lambda data, _: encode_frame(m.Error.TYPE, 0, refusal) if data else b"")
    with pytest.raises(LinkError, match="protocol 2 to 3, this program speaks 1 to 1: update this"):
        Session(peer)


@pytest.mark.parametrize(
    ("field", "value"),
    [("window", 0), ("hop", 0), ("channels", 0), ("channels", 117), ("max_payload", 0)],
)
def test_a_board_with_an_impossible_description_is_refused(field, value):
    sane = {"window": 4, "hop": 2, "channels": 1, "max_payload": 65535}
    receiver = FrameReceiver()

    def peer(data: bytes, now: float) -> bytes:
        session = [decode(f.type, f.payload).session for f in receiver.feed(data)]  # type: ignore
        said = {**sane, "session": session[0] if session else 0, field: value}
        reply = m.HelloReply(1, 1, **said)
        return encode_frame(reply.TYPE, 0, encode(reply)) if session else b""

    with pytest.raises(LinkError, match="the board reports windows of"):
        Session(MemoryTransport(peer))

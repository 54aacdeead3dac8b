"""The board's side alone, frame by frame: its state table in docs/link.md."""

from __future__ import annotations

import math

import pytest

from tests.support.link_native import Board, BoardConfig
from tests.support.link_talk import Talk, errors_of, statistics_of
from tools.link import messages as m
from tools.link.codec import BY_TYPE, encode
from tools.link.frames import Frame, FrameReceiver, encode_frame


def test_no_version_in_common():
    talk = Talk()
    assert errors_of(talk.say(m.Hello(9, 2, 7))) == [(m.ErrorCode.VERSION, 1, 0x0101)]
    assert not talk.board.is_open
    (reply,) = talk.say(m.Hello(9, 1, 7))  # a newer host that still speaks ours
    assert isinstance(reply, m.HelloReply) and reply.protocol == 1


def test_a_closed_board_answers_only_error_closed():
    talk = Talk()
    assert errors_of(talk.say(m.Samples(0, b"\1\0"))) == [(m.ErrorCode.CLOSED, 4, 0)]
    assert talk.raw(b"ping\r\n\0") == []
    assert talk.say(m.Goodbye()) == [m.GoodbyeReply()]


@pytest.mark.parametrize(
    ("frame", "code", "detail"),
    [
        (Frame(0x3F, 0, b"xyz"), m.ErrorCode.UNKNOWN_TYPE, 0x3F),
        (Frame(m.Restart.TYPE, 0, bytes(19)), m.ErrorCode.BAD_LENGTH, 19),
        (Frame(m.Restart.TYPE, 0, bytes(21)), m.ErrorCode.BAD_LENGTH, 21),
        (Frame(m.StatisticsGet.TYPE, 0, b"\0"), m.ErrorCode.BAD_LENGTH, 1),
        (m.Restart(0, 0, 0), m.ErrorCode.BAD_VALUE, 0),
        (m.Restart(1, 0, 1), m.ErrorCode.BAD_VALUE, 0),
        (m.Restart(1, 2**53 + 1, 0), m.ErrorCode.BAD_VALUE, 0),
        (m.Samples(0, b"\1\0"), m.ErrorCode.NO_STREAM, 0),
        (m.Samples(0, b"\1"), m.ErrorCode.BAD_LENGTH, 1),
        (m.Samples(0, b""), m.ErrorCode.BAD_LENGTH, 0),
        (m.Skip(5), m.ErrorCode.NO_STREAM, 0),
        (m.Watch(1), m.ErrorCode.BAD_VALUE, 1),
        (m.Watch(6 | 128), m.ErrorCode.BAD_VALUE, 134),
        (m.ReportAck(1, 0), m.ErrorCode.BAD_VALUE, 0),
        (m.ThresholdSet(math.nan), m.ErrorCode.BAD_VALUE, 0),
        (m.ThresholdSet(-math.inf), m.ErrorCode.BAD_VALUE, 0),
    ],
)
def test_what_the_board_refuses(frame, code, detail):
    talk = Talk().open()
    type_ = frame.type if isinstance(frame, Frame) else frame.TYPE
    answer = talk.say(frame)
    assert errors_of(answer) == [(code, type_, detail)]
    assert statistics_of(talk).refused == 1
    assert talk.board.is_open


def test_a_longer_hello_is_accepted():
    talk = Talk()
    longer = Frame(m.Hello.TYPE, 0, encode(m.Hello(session=3)) + b"more")
    assert [type(x) for x in talk.say(longer)] == [m.HelloReply]


def test_noise_is_answered_by_ack_damaged():
    talk = Talk().open()
    (ack,) = talk.raw(b"\0\x55\xaa\0")
    assert isinstance(ack, m.Ack) and ack.reason == m.AckReason.DAMAGED
    assert statistics_of(talk).corrupt == 1


def test_a_gap_and_full_report_memory_are_answered():
    talk = Talk().open()
    talk.say(m.Restart(1, 0, 0))
    (ack,) = talk.say(m.Samples(10, bytes(20)))
    assert (ack.next_sample, ack.reason) == (0, m.AckReason.GAP)
    sample, reasons = 0, []
    while not reasons or reasons[-1] != m.AckReason.FULL:
        (ack,) = [x for x in talk.say(m.Samples(sample, bytes(200))) if isinstance(x, m.Ack)]
        sample = ack.next_sample
        reasons.append(ack.reason)
    # Memory for 8 reports: all samples but the one that would complete a ninth window.
    assert (sample, ack.room) == (9 * 140 - 1, 0)
    (ack,) = [x for x in talk.say(m.ReportAck(3, 0)) if isinstance(x, m.Ack)]
    assert (ack.room, ack.next_window) == (3, 3)


def test_repeated_frames_are_ignored():
    talk = Talk().open()
    talk.say(m.Restart(1, 0, 0))
    talk.say(m.Samples(0, bytes(20)))
    before = talk.sequence
    (ack,) = talk.say(m.Restart(1, 0, 0), sequence=before - 1)
    assert ack.next_sample == 10 and ack.heard == before
    talk.sequence = before + 3
    statistics = statistics_of(talk)
    assert (statistics.repeated, statistics.missing) == (1, 3)


def test_the_board_does_not_answer_messages_of_a_board():
    talk = Talk().open()
    for cls in BY_TYPE.values():
        if cls.TYPE >= 0x80:
            assert talk.say(cls()) == []


def test_reports_are_resent_until_acknowledged():
    talk = Talk().open()
    talk.say(m.Restart(1, 0, 0))
    talk.say(m.Samples(0, bytes(200)))
    first = talk.say(m.Samples(100, bytes(100)))
    (score,) = [x for x in first if isinstance(x, m.Score)]
    assert score in talk.say(m.ReportAck(0, 1))
    assert score not in talk.say(m.ReportAck(0, 0))  # it may still be under way
    assert talk.wait(500_001) == []  # time alone is no reason
    assert score in talk.say(m.ReportAck(0, 0))  # a repeated REPORT_ACK is
    talk.say(m.ReportAck(1, 0))
    assert talk.wait(600_000) == []
    assert statistics_of(talk).resent == 2


def test_the_session_of_a_silent_host_is_closed_and_its_stream_kept():
    talk = Talk().open()
    talk.say(m.Restart(1, 0, 0))
    talk.say(m.Samples(0, bytes(20)))
    talk.wait(30_000_000)
    assert talk.board.is_open
    talk.wait(1)
    assert not talk.board.is_open
    (reply,) = talk.say(m.Hello(session=8))
    assert (reply.stream, reply.next_sample) == (1, 10)


def test_a_slow_port_gets_the_same_bytes():
    def answer(room: int) -> bytes:
        board, out = Board(BoardConfig()), b""
        board.feed(encode_frame(m.Hello.TYPE, 0, encode(m.Hello(session=1))))
        board.feed(encode_frame(m.StatisticsGet.TYPE, 1, b""))
        for _ in range(400):
            board.poll(0, room)
            out += board.take()
        return out

    slow, fast = answer(1), answer(1 << 20)
    assert fast.count(0) >= 6
    decode = [list(FrameReceiver().feed(x)) for x in (slow, fast)]
    assert decode[0] == decode[1] and len(decode[0]) == 3

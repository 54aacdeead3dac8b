"""Sessions with a board: what the state tables of docs/link.md promise, one by one."""

import logging
import math
import time

import numpy as np
import pytest

from tests.support.link_line import Line, expected_scores, windows_of
from tests.support.link_native import Board, BoardConfig
from tools.link import messages as m
from tools.link.codec import BY_TYPE, decode, encode
from tools.link.events import BoardText, Lost, PortLost, Resumed, Scored
from tools.link.faults import FaultConfig
from tools.link.frames import Frame, FrameReceiver, encode_frame
from tools.link.session import Session, stream_id
from tools.link.timeouts import Timeouts
from tools.link.transport import Hex, MemoryTransport, PortLostError
from training.bundle.errors import LinkError


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.integers(-32768, 32767, (samples, channels), np.int16, endpoint=True)


def scores(events: list) -> list[np.float32]:
    return [np.float32(e.score) for e in events if isinstance(e, Scored)]


# --- hello --------------------------------------------------------------------------------------


def test_hello_tells_what_the_board_is():
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


def test_text_before_hello_is_for_people_and_costs_nothing():
    line = Line()
    line.reboot(b"line one\r\nline two\r\n")
    with line.session() as session:
        texts = [e.text for e in session.poll() if isinstance(e, BoardText)]
        assert texts[-2:] == ["line one", "line two"]
        assert session.counters.corrupt == 0


def test_hello_gets_through_a_line_that_loses_half():
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


def test_a_port_that_echoes_is_no_board():
    with pytest.raises(LinkError, match="echoes"):
        Session(MemoryTransport(lambda data, _: data))


def test_a_board_of_another_protocol_parts_politely():
    refusal = encode(m.Error(m.ErrorCode.VERSION, m.Hello.TYPE, 3 << 8 | 2))
    peer = MemoryTransport(lambda data, _: encode_frame(m.Error.TYPE, 0, refusal) if data else b"")
    with pytest.raises(LinkError, match="protocol 2 to 3, this program speaks 1 to 1: update this"):
        Session(peer)


@pytest.mark.parametrize(
    ("field", "value"),
    [("window", 0), ("hop", 0), ("channels", 0), ("channels", 117), ("max_payload", 0)],
)
def test_a_board_that_says_nonsense_of_itself_is_refused(field, value):
    sane = {"window": 4, "hop": 2, "channels": 1, "max_payload": 65535}
    receiver = FrameReceiver()

    def peer(data: bytes, now: float) -> bytes:
        session = [decode(f.type, f.payload).session for f in receiver.feed(data)]  # type: ignore
        said = {**sane, "session": session[0] if session else 0, field: value}
        reply = m.HelloReply(1, 1, **said)
        return encode_frame(reply.TYPE, 0, encode(reply)) if session else b""

    with pytest.raises(LinkError, match="the board reports windows of"):
        Session(MemoryTransport(peer))


# --- the stream ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ring", [252, 256, 300, 512, 4096])
@pytest.mark.parametrize(("window", "hop", "channels"), [(140, 140, 1), (50, 1, 1), (32, 8, 6)])
def test_scores_are_the_windows_own_and_the_board_is_never_overrun(ring, window, hop, channels):
    line = Line(BoardConfig(window, hop, channels, ring))
    samples = noise(window + 300 * hop, channels)
    with line.session() as session:
        assert session.start(stream_id("a")) == 0
        events = list(session.stream(samples))
        statistics = session.statistics()
        assert session.counters.resent == session.counters.corrupt == 0
    expected = expected_scores(samples, window, hop)
    assert list(windows_of(events).values()) == list(expected)
    assert [e.anomaly for e in events if isinstance(e, Scored)] == list(expected > 0.5)
    assert line.board.dropped == 0
    assert statistics.samples == len(samples) and statistics.windows == len(expected)
    assert statistics.anomalies == sum(expected > 0.5)


def test_a_live_source_gives_samples_a_few_at_a_time():
    line, samples, events = Line(), noise(1000), []
    with line.session() as session:
        session.start(stream_id("a"))
        for first in range(0, 1000, 7):
            assert session.offer(samples[first : first + 7]) == len(samples[first : first + 7])
            events += session.poll(0.001)
        while not session.done:
            events += session.poll(0.01)
    assert scores(events) == list(expected_scores(samples, 140, 140))


def test_offer_takes_what_there_is_room_for():
    line = Line()
    with line.session(capacity=1000) as session:
        session.start(stream_id("a"))
        assert session.offer(noise(5000)) == session.next_sample == 1000
        assert session.room == 0
        assert session.offer(noise(1)) == 0


def test_what_cannot_be_offered_is_refused():
    with Line(BoardConfig(channels=2)).session() as session:
        with pytest.raises(LinkError, match=r"call Session\.start first"):
            session.offer(noise(10, 2))
        session.start(stream_id("a"))
        with pytest.raises(LinkError, match="int16 counts, not float64"):
            session.offer(np.zeros((10, 2)))
        with pytest.raises(LinkError, match=r"shape \(10,\).* takes 2 channel"):
            session.offer(np.zeros(10, np.int16))
        with pytest.raises(LinkError, match="the number of a stream"):
            session.start(0)


def test_a_gap_costs_the_windows_that_touch_it():
    line, samples = Line(BoardConfig(window=10, hop=5)), noise(200)
    with line.session() as session:
        session.start(stream_id("a"))
        events = list(session.stream(samples[:52]))
        session.skip(20)
        events += list(session.stream(samples[72:]))
        statistics = session.statistics()
    found = windows_of(events)
    expected = dict(enumerate(expected_scores(samples, 10, 5)))
    touched = {k for k in expected if 5 * k < 72 and 5 * k + 10 > 52}
    assert found == {k: None if k in touched else score for k, score in expected.items()}
    assert [e for e in events if isinstance(e, Lost)] == [
        Lost(min(touched), len(touched), m.LostReason.GAP)
    ]
    assert statistics.samples_skipped == 20 and statistics.lost == len(touched)


def test_a_gap_at_the_end_is_reported_too():
    line = Line(BoardConfig(window=10, hop=10))
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(noise(13)))
        session.skip(30)
        events = list(session.stream(noise(0)))
    assert events == [Lost(1, 4, m.LostReason.GAP)]


def test_a_window_that_the_engine_fails_on_is_lost():
    line = Line()
    line.board.fail_on(3)
    with line.session() as session:
        session.start(stream_id("a"))
        events = list(session.stream(noise(1400)))
    assert [k for k, v in windows_of(events).items() if v is None] == [3]
    assert Lost(3, 1, m.LostReason.ENGINE) in events


@pytest.mark.parametrize("rate", [0.0, 0.05])
def test_watched_windows_come_whole(rate):
    line = Line(BoardConfig(640, 320, 1), FaultConfig(rate, 3), FaultConfig(rate, 4))
    samples = noise(640 + 99 * 320)
    with line.session() as session:
        session.start(stream_id("a"))
        session.watch(input=True, output=True)
        events = [e for e in session.stream(samples) if isinstance(e, Scored)]
        session.watch(output=True)
        more = [e for e in session.stream(noise(320, seed=1)) if isinstance(e, Scored)]
    assert len(events) == 100 and len(more) == 1
    for event in events:
        window = samples[event.window * 320 : event.window * 320 + 640, 0]
        assert event.input == (window >> 8).astype(np.int8).tobytes()
        assert event.output == window.astype(np.int8).tobytes()
    assert more[0].input is None and len(more[0].output) == 640


# --- settings and counters ----------------------------------------------------------------------


def test_threshold():
    line = Line()
    with line.session() as session:
        assert session.threshold() == m.Threshold(0.5, 0)
        session.start(stream_id("a"))
        list(session.stream(noise(280)))
        value = float(np.float32(0.9))
        assert session.set_threshold(0.9) == m.Threshold(value, 2)
        assert session.board.threshold == value
        for nonsense in (math.nan, math.inf):
            with pytest.raises(LinkError, match=r"refuses THRESHOLD_SET .bad value"):
                session.set_threshold(nonsense)
        assert session.threshold().value == value
        line.reboot()
        samples = np.concatenate([noise(280), noise(1400, seed=1)])
        events = [e for e in session.stream(samples[280:]) if isinstance(e, Scored)]
        assert session.threshold().value == value
    expected = expected_scores(samples, 140, 140)[2:]
    assert [e.anomaly for e in events] == list(expected > np.float32(0.9))
    assert any(expected > 0.9)


def test_counters_tell_what_went_wrong():
    line = Line(BoardConfig(), FaultConfig(0.1, 5), FaultConfig(0.1, 6))
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(noise(14000)))
        host, board = session.counters, session.statistics()
    assert min(host.corrupt, host.missing, host.resent, host.timeouts) > 0
    assert min(board.corrupt, board.missing, board.resent, board.samples_repeated) > 0
    assert host.windows == board.windows == 100
    assert host.samples == board.samples == 14000


# --- resets -------------------------------------------------------------------------------------


def test_a_reset_of_the_board_loses_nothing():
    line, samples = Line(), noise(14000)
    events = []
    with line.session() as session:
        session.start(stream_id("a"))
        for event in session.stream(samples):
            events.append(event)
            if isinstance(event, Scored) and event.window in (10, 57):
                line.reboot()
    assert list(windows_of(events).values()) == list(expected_scores(samples, 140, 140))
    resumed = [e for e in events if isinstance(e, Resumed)]
    assert len(resumed) == 2 and all(e.rebooted and e.sample == 140 * e.window for e in resumed)
    assert session.board.boot == 3


def test_a_reset_between_hello_and_stream_is_noticed():
    """The reset board counts its frames from 0 again; they are not old ones."""
    line = Line()
    with line.session() as session:
        for _ in range(20):
            session.threshold()
        line.reboot()
        assert session.statistics().sent < 5
    assert session.board.boot == 2


def test_a_reboot_on_request():
    line, samples = Line(), noise(2800)
    with line.session() as session:
        session.start(stream_id("a"))
        events = list(session.stream(samples[:1000]))
        session.reboot()
        events += list(session.stream(samples[1000:]))
    assert line.boots == 2
    assert scores(events) == list(expected_scores(samples, 140, 140))


def test_a_reboot_whose_answer_is_lost_happens_once():
    line = Line()
    with line.session() as session:

        def deaf(data: bytes, now: float) -> bytes:
            line.up.clear()
            return data

        line.drop = deaf
        session.reboot()
        line.drop = None
        session.start(stream_id("a"))
    assert line.boots == 2


def test_a_host_that_starts_again_goes_on_where_it_was():
    line, samples = Line(), noise(14000)
    first = line.session()
    first.start(stream_id("a"))
    seen = []
    for event in first.stream(samples):
        seen.append(event)
        if isinstance(event, Scored) and event.window == 40:
            break  # killed: no goodbye, and this window's report is not acknowledged
    with line.session() as second:
        start = second.start(stream_id("a"))
        assert start == 40 * 140
        rest = list(second.stream(samples[start:]))
    assert isinstance(rest[0], Resumed) and not rest[0].rebooted and rest[0].window == 40
    expected = expected_scores(samples, 140, 140)
    assert scores(seen) == list(expected[:41])
    assert scores(rest) == list(expected[40:])
    assert line.board.dropped == 0


def test_a_host_that_kept_its_reports_gets_none_twice():
    line, samples = Line(), noise(14000)
    with line.session() as session:
        session.start(stream_id("a"))
        for event in session.stream(samples):
            if isinstance(event, Scored) and event.window == 40:
                break
    with line.session() as session:
        start = session.start(stream_id("a"), window=41)
        rest = list(session.stream(samples[start:]))
    assert scores(rest) == list(expected_scores(samples, 140, 140)[41:])


def test_reports_that_nobody_has_can_be_asked_for_again():
    line, samples = Line(), noise(1400)
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(samples))
    with line.session() as session:  # its record of windows from 4 on was lost
        assert session.start(stream_id("a"), window=4) == 560
        events = list(session.stream(samples[560:]))
    assert scores(events) == list(expected_scores(samples, 140, 140)[4:])


def test_another_stream_begins_anew():
    line = Line()
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(noise(300)))
        assert session.start(stream_id("b"), 1000) == 1000
        events = list(session.stream(noise(280, seed=1)))
    assert [e.window for e in events if isinstance(e, Scored)] == [8]
    with line.session() as session:
        assert session.board.stream == stream_id("b")


def test_samples_that_are_gone_are_windows_lost():
    line, samples = Line(), noise(1400)
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(samples[:500]))
    line.reboot()
    with line.session() as session:  # samples before 800 were not kept
        session.start(stream_id("a"), window=3)
        session.skip(800 - session.next_sample)
        events = list(session.stream(samples[800:]))
    found = windows_of(events)
    assert [k for k, v in found.items() if v is None] == [3, 4, 5]
    assert list(found) == list(range(3, 10))


def test_a_board_that_dies_is_an_error_and_says_so():
    line = Line()
    session = line.session()
    session.start(stream_id("a"))
    list(session.stream(noise(280)))
    line.drop = lambda data, now: b""
    with pytest.raises(LinkError, match=r"no longer answers .* unplugged, reset or hanging"):
        list(session.stream(noise(280)))
    session.close()
    session.close()
    assert session.poll() == []


def test_another_board_on_the_same_port_is_noticed():
    line = Line()
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(noise(280)))
        line.config = BoardConfig(window=70)
        line.reboot()
        with pytest.raises(LinkError, match="another model"):
            list(session.stream(noise(280)))


def test_a_port_that_vanishes_comes_back():
    line, samples = Line(), noise(2800)
    unplugged = False

    def unplug(data: bytes, now: float) -> bytes:
        if unplugged:
            raise PortLostError("memory: gone")
        return data

    def reopen() -> MemoryTransport:
        nonlocal unplugged
        unplugged = False
        line.reboot()
        return line.transport()

    line.drop = unplug
    events = []
    with Session(line.transport(), reopen=reopen) as session:
        session.start(stream_id("a"))
        for event in session.stream(samples):
            events.append(event)
            unplugged = unplugged or (isinstance(event, Scored) and event.window == 7)
            if isinstance(event, PortLost):
                assert event.reason == "memory: gone"
    kinds = [type(e) for e in events if isinstance(e, PortLost | Resumed)]
    assert kinds[:2] == [PortLost, Resumed]
    assert scores(events) == list(expected_scores(samples, 140, 140))


def test_a_vanished_port_is_tried_every_so_often_and_not_for_ever():
    line, tried = Line(), []

    def reopen() -> MemoryTransport:
        tried.append(time.monotonic())
        raise LinkError("memory: no such port")

    def unplug(data: bytes, now: float) -> bytes:
        raise PortLostError("memory: gone")

    line.drop = unplug
    timeouts = Timeouts(reconnect=0.05, port=0.3)
    with (
        pytest.raises(LinkError, match="no such port"),
        Session(line.transport(), timeouts=timeouts, reopen=reopen) as session,
    ):
        while True:
            session.poll(0.001)
    assert 3 <= len(tried) <= 8
    assert min(np.diff(tried)) >= 0.05


def test_a_port_that_vanishes_without_a_way_back_is_an_error():
    line = Line()
    session = line.session()

    def unplug(data: bytes, now: float) -> bytes:
        raise PortLostError("memory: gone")

    line.drop = unplug
    with pytest.raises(LinkError, match="memory: gone"):
        session.poll()
    session.close()


# --- goodbye and trace --------------------------------------------------------------------------


def test_an_exception_leaves_the_board_closed_and_the_last_reports_kept():
    line, samples = Line(), noise(2800)
    with pytest.raises(KeyboardInterrupt), line.session() as session:
        session.start(stream_id("a"))
        for event in session.stream(samples):
            if isinstance(event, Scored) and event.window == 5:
                raise KeyboardInterrupt
    assert not line.board.is_open
    with line.session() as session:
        assert session.start(stream_id("a")) == 5 * 140


def test_every_byte_can_be_traced(caplog):
    with caplog.at_level(logging.DEBUG, logger="vigil.link"):
        Line().session().close()
    sent = [r.getMessage() for r in caplog.records if " > " in r.getMessage()]
    assert any("00 02 01" in text for text in sent)  # HELLO: zero, code, type
    assert any(" < " in r.getMessage() for r in caplog.records)


def test_the_trace_costs_nothing_when_nobody_looks(monkeypatch):
    monkeypatch.setattr(Hex, "__str__", lambda self: pytest.fail("formatted for nobody"))
    Line().session().close()


# --- the board alone ----------------------------------------------------------------------------


class Talk:
    """Raw frames to a board, and its messages back."""

    def __init__(self) -> None:
        self.board = Board(BoardConfig())
        self.sequence = 0
        self.receiver = FrameReceiver()
        self.now = 0

    def say(self, message: m.Message | Frame, *, sequence: int | None = None) -> list[m.Message]:
        payload = message.payload if isinstance(message, Frame) else encode(message)
        type_ = message.type if isinstance(message, Frame) else message.TYPE
        self.sequence = self.sequence + 1 & 0xFF if sequence is None else sequence
        return self.raw(encode_frame(type_, self.sequence, payload))

    def raw(self, data: bytes) -> list[m.Message]:
        self.board.feed(data)
        return self.wait(0)

    def wait(self, microseconds: int) -> list[m.Message]:
        self.now += microseconds
        while self.board.poll(self.now):
            pass_on = self.board.take()
            if not pass_on:
                break
            self.board.feed(b"")
            self._got = getattr(self, "_got", b"") + pass_on
        data, self._got = getattr(self, "_got", b""), b""
        return [decode(f.type, f.payload) for f in self.receiver.feed(data)]  # type: ignore

    def open(self) -> "Talk":
        (reply,) = self.say(m.Hello(session=7))
        assert isinstance(reply, m.HelloReply) and reply.session == 7
        return self


def errors(messages: list[m.Message]) -> list[tuple[int, int, int]]:
    return [(e.code, e.type, e.detail) for e in messages if isinstance(e, m.Error)]


def counts(talk: Talk) -> m.Statistics:
    (found,) = [x for x in talk.say(m.StatisticsGet()) if isinstance(x, m.Statistics)]
    return found


def test_no_version_in_common():
    talk = Talk()
    assert errors(talk.say(m.Hello(9, 2, 7))) == [(m.ErrorCode.VERSION, 1, 0x0101)]
    assert not talk.board.is_open
    (reply,) = talk.say(m.Hello(9, 1, 7))  # a newer host that still speaks ours
    assert isinstance(reply, m.HelloReply) and reply.protocol == 1


def test_a_closed_board_says_so_and_nothing_else():
    talk = Talk()
    assert errors(talk.say(m.Samples(0, b"\1\0"))) == [(m.ErrorCode.CLOSED, 4, 0)]
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
        (m.Restart(1, 2**60 + 1, 0), m.ErrorCode.BAD_VALUE, 0),
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
    assert errors(answer) == [(code, type_, detail)]
    assert counts(talk).refused == 1
    assert talk.board.is_open


def test_hello_reply_may_be_asked_for_by_longer_hellos():
    talk = Talk()
    longer = Frame(m.Hello.TYPE, 0, encode(m.Hello(session=3)) + b"more")
    assert [type(x) for x in talk.say(longer)] == [m.HelloReply]


def test_noise_is_answered_by_an_ack_that_says_so():
    talk = Talk().open()
    (ack,) = talk.raw(b"\0\x55\xaa\0")
    assert isinstance(ack, m.Ack) and ack.reason == m.AckReason.DAMAGED
    assert counts(talk).corrupt == 1


def test_a_gap_and_a_full_house_are_answered():
    talk = Talk().open()
    talk.say(m.Restart(1, 0, 0))
    (ack,) = talk.say(m.Samples(10, bytes(20)))
    assert (ack.next_sample, ack.reason) == (0, m.AckReason.GAP)
    sample, reasons = 0, []
    while not reasons or reasons[-1] != m.AckReason.FULL:
        (ack,) = [x for x in talk.say(m.Samples(sample, bytes(200))) if isinstance(x, m.Ack)]
        sample = ack.next_sample
        reasons.append(ack.reason)
    # 8 places for reports: all samples but the one that would complete a ninth window.
    assert (sample, ack.room) == (9 * 140 - 1, 0)
    (ack,) = [x for x in talk.say(m.ReportAck(3, 0)) if isinstance(x, m.Ack)]
    assert (ack.room, ack.next_window) == (3, 3)


def test_frames_that_come_twice_are_left_unread():
    talk = Talk().open()
    talk.say(m.Restart(1, 0, 0))
    talk.say(m.Samples(0, bytes(20)))
    before = talk.sequence
    (ack,) = talk.say(m.Restart(1, 0, 0), sequence=before - 1)
    assert ack.next_sample == 10 and ack.heard == before
    talk.sequence = before + 3
    found = counts(talk)
    assert (found.repeated, found.missing) == (1, 3)


def test_the_board_does_not_answer_its_own_kind():
    talk = Talk().open()
    for cls in BY_TYPE.values():
        if cls.TYPE >= 0x80:
            assert talk.say(cls()) == []


def test_reports_are_sent_again_until_acknowledged():
    talk = Talk().open()
    talk.say(m.Restart(1, 0, 0))
    talk.say(m.Samples(0, bytes(200)))
    first = talk.say(m.Samples(100, bytes(100)))
    (score,) = [x for x in first if isinstance(x, m.Score)]
    assert score in talk.say(m.ReportAck(0, 1))
    assert score not in talk.say(m.ReportAck(0, 0))  # it may well be under way
    assert talk.wait(500_001) == []  # a clock alone is no evidence
    assert score in talk.say(m.ReportAck(0, 0))  # but who says so now has not got it
    talk.say(m.ReportAck(1, 0))
    assert talk.wait(600_000) == []
    assert counts(talk).resent == 2


def test_a_host_that_falls_silent_is_forgotten_but_not_its_stream():
    talk = Talk().open()
    talk.say(m.Restart(1, 0, 0))
    talk.say(m.Samples(0, bytes(20)))
    talk.wait(30_000_000)
    assert talk.board.is_open
    talk.wait(1)
    assert not talk.board.is_open
    (reply,) = talk.say(m.Hello(session=8))
    assert (reply.stream, reply.next_sample) == (1, 10)


def test_a_port_that_takes_a_byte_at_a_time_gets_the_same_bytes():
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

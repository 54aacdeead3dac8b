"""A board that samples itself: what it took comes whole, and what it did not is said."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.support.link_line import Line, expected_score, windows_of
from tests.support.link_native import Board, BoardConfig
from tools.link import messages as m
from tools.link.codec import decode, encode
from tools.link.events import Event, Lost, Resumed, Sampled, Scored
from tools.link.faults import FaultConfig
from tools.link.frames import Frame, FrameReceiver, encode_frame
from tools.link.messages import LostReason, SensorState
from tools.link.session import Session, stream_id
from training.bundle.errors import LinkError

WINDOW, HOP, RATE = 20, 15, 1000.0


def config(channels: int = 1) -> BoardConfig:
    return BoardConfig(window=WINDOW, hop=HOP, channels=channels, ring=256, sensor=True)


@dataclass
class SensorLine(Line):
    """A line whose board's sensor ticks at RATE, in the line's virtual time."""

    config: BoardConfig = field(default_factory=config)
    off: range = range(0)
    """Ticks at which a lead is off."""
    ticks: int = 0
    """Of the sensor's timer while it ran."""

    def value(self, tick: int) -> list[int]:
        """What the sensor measures then."""
        return [(tick * 7919 + c * 31 + 5) % 65536 - 32768 for c in range(self.config.channels)]

    def peer(self, data: bytes, now: float) -> bytes:
        self.tick_until(self._epoch + now)
        return super().peer(data, now)

    def tick_until(self, now: float) -> None:
        due = self.__dict__.setdefault("_due", now)
        while due <= now:
            counts = None if self.ticks in self.off else self.value(self.ticks)
            self.ticks += self.board.tick(counts)
            due += 1 / RATE
        self._due = due

    def stall(self, seconds: float) -> None:
        """The host says nothing and reads nothing; time goes on for the board."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.0005
            self.tick_until(self.now)
            self.board.poll(int(self.now * 1e6))
            self.up.feed(self.board.take(), self.now)
        self._epoch += seconds


def collect(session: Session, samples: int) -> list[Event]:
    """Events until so many samples have come or are known not to, and their windows too."""
    events: list[Event] = []
    for _ in range(6000):
        if session.next_sample >= samples and session.next_window > (samples - WINDOW) // HOP:
            return events
        events += session.poll(0.01)
    pytest.fail(f"{session.next_sample=}, {session.next_window=} after 60 s of simulated time")


def recorded(events: list[Event], channels: int) -> dict[int, np.ndarray]:
    """Sample by index; fails when one comes twice, out of turn, or is silently missing."""
    samples: dict[int, np.ndarray] = {}
    at = 0
    for event in events:
        if isinstance(event, Sampled):
            assert event.sample == at + event.skipped
            rows = np.frombuffer(event.counts, "<i2").reshape(-1, channels)
            samples |= {event.sample + i: row for i, row in enumerate(rows)}
            at = event.sample + len(rows)
    return samples


def check_scores(events: list[Event], channels: int = 1) -> dict[int, np.float32 | None]:
    """Every window once: scored as its recorded samples say, or lost where one is missing."""
    samples = recorded(events, channels)
    windows = windows_of(events)
    assert list(windows) == list(range(len(windows)))
    for index, score in windows.items():
        frames = range(index * HOP, index * HOP + WINDOW)
        whole = all(frame in samples for frame in frames)
        assert whole == (score is not None), index
        if score is not None:
            assert score == expected_score(np.stack([samples[f] for f in frames])), index
    return windows


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("rate", [0.0, 0.2])
def test_samples_and_scores_come_whole_whatever_the_line(channels: int, rate: float):
    line = SensorLine(config(channels), FaultConfig(rate, 3), FaultConfig(rate, 4))
    with line.session() as session:
        session.start_sampling(stream_id("a"))
        events = collect(session, 600)
        state = session.sampling()
        statistics = session.statistics()
    samples = recorded(events, channels)
    windows = check_scores(events, channels)
    if rate == 0.0:
        assert all(samples[i].tolist() == line.value(i) for i in range(600))
        assert all(score is not None for score in windows.values())
        assert (statistics.resent, statistics.lost, statistics.overruns) == (0, 0, 0)
    assert state.state == SensorState.RUNNING and state.sensor == "test"
    missing = [i for i in range(max(samples)) if i not in samples]
    assert len(missing) <= state.overruns  # asked for after the last of them


def test_while_a_lead_is_off_no_score_is_made_up():
    line = SensorLine(off=range(200, 320))
    with line.session() as session:
        session.start_sampling(stream_id("a"))
        events = collect(session, 260)  # told of while it lasts
        assert session.sampling().state == SensorState.LEAD_OFF
        assert any(isinstance(e, Lost) and e.reason == LostReason.LEAD_OFF for e in events)
        events += collect(session, 600)
        state = session.sampling()
    samples = recorded(events, 1)
    assert sorted(set(range(600)) - samples.keys()) == list(range(200, 320))
    assert all(samples[i].tolist() == line.value(i) for i in samples)
    windows = check_scores(events)
    touching = {k for k in windows if k * HOP < 320 and k * HOP + WINDOW > 200}
    assert {k for k, score in windows.items() if score is None} == touching
    assert all(e.reason == LostReason.LEAD_OFF for e in events if isinstance(e, Lost))
    assert {e.why for e in events if isinstance(e, Sampled) and e.skipped} == {LostReason.LEAD_OFF}
    assert (state.state, state.lead_off, state.overruns) == (SensorState.RUNNING, 120, 0)


def test_samples_that_find_no_place_are_counted_and_their_windows_reported():
    line = SensorLine()
    with line.session() as session:
        session.start_sampling(stream_id("a"))
        events = collect(session, 100)
        line.stall(0.5)  # the ring holds 96 samples
        events += collect(session, 1000)
        state, statistics = session.sampling(), session.statistics()
    windows = check_scores(events)
    missing = set(range(1000)) - recorded(events, 1).keys()
    assert 300 < len(missing) == state.overruns < 500
    lost = [e for e in events if isinstance(e, Lost)]
    assert {e.reason for e in lost} == {LostReason.OVERRUN}
    assert sum(e.count for e in lost) == statistics.lost > 20
    assert list(windows.values()).count(None) == statistics.lost


def test_samples_that_nobody_watches_are_scored_all_the_same():
    line = SensorLine()
    with line.session() as session:
        session.start_sampling(stream_id("a"), samples=False)
        events: list[Event] = []
        while session.next_window < 40:
            events += session.poll(0.01)
    assert not any(isinstance(e, Sampled) for e in events)
    for index, score in windows_of(events).items():
        frames = range(index * HOP, index * HOP + WINDOW)
        assert score == expected_score(np.array([line.value(f) for f in frames], np.int16))


def test_watched_windows_of_a_board_that_samples_itself():
    line = SensorLine()
    with line.session() as session:
        session.watch(input=True, output=True)
        session.start_sampling(stream_id("a"))
        events = collect(session, 600)
    check_scores(events)
    samples = recorded(events, 1)
    for event in events:
        if isinstance(event, Scored):
            frames = range(event.window * HOP, event.window * HOP + WINDOW)
            counts = np.stack([samples[f] for f in frames])
            assert event.output == counts.astype("<i2").astype(np.int8).tobytes()
            assert event.input == (counts >> 8).astype(np.int8).tobytes()


def test_after_a_reset_the_index_goes_on_by_the_hosts_clock():
    line = SensorLine()
    with line.session() as session:
        session.start_sampling(stream_id("a"))
        events = collect(session, 300)
        line.reboot()
        line.ticks = 300  # what it measures has nothing to do with it
        events += collect(session, 3000)
    (resumed,) = [e for e in events if isinstance(e, Resumed)]
    assert resumed.rebooted and resumed.sample > 300 and resumed.sample % HOP == 0
    windows = check_scores(events)
    lost = [k for k, score in windows.items() if score is None]
    assert lost and max(lost) < resumed.sample // HOP
    missing = set(range(3000)) - recorded(events, 1).keys()
    assert max(missing) == resumed.sample - 1


@pytest.mark.parametrize("answers", [None, False])
def test_a_board_without_a_sensor_says_what_to_do(answers: bool | None):
    line = SensorLine(config() if answers is False else BoardConfig(sensor=False))
    if answers is False:
        line.board.sensor(answers=False)
    else:
        line.tick_until = lambda now: None  # type: ignore[method-assign]
    with (
        line.session() as session,
        pytest.raises(LinkError, match="does not answer" if answers is False else "--sensor"),
    ):
        session.start_sampling(stream_id("a"))


def test_older_firmware_and_this_host_part_politely():
    """It knows no SAMPLING_GET: the host is told so, and streams as before."""
    line = Line()
    receiver = FrameReceiver()

    def older(data: bytes, now: float) -> bytes:
        out = b""
        for frame in receiver.feed(data):
            assert isinstance(frame, Frame)
            if 0x0D <= frame.type <= 0x10:
                refusal = m.Error(m.ErrorCode.UNKNOWN_TYPE, frame.type, frame.type)
                line.up.feed(encode_frame(refusal.TYPE, 99, encode(refusal)), now)
            else:
                out += encode_frame(frame.type, frame.sequence, frame.payload)
        return out

    line.drop = older
    samples = np.arange(1400, dtype=np.int16).reshape(-1, 1)
    with line.session() as session:
        with pytest.raises(LinkError, match="cannot sample a sensor: flash it again"):
            session.start_sampling(stream_id("a"))
        session.start(stream_id("a"))
        assert len([e for e in session.stream(samples) if isinstance(e, Scored)]) == 10


# --- frame by frame -----------------------------------------------------------------------------


class Talk:
    """A host of the test's own, with a board in memory."""

    def __init__(self) -> None:
        self.board = Board(config())
        self.sequence, self.now, self.ticks = 0, 0, 0
        self.receiver = FrameReceiver()

    def say(self, message: m.Message) -> list[m.Message]:
        self.sequence = self.sequence + 1 & 0xFF
        self.board.feed(encode_frame(message.TYPE, self.sequence, encode(message)))
        return self.wait(0)

    def wait(self, microseconds: int) -> list[m.Message]:
        self.now += microseconds
        got = b""
        for _ in range(100):
            self.board.poll(self.now)
            got += self.board.take()
        return [decode(f.type, f.payload) for f in self.receiver.feed(got)]  # type: ignore

    def tick(self, count: int) -> list[m.Message]:
        """Periods of the sensor's timer, with the loop running in between."""
        said: list[m.Message] = []
        for _ in range(count):
            self.board.tick([self.ticks % 30000])
            self.ticks += 1
            said += self.wait(1000)
        return said


def of(kind: type, messages: list[m.Message]) -> list:
    return [message for message in messages if isinstance(message, kind)]


def test_start_is_answered_and_comes_twice_without_harm():
    talk = Talk()
    talk.say(m.Hello(session=7))
    start = m.SamplingStart(9, 0, 0)
    (answer,) = of(m.Sampling, talk.say(start))
    assert (answer.stream, answer.state, answer.taken) == (9, SensorState.RUNNING, 0)
    talk.tick(10)
    (answer,) = of(m.Sampling, talk.say(start))
    assert (answer.stream, answer.taken) == (9, 10)
    (answer,) = of(m.Sampling, talk.say(m.SamplingStop()))
    assert answer.state == SensorState.STOPPED
    assert talk.board.tick([1]) is False
    talk.board.sensor(over=True)
    talk.say(m.SamplingStart(10, 0, 0))
    (answer,) = of(m.Sampling, talk.say(m.SamplingGet()))
    assert answer.state == SensorState.ENDED


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (m.SamplingStart(0, 0, 0), m.ErrorCode.BAD_VALUE),
        (m.SamplingStart(1, (1 << 60) + 1, 0), m.ErrorCode.BAD_VALUE),
        (m.SamplingStart(1, 0, 1), m.ErrorCode.BAD_VALUE),
        (m.SampledAck(0, 0), m.ErrorCode.NO_STREAM),
        (m.Watch(16), m.ErrorCode.BAD_VALUE),
    ],
)
def test_what_the_board_refuses(message: m.Message, code: m.ErrorCode):
    talk = Talk()
    talk.say(m.Hello(session=7))
    (error,) = of(m.Error, talk.say(message))
    assert (error.code, error.type) == (code, message.TYPE)


def test_samples_of_a_host_and_the_boards_own_do_not_mix():
    talk = Talk()
    talk.say(m.Hello(session=7))
    talk.say(m.SamplingStart(9, 0, 0))
    talk.tick(5)
    for message in (m.Samples(5, b"\1\0"), m.Skip(10)):
        (error,) = of(m.Error, talk.say(message))
        assert error.code == m.ErrorCode.NO_STREAM
    (error,) = of(m.Error, talk.say(m.SampledAck(6, 0)))
    assert error.code == m.ErrorCode.BAD_VALUE
    talk.say(m.Restart(3, 0, 0))  # a host that streams takes over, and the sensor stops
    assert talk.board.tick([1]) is False
    (ack,) = of(m.Ack, talk.say(m.Samples(0, b"\1\0")))
    assert (ack.stream, ack.next_sample) == (3, 1)


def test_samples_gather_in_frames_and_are_kept_until_acknowledged():
    talk = Talk()
    talk.say(m.Hello(session=7))
    talk.say(m.Watch(m.WATCH_SAMPLES))
    talk.say(m.SamplingStart(9, 0, 0))
    frames = of(m.Sampled, talk.tick(200))
    assert 3 <= len(frames) <= 6  # 40 ms of samples each
    counts = b"".join(f.counts for f in frames)
    assert len(counts) == 2 * 96  # no more are kept, and the rest is lost to the chain as well
    assert all(f.why == LostReason.OVERRUN for f in frames if f.skipped)
    again = of(m.Sampled, talk.say(m.SampledAck(0, 1)) + talk.wait(50_000))
    assert b"".join(f.counts for f in again) == counts
    taken = max(f.sample for f in again)
    talk.say(m.SampledAck(taken, 0))
    talk.say(m.ReportAck(max(x.window for x in of(m.Score, talk.say(m.ReportAck(0, 1)))) + 1, 0))
    (gap,) = of(m.Sampled, talk.tick(1) + talk.wait(50_000))
    assert (gap.sample, gap.skipped, gap.why) == (200, 200 - taken, LostReason.OVERRUN)
    # A host that lacks what is no longer kept is told that it is gone.
    (gone, *_) = of(m.Sampled, talk.say(m.SampledAck(0, 1)) + talk.wait(50_000))
    assert gone.sample - gone.skipped == 0 and gone.skipped >= taken


def test_without_a_host_it_samples_on_and_says_later_what_nobody_took():
    talk = Talk()
    assert talk.board.start_sampling()
    talk.tick(1000)
    windows = (1000 - WINDOW) // HOP + 1
    said = talk.say(m.Hello(session=7)) + talk.wait(0)
    (hello,) = of(m.HelloReply, said)
    assert (hello.stream, hello.next_sample, hello.next_window) == (1, 1000, 0)
    scores = of(m.Score, said)
    assert [s.window for s in scores] == list(range(8))  # so many reports are kept
    talk.say(m.ReportAck(8, 0))
    later = talk.tick(30)
    (lost,) = of(m.Lost, later)
    assert (lost.window, lost.reason) == (8, LostReason.OVERRUN)
    assert lost.window + lost.count == windows
    assert [s.window for s in of(m.Score, later)] == [windows, windows + 1]
    (state,) = of(m.Sampling, talk.say(m.SamplingGet()))
    assert state.overruns == 0


@pytest.mark.parametrize(
    ("bytes_", "letter"),
    [
        (b"t\n", "t"),
        (b"t\r\n", "t"),
        (b"noise\nt\n", "t"),
        (b"\0>\r", ">"),
        (b"test\n", ""),
        (b" t\n", ""),
        (b"t", ""),
        (b"\n\n", ""),
        (encode_frame(m.StatisticsGet.TYPE, 10, b"") + b"t\n", "t"),
    ],
)
def test_a_letter_on_a_line_of_its_own_is_a_persons(bytes_: bytes, letter: str):
    board = Board(config())
    board.feed(bytes_)
    for _ in range(3):
        board.poll(0)
    assert board.console_key == letter


def test_while_a_host_is_there_nobody_types():
    talk = Talk()
    talk.say(m.Hello(session=7))
    talk.board.feed(b"t\n\0")
    talk.wait(0)
    assert talk.board.console_key == ""
    talk.say(m.Goodbye())
    talk.board.feed(b"t\n")
    talk.wait(0)
    assert talk.board.console_key == "t"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_a_host_says_every_sample_is_what_was_measured(seed: int):
    """Any messages in any order, leads on and off: no undefined behaviour (the sanitizer would
    end this process), and no sample under another one's index.
    """
    random = np.random.default_rng(seed)
    talk = Talk()
    stream = at = 0
    seen = 0

    def check(said: list[m.Message]) -> None:
        nonlocal seen
        for message in of(m.Sampled, said):
            counts = np.frombuffer(message.counts, "<i2").tolist()
            assert counts == [(message.sample + i) % 30000 for i in range(len(counts))]
            seen += len(counts)

    for turn in range(400):
        near = int(max(at + random.integers(-300, 20), 0))
        often: list[m.Message] = [
            m.Watch(int(random.integers(16)) | m.WATCH_SAMPLES),
            m.SamplingGet(),
            m.SampledAck(near, int(random.integers(2))),
            m.SampledAck(int(random.integers(2**62)), 1),
            m.ReportAck(near // HOP, int(random.integers(2))),
            m.Samples(near, b"\1\0" * 5),
        ]
        seldom: list[m.Message] = [
            m.SamplingStart(int(random.integers(1, 9)), int(random.integers(2**40)), 0),
            m.Hello(session=int(random.integers(9))),
            m.Watch(int(random.integers(16))),
            m.SamplingStop(),
            m.Goodbye(),
            m.Restart(9, near, 0),
        ]
        choice = seldom[turn // 20 % 2 if random.random() < 0.7 else int(random.integers(6))]
        message = choice if turn % 20 < 2 else often[int(random.integers(len(often)))]
        said = talk.say(message)
        if isinstance(message, m.SamplingStart) and of(m.Sampling, said):
            began = message.stream != stream
            stream, at = message.stream, message.sample if began else at
        if isinstance(message, m.Restart) and not of(m.Error, said):
            stream = 0
        check(said)
        for _ in range(int(random.integers(40))):
            off = random.random() < 0.02
            at += talk.board.tick(None if off else [at % 30000])
            if random.random() < 0.5:
                check(talk.wait(1000))
    assert seen > 100


def test_an_index_beyond_32_bits_stays_what_it_is():
    """The ring counts ticks in 32 bits; a host that asks for the start must not get the end."""
    start = 2**33
    talk = Talk()
    talk.say(m.Hello(session=7))
    talk.say(m.Watch(m.WATCH_SAMPLES))
    talk.say(m.SamplingStart(9, start, 0))
    frames = of(m.Sampled, talk.tick(50) + talk.wait(50_000))
    assert frames[0].sample == start and not any(f.skipped for f in frames)
    talk.say(m.SampledAck(start + 50, 0))
    talk.tick(10)
    said = of(m.Sampled, talk.say(m.SampledAck(0, 1)) + talk.wait(50_000) + talk.wait(50_000))
    said += of(m.Sampled, talk.wait(50_000) + talk.wait(50_000))
    assert sum(f.skipped for f in said) == start + 50
    (last,) = [f for f in said if f.counts]
    assert (last.sample, len(last.counts)) == (start + 50, 20)

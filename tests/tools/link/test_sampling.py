"""Sessions with a board that samples its sensor: each sample once, or reported as skipped."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.link_line import Line, expected_score, windows_of
from tests.support.link_native import BoardConfig
from tests.support.link_sensor import HOP, WINDOW, PausedTransport, SensorLine, sensor_board
from tools.link import messages as m
from tools.link.codec import decode, encode
from tools.link.events import Event, Lost, Resumed, Sampled, Scored
from tools.link.faults import FaultConfig
from tools.link.frames import Frame, FrameReceiver, encode_frame
from tools.link.messages import LostReason, SensorState
from tools.link.session import Session, stream_id
from tools.link.transport import MemoryTransport, PortLostError
from training.bundle.errors import LinkError


def collect(session: Session, samples: int) -> list[Event]:
    """Events until `samples` samples and their windows have arrived or are reported as lost."""
    events: list[Event] = []
    for _ in range(6000):
        if session.next_sample >= samples and session.next_window > (samples - WINDOW) // HOP:
            return events
        events += session.poll(0.01)
    pytest.fail(f"{session.next_sample=}, {session.next_window=} after 60 s of simulated time")


def recorded(events: list[Event], channels: int) -> dict[int, np.ndarray]:
    """Samples by index; fails if one is repeated, out of order, or missing without report."""
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
    """Check that every window is scored as its samples require, or lost if one is missing."""
    samples = recorded(events, channels)
    windows = windows_of(events)
    assert list(windows) == list(range(len(windows)))
    for index, score in windows.items():
        frames = range(index * HOP, index * HOP + WINDOW)
        if frames.stop > max(samples) + 1:
            continue  # its score came before its samples
        whole = all(frame in samples for frame in frames)
        assert whole == (score is not None), index
        if score is not None:
            assert score == expected_score(np.stack([samples[f] for f in frames])), index
    return windows


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("rate", [0.0, 0.2])
def test_samples_and_scores_are_complete_over_a_faulty_line(channels: int, rate: float):
    line = SensorLine(sensor_board(channels), FaultConfig(rate, 3), FaultConfig(rate, 4))
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
    assert len(missing) <= state.overruns  # read after the last of them


def test_while_a_lead_is_off_windows_are_lost_not_scored():
    line = SensorLine(off=range(200, 320))
    with line.session() as session:
        session.start_sampling(stream_id("a"))
        events = collect(session, 260)  # reported while it lasts
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


def test_samples_without_memory_are_counted_and_their_windows_lost():
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


def test_readings_that_a_late_interrupt_missed_are_counted_and_their_windows_lost():
    line = SensorLine(late=range(200, 205))
    with line.session() as session:
        session.start_sampling(stream_id("a"))
        events = collect(session, 400)
        state = session.sampling()
    windows = check_scores(events)
    assert set(range(400)) - recorded(events, 1).keys() == set(line.late)
    assert state.overruns == len(line.late)
    assert [e.reason for e in events if isinstance(e, Lost)] == [LostReason.OVERRUN]
    assert [window for window, score in windows.items() if score is None] == [13]


def test_samples_that_are_not_watched_are_scored():
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


def report_acks(line: SensorLine) -> list[int]:
    """The windows of the REPORT_ACKs that reach the board from now on."""
    windows: list[int] = []
    receiver = FrameReceiver()

    def note(data: bytes, _now: float) -> bytes:
        for frame in receiver.feed(data):
            if isinstance(frame, Frame) and frame.type == m.ReportAck.TYPE:
                message = decode(frame.type, frame.payload)
                assert isinstance(message, m.ReportAck)
                windows.append(message.window)
        return data

    line.drop = note
    return windows


def test_reports_without_samples_share_acknowledgements_and_the_last_are_acknowledged_at_the_end():
    line = SensorLine()
    acks = report_acks(line)
    with line.session() as session:
        session.start_sampling(7, samples=False)
        while session.next_window < 100:
            session.poll(0.01)
        assert session.board.reports == 8
        assert 5 < len(acks) < 40
        last = session.next_window
    assert acks[-1] >= last


def test_no_report_is_acknowledged_before_the_program_has_settled_it():
    line = SensorLine()
    acks = report_acks(line)
    returned = settled = 0

    def settle() -> None:
        nonlocal settled
        assert all(window <= settled for window in acks)
        settled = returned

    session = line.session()
    session.start_sampling(7, samples=False)
    while returned < 100:
        events = session.poll(0.05, settle)
        returned += len(windows_of(events))
        assert all(window <= settled for window in acks)
    assert acks[-1] > 80
    assert line.overruns == 0


def test_a_board_without_memory_for_reports_is_not_kept_waiting():
    line, returned = SensorLine(), 0
    session = line.session()
    session.start_sampling(7, samples=False)
    line.stall(0.15)  # as many windows as the board keeps
    began = line.now
    while returned < 16:
        returned += len(windows_of(session.poll(1.0, lambda: None)))
    assert line.now - began < 0.5


# Milliseconds per window, and windows that are acknowledged when the tenth has arrived.
@pytest.mark.parametrize(("frames", "least"), [(600, 7), (1000, 8), (1400, 8), (2000, 9)])
def test_no_report_of_slow_windows_is_sent_twice(frames: int, least: int):
    line, returned = SensorLine(BoardConfig(window=frames, hop=frames, sensor=True)), 0
    acks = report_acks(line)
    session = line.session()
    session.start_sampling(7, samples=False)
    while returned < 10:
        returned += len(windows_of(session.poll(1.0, lambda: None)))
    assert session.counters.repeated == 0
    assert acks[-1] >= least


@pytest.mark.parametrize("seconds", [0.3, 0.7, 0.99, 2.2])
@pytest.mark.parametrize("frames", [600, 1000, 2000])
def test_what_arrives_while_the_program_is_busy_is_not_late(frames: int, seconds: float):
    line, returned = SensorLine(BoardConfig(window=frames, hop=frames, sensor=True)), 0
    transport = PausedTransport(line.peer)
    session = Session(transport)
    session.start_sampling(7, samples=False)
    while returned < 10:
        events = session.poll(1.0, lambda: None)
        returned += len(windows_of(events))
        if events:
            transport.pause(seconds)
    counters = session.counters
    assert (counters.repeated, counters.timeouts, counters.resumed) == (0, 0, 0)


def test_a_board_that_leaves_with_many_reports_unacknowledged_is_not_polled_without_pause():
    line, silent, returned = SensorLine(), MemoryTransport(lambda _data, _now: b""), 0
    session = Session(line.transport(), reopen=lambda: silent)
    session.start_sampling(7, samples=False)
    line.stall(0.15)  # as many windows as the board keeps
    while returned < 8:
        returned += len(windows_of(session.poll(1.0, lambda: None)))

    def unplug(_data: bytes, _now: float) -> bytes:
        raise PortLostError("unplugged")

    line.drop = unplug
    for _ in range(4):
        session.poll(0.1, lambda: None)
    assert silent.now() > 0.2


def test_reports_that_share_acknowledgements_are_complete_over_a_faulty_line():
    faults = FaultConfig(rate=0.05)
    line = SensorLine(to_board=faults, to_host=faults)
    events: list[Event] = []
    with line.session() as session:
        session.start_sampling(7, samples=False)
        while session.next_window < 300:
            events += session.poll(0.05, lambda: None)
        assert session.counters.corrupt + session.counters.missing > 5
    windows = windows_of(events)
    assert list(windows) == list(range(len(windows)))
    for index, score in windows.items():
        frames = range(index * HOP, index * HOP + WINDOW)
        assert score == expected_score(np.array([line.value(f) for f in frames], np.int16))


def test_watched_windows_of_the_sensor():
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


def test_watched_windows_without_samples_are_acknowledged_one_by_one():
    line = SensorLine()
    with line.session() as session:
        session.watch(output=True)
        session.start_sampling(7, samples=False)
        while session.next_window < 40:
            session.poll(0.01)
        assert session.sampling().overruns == 0


def test_after_a_reset_the_index_continues_by_the_hosts_clock():
    line = SensorLine()
    with line.session() as session:
        session.start_sampling(stream_id("a"))
        events = collect(session, 300)
        line.reboot()
        line.ticks = 300  # what the sensor measures is independent of the index
        events += collect(session, 3000)
    (resumed,) = [e for e in events if isinstance(e, Resumed)]
    assert resumed.rebooted and resumed.sample > 300 and resumed.sample % HOP == 0
    windows = check_scores(events)
    lost = [k for k, score in windows.items() if score is None]
    assert lost and max(lost) < resumed.sample // HOP
    missing = set(range(3000)) - recorded(events, 1).keys()
    assert max(missing) == resumed.sample - 1


@pytest.mark.parametrize("answers", [None, False])
def test_a_board_without_a_sensor_is_an_error_with_a_remedy(answers: bool | None):
    line = SensorLine(sensor_board() if answers is False else BoardConfig(sensor=False))
    if answers is False:
        line.board.sensor(answers=False)
    else:
        line.tick_until = lambda now: None  # type: ignore[method-assign]
    with (
        line.session() as session,
        pytest.raises(LinkError, match="does not answer" if answers is False else "--sensor"),
    ):
        session.start_sampling(stream_id("a"))


def test_older_firmware_without_sampling_still_takes_samples():
    """It has no SAMPLING_GET: an error with a remedy, and the host can still send samples."""
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


def test_a_host_that_died_is_followed_by_one_that_continues_the_stream():
    line = SensorLine()
    died = line.session()
    died.start_sampling(7, samples=False)
    events: list[Event] = []
    while died.next_window < 10:
        events += died.poll(0.01)
    seen = max(windows_of(events))
    assert line.board.is_open  # no GOODBYE was sent
    with line.session() as session:
        first = session.board.next_window
        assert session.board.stream == 7 and 0 < first <= seen + 1
        session.start_sampling(7, samples=False, resume=True)
        events = []
        while session.next_window < seen + 10:
            events += session.poll(0.01)
    windows = windows_of(events)
    assert list(windows) == list(range(first, max(windows) + 1))
    for index, score in windows.items():
        frames = range(index * HOP, index * HOP + WINDOW)
        assert score == expected_score(np.array([line.value(f) for f in frames], np.int16))


@pytest.mark.parametrize(
    "claim",
    [m.Ack(next_sample=2**64 - 1, stream=7), m.Lost(window=0, count=2**64 - 1, reason=0)],
)
def test_a_position_that_no_board_reaches_is_refused(claim: m.Message) -> None:
    line = SensorLine()
    with line.session() as session:
        session.start_sampling(7)
        line.up.feed(encode_frame(claim.TYPE, 200, encode(claim)), line.now)
        events = collect(session, 200)
        assert session.counters.refused == 1
        line.reboot()  # then the host states the positions itself
        events += collect(session, 400)
    assert not any(isinstance(event, Lost) and event.count > 1000 for event in events)
    assert windows_of(events)

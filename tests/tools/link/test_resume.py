"""Resets of the board, restarts of the host, and lost ports."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.link_line import Line, expected_scores, noise, scores_of, windows_of
from tests.support.link_native import Board, BoardConfig
from tools.link import messages as m
from tools.link.codec import encode
from tools.link.events import PortLost, Resumed, Scored
from tools.link.frames import encode_frame
from tools.link.session import Session, stream_id
from tools.link.timeouts import Timeouts
from tools.link.transport import MemoryTransport, PortLostError
from training.bundle.errors import LinkError


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


def reboots(line: Line, happens: Callable[[], None]) -> list[bool]:
    """Let something happen after window 10; return whether each resumption followed a reset."""
    samples, events = noise(2800), []
    with line.session() as session:
        session.start(stream_id("a"))
        for event in session.stream(samples):
            events.append(event)
            if isinstance(event, Scored) and event.window == 10:
                happens()
    assert list(windows_of(events).values()) == list(expected_scores(samples, 140, 140))
    return [e.rebooted for e in events if isinstance(e, Resumed)]


def test_a_board_that_another_host_used_meanwhile_was_not_reset():
    """Its boot id is the same, although its stream is another."""
    line = Line()

    def another_host() -> None:
        line.board = Board(line.config, line.boots)
        for sequence, message in enumerate((m.Hello(session=7), m.Restart(5, 0, 0))):
            line.board.feed(encode_frame(message.TYPE, sequence, encode(message)))
            line.board.poll(0)

    assert reboots(line, another_host) == [False]


def test_a_board_that_has_the_same_number_after_a_reset_was_reset():
    line = Line()

    def reset() -> None:
        line.boots = 0
        line.reboot()

    assert reboots(line, reset) == [True]


def test_a_reset_between_hello_and_stream_is_noticed():
    """After the reset, the board numbers its frames from 0; they do not count as old."""
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
    assert scores_of(events) == list(expected_scores(samples, 140, 140))


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


def test_a_restarted_host_continues_where_it_stopped():
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
    assert scores_of(seen) == list(expected[:41])
    assert scores_of(rest) == list(expected[40:])
    assert line.board.dropped == 0


def test_a_host_that_kept_its_reports_gets_none_again():
    line, samples = Line(), noise(14000)
    with line.session() as session:
        session.start(stream_id("a"))
        for event in session.stream(samples):
            if isinstance(event, Scored) and event.window == 40:
                break
    with line.session() as session:
        start = session.start(stream_id("a"), window=41)
        rest = list(session.stream(samples[start:]))
    assert scores_of(rest) == list(expected_scores(samples, 140, 140)[41:])


def test_lost_reports_can_be_computed_again():
    line, samples = Line(), noise(1400)
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(samples))
    with line.session() as session:  # its record of windows from 4 on was lost
        assert session.start(stream_id("a"), window=4) == 560
        events = list(session.stream(samples[560:]))
    assert scores_of(events) == list(expected_scores(samples, 140, 140)[4:])


def test_a_stream_with_another_number_starts_at_its_first_sample():
    line = Line()
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(noise(300)))
        assert session.start(stream_id("b"), 1000) == 1000
        events = list(session.stream(noise(280, seed=1)))
    assert [e.window for e in events if isinstance(e, Scored)] == [8]
    with line.session() as session:
        assert session.board.stream == stream_id("b")


def test_windows_of_discarded_samples_are_lost():
    line, samples = Line(), noise(1400)
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(samples[:500]))
    line.reboot()
    with line.session() as session:  # samples before 800 were not kept
        session.start(stream_id("a"), window=3)
        session.skip(800 - session.next_sample)
        events = list(session.stream(samples[800:]))
    by_index = windows_of(events)
    assert [k for k, v in by_index.items() if v is None] == [3, 4, 5]
    assert list(by_index) == list(range(3, 10))


def test_a_board_that_stops_answering_is_an_error():
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
    assert scores_of(events) == list(expected_scores(samples, 140, 140))


def test_a_vanished_port_is_retried_until_its_timeout():
    line, tried = Line(), []

    def reopen() -> MemoryTransport:
        tried.append(time.monotonic())
        raise LinkError("memory: no such port")

    def unplug(data: bytes, now: float) -> bytes:
        raise PortLostError("memory: gone")

    line.drop = unplug
    timeouts = Timeouts(reconnect=0.05, port=1.0)
    with (
        pytest.raises(LinkError, match="no such port"),
        Session(line.transport(), timeouts=timeouts, reopen=reopen) as session,
    ):
        while True:
            session.poll(0.001)
    assert 3 <= len(tried) <= 22
    assert min(np.diff(tried)) >= 0.05


def test_a_vanished_port_that_cannot_be_reopened_is_an_error():
    line = Line()
    session = line.session()

    def unplug(data: bytes, now: float) -> bytes:
        raise PortLostError("memory: gone")

    line.drop = unplug
    with pytest.raises(LinkError, match="memory: gone"):
        session.poll()
    session.close()

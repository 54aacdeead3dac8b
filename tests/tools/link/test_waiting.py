"""Waiting for a board that is away: for as long as asked, at growing intervals."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.support.link_line import Line, expected_scores, noise, scores_of
from tests.support.link_native import BoardConfig
from tools.link.events import Event, PortLost, Resumed, Silent
from tools.link.session import Session, stream_id
from tools.link.timeouts import Timeouts
from tools.link.transport import MemoryTransport, PortLostError
from training.bundle.errors import LinkError

FOR_EVER = replace(Timeouts(), longest=1.0).waiting(math.inf)


class Away:
    """Keeps a line's bytes from the board until `until` seconds; notes when some came."""

    def __init__(self, since: float, until: float) -> None:
        self.since, self.until = since, until
        self.tried: list[float] = []

    def __call__(self, data: bytes, now: float) -> bytes:
        if not self.since <= now < self.until:
            return data
        if data:
            self.tried.append(now)
        return b""


def test_a_board_that_is_silent_for_long_is_waited_for_and_loses_nothing() -> None:
    line, samples = Line(), noise(2800)
    with Session(line.transport(), timeouts=FOR_EVER) as session:
        session.start(stream_id("a"))
        session.offer(samples[:1400])
        away = line.drop = Away(line.now, line.now + 25)
        events = list(session.stream(samples[1400:]))
    assert scores_of(events) == list(expected_scores(samples, 140, 140))
    assert any(isinstance(e, Silent) for e in events)
    assert any(isinstance(e, Resumed) for e in events)
    gaps = np.diff(away.tried)
    assert len(away.tried) < 70  # 100 and more without longer intervals
    assert 0.9 < gaps.max() < 1.1


def test_a_request_to_retry_reaches_the_board_at_once() -> None:
    line = Line()
    with Session(line.transport(), timeouts=FOR_EVER) as session:
        session.start(stream_id("a"))
        away = line.drop = Away(line.now, math.inf)
        session.offer(noise(1400))
        while len(away.tried) < 40:
            session.poll(0.1)
        last = away.tried[-1]
        away.until = line.now  # the board is back, and the next attempt is most of a second ahead
        session.retry()
        while not session.answers:
            session.poll(0.01)
        assert line.now - last < 0.5


def test_a_board_that_no_longer_answers_is_an_error_after_the_time_that_was_asked() -> None:
    line = Line()
    timeouts = Timeouts().waiting(7.0)
    with (
        pytest.raises(LinkError, match="the board no longer answers"),
        Session(line.transport(), timeouts=timeouts) as session,
    ):
        session.start(stream_id("a"))
        line.drop = Away(line.now, math.inf)
        session.offer(noise(1400))
        gone = line.now
        while True:
            session.poll(0.1)
    assert 7 <= line.now - gone < 11


class Broken(MemoryTransport):
    """A port that can be opened, and not read while its line is broken."""

    broken = False
    opened = 0

    def read(self, timeout: float) -> bytes:
        if Broken.broken:
            raise PortLostError("memory: gone")
        return super().read(timeout)

    def reopened(self) -> MemoryTransport:
        Broken.opened += 1
        return self


def test_a_port_that_can_be_opened_and_not_used_is_lost_once_and_not_tried_without_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = 0.0

    def sleep(wait: float) -> None:
        nonlocal seconds
        seconds += wait

    monkeypatch.setattr(time, "monotonic", lambda: seconds)
    monkeypatch.setattr(time, "sleep", sleep)
    port, events = Broken(Line().peer), list[Event]()
    patience = replace(Timeouts(), port=60.0)
    with (
        pytest.raises(PortLostError, match="memory: gone"),
        Session(port, reopen=port.reopened, timeouts=patience) as session,
    ):
        session.start(stream_id("a"))
        monkeypatch.setattr(Broken, "broken", True)
        while Broken.opened < 1000:
            events += session.poll(0.1)
    assert [event for event in events if isinstance(event, PortLost)] == [PortLost("memory: gone")]
    assert 60 < seconds < 70 and Broken.opened < 40


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"$GPGGA,123519,4807.038,N\r\n", "it prints '$GPGGA,123519,4807.038,N'"),
        (b"\x8f\xfe\0\x80\x80\0" * 9, "damaged pieces: another device"),
        (b"", ""),
    ],
)
def test_another_device_on_the_port_is_named_for_what_it_sends(sent: bytes, said: str) -> None:
    line = Line(BoardConfig())
    unplugged = False

    def unplug(data: bytes, now: float) -> bytes:
        if unplugged:
            raise PortLostError("memory: gone")
        return data

    other = MemoryTransport(lambda _, now: sent if round(now * 2000) % 200 == 0 else b"")
    line.drop = unplug
    with Session(line.transport(), timeouts=FOR_EVER, reopen=lambda: other) as session:
        unplugged = True
        while session.port == line.transport().name and session.answers:
            session.poll(0.01)
        for _ in range(200):
            session.poll(0.01)
        assert not session.answers
        assert said in session.stranger and bool(session.stranger) in (bool(said), False)

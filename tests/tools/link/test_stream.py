"""A stream of samples: every window once, scored as its samples are, or lost."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.link_line import Line, expected_scores, noise, scores_of, windows_of
from tests.support.link_native import BoardConfig
from tools.link import messages as m
from tools.link.events import Lost, Scored
from tools.link.faults import FaultConfig
from tools.link.session import stream_id
from training.bundle.errors import LinkError


@pytest.mark.parametrize("ring", [252, 256, 300, 512, 4096])
@pytest.mark.parametrize(("window", "hop", "channels"), [(140, 140, 1), (50, 1, 1), (32, 8, 6)])
def test_every_window_has_its_score_and_the_board_is_never_overrun(ring, window, hop, channels):
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


def test_samples_offered_a_few_at_a_time():
    line, samples, events = Line(), noise(1000), []
    with line.session() as session:
        session.start(stream_id("a"))
        for first in range(0, 1000, 7):
            assert session.offer(samples[first : first + 7]) == len(samples[first : first + 7])
            events += session.poll(0.001)
        while not session.done:
            events += session.poll(0.01)
    assert scores_of(events) == list(expected_scores(samples, 140, 140))


def test_offer_takes_as_many_samples_as_fit():
    line = Line()
    with line.session(capacity=1000) as session:
        session.start(stream_id("a"))
        assert session.offer(noise(5000)) == session.next_sample == 1000
        assert session.room == 0
        assert session.offer(noise(1)) == 0


def test_invalid_samples_are_refused():
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
    by_index = windows_of(events)
    expected = dict(enumerate(expected_scores(samples, 10, 5)))
    touched = {k for k in expected if 5 * k < 72 and 5 * k + 10 > 52}
    assert by_index == {k: None if k in touched else score for k, score in expected.items()}
    assert [e for e in events if isinstance(e, Lost)] == [
        Lost(min(touched), len(touched), m.LostReason.GAP)
    ]
    assert statistics.samples_skipped == 20 and statistics.lost == len(touched)


def test_a_gap_at_the_end_is_reported():
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
def test_watched_windows_are_complete(rate):
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

"""Threshold and counters."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.link_line import Line, expected_scores, noise
from tests.support.link_native import BoardConfig
from tools.link import messages as m
from tools.link.events import Calibrated, Scored
from tools.link.faults import FaultConfig
from tools.link.session import stream_id
from training.bundle.errors import LinkError


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


def test_a_calibration_over_a_faulty_line_gives_the_scores_threshold():
    line = Line(BoardConfig(), FaultConfig(0.05, 5), FaultConfig(0.05, 6))
    with line.session() as session:
        session.set_threshold(0.25)
        session.start(stream_id("a"))
        samples, events = noise(140 * 40), []
        list(session.stream(samples[:1400]))
        begun = session.calibrate(m.Calibrate(m.CalibrateAction.START, 3, 20, 100_000, 0))
        assert (begun.number, begun.state) == (3, m.CalibrationState.RUNNING)
        events = list(session.stream(samples[1400:]))
        report = session.calibrate(m.Calibrate(m.CalibrateAction.ASK))
        ended = [event.report for event in events if isinstance(event, Calibrated)]
        assert ended in ([], [report])  # the board says it once
        assert report.source == m.ThresholdSource.CALIBRATION
        scores = expected_scores(samples, 140, 140)
        threshold = np.sort(scores[10:30])[-2]
        assert (report.threshold, report.window) == (threshold, 30)
        assert session.board.threshold == threshold
        line.reboot()  # the board's own threshold, not the one that the host had set before
        more = [e for e in session.stream(noise(2800, seed=1)) if isinstance(e, Scored)]
        assert session.threshold().value == threshold
        assert any(e.anomaly for e in more)
        forgotten = session.calibrate(m.Calibrate(m.CalibrateAction.FORGET))
        assert (forgotten.threshold, forgotten.state) == (0.5, m.CalibrationState.NONE)
        with pytest.raises(LinkError, match=r"refuses CALIBRATE .bad value"):
            session.calibrate(m.Calibrate(m.CalibrateAction.START, 4, 0, 100_000, 0))
    scored = [event for event in events if isinstance(event, Scored)]
    assert [e.anomaly for e in scored[:20]] == list(scores[10:30] > np.float32(0.25))
    assert [e.anomaly for e in scored[20:]] == list(scores[30:] > threshold)


def test_counters_of_a_faulty_line():
    line = Line(BoardConfig(), FaultConfig(0.1, 5), FaultConfig(0.1, 6))
    with line.session() as session:
        session.start(stream_id("a"))
        list(session.stream(noise(14000)))
        host, board = session.counters, session.statistics()
    assert min(host.corrupt, host.missing, host.resent, host.timeouts) > 0
    assert min(board.corrupt, board.missing, board.resent, board.samples_repeated) > 0
    assert host.windows == board.windows == 100
    assert host.samples == board.samples == 14000

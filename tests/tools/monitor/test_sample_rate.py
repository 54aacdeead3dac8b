"""The sample rate of a board, measured by a clock that the test sets."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.monitor_board import FakeBoard, source
from tools.monitor.events import Restarted, SamplesSent, Started
from tools.monitor.sample_rate import SampleRate


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def measured(true_hz: float, seconds: float, *, sampled: bool = True) -> SampleRate:
    """Samples of a board whose rate is `true_hz` instead of 100, each late by up to 80 ms."""
    clock, random = Clock(), np.random.default_rng(3)
    rate = SampleRate(clock)
    rate.take(Started(FakeBoard().facts, source().facts, 0, sampled=sampled))
    frames = np.zeros((10, 1), np.int16)
    for first in range(0, int(seconds * true_hz), 10):
        clock.now = 1000 + (first + 10) / true_hz + random.uniform(0, 0.08)
        rate.take(SamplesSent(first, frames))
    return rate


@pytest.mark.parametrize("true_hz", [99.0, 99.98, 100.0, 100.02, 103.0])
def test_the_true_rate_of_a_board_is_measured(true_hz: float) -> None:
    hz = measured(true_hz, 600).hz
    assert hz is not None and abs(hz / true_hz - 1) < 20e-6


def test_a_rate_is_known_after_a_minute_and_not_of_samples_that_a_host_sends() -> None:
    assert measured(100.0, 50).hz is None
    assert measured(100.0, 70).hz is not None
    assert measured(100.0, 70, sampled=False).hz is None


def test_a_restart_begins_the_measurement_again() -> None:
    rate = measured(100.0, 70)
    rate.take(Restarted(0, "reset"))
    assert rate.hz is None

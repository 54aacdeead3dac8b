"""Wall-clock time: a window has the time of its first frame."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tools.monitor.events import (
    Notice,
    Restarted,
    SamplesLost,
    SamplesSent,
    Started,
    WindowScored,
    WindowsLost,
)
from tools.monitor.views import JsonView
from tools.monitor.wall_clock import KEPT, WallClock


class Time:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def started() -> Started:
    return Started(FakeBoard().facts, source().facts, 0)


def sent(first: int, frames: int) -> SamplesSent:
    return SamplesSent(first, np.zeros((frames, 1), np.int16))


def scored(first: int) -> WindowScored:
    return WindowScored(first // WINDOW, first, 0.1, 0.5, False, 50)


def test_a_window_has_the_time_of_its_first_frame() -> None:
    time = Time()
    clock = WallClock(time)
    rate = source().facts.rate_hz
    assert rate is not None
    end, time.now = time.now, time.now - 1
    clock.stamp(started())
    time.now = end
    begin = 1000 * time.now - 1000 * WINDOW / rate
    assert clock.stamp(sent(0, WINDOW)) == round(begin)
    time.now += 2
    clock.stamp(sent(WINDOW, WINDOW))
    time.now += 10  # a verdict may come late
    assert clock.stamp(scored(0)) == round(begin)
    assert clock.stamp(scored(WINDOW)) == 1_700_000_000_000
    assert clock.stamp(scored(WINDOW + WINDOW // 2)) == 1_700_000_001_000
    assert clock.stamp(WindowsLost(1, 1, "engine")) == 1_700_000_000_000
    assert clock.stamp(Notice("here")) == 1_700_000_012_000


def test_no_frame_is_earlier_than_its_stream() -> None:
    time = Time()
    clock = WallClock(time)
    begin = clock.stamp(started())
    time.now += 0.25
    assert clock.stamp(sent(0, 100 * WINDOW)) == begin  # faster than real time
    time.now += 5
    begin = clock.stamp(Restarted(0, "reset"))
    time.now += 0.25
    assert clock.stamp(sent(0, 100 * WINDOW)) == begin


def test_a_sensor_may_have_begun_before_the_program() -> None:
    time = Time()
    clock = WallClock(time)
    clock.stamp(replace(started(), began=round(time.now) - 10))
    assert clock.stamp(sent(0, 5 * 100)) == 1000 * (time.now - 5)
    clock.stamp(Restarted(0, "reset", round(time.now) - 10))
    assert clock.stamp(sent(0, 60 * 100)) == 1000 * (time.now - 10)


def test_a_sensor_may_be_faster_than_real_time() -> None:
    time = Time()
    time.now += 0.75  # the second that names the stream
    clock = WallClock(time)
    event = replace(started(), began=int(time.now), sampled=True, frames_per_second=500.0)
    begin = clock.stamp(event)
    time.now += 0.25
    assert clock.stamp(sent(0, 125)) == begin


def test_missing_samples_take_time_too() -> None:
    time = Time()
    clock = WallClock(time)
    clock.stamp(started())
    clock.stamp(sent(0, WINDOW))
    time.now += 1
    clock.stamp(SamplesLost(WINDOW, WINDOW, "missing"))
    time.now += 1
    clock.stamp(sent(2 * WINDOW, WINDOW))
    assert clock.stamp(scored(2 * WINDOW)) == 1_700_000_001_000


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_clock_that_jumps_breaks_nothing(jump: float) -> None:
    time = Time()
    clock = WallClock(time)
    clock.stamp(started())
    clock.stamp(sent(0, WINDOW))
    time.now += jump
    clock.stamp(sent(WINDOW, WINDOW))
    time.now += 1
    clock.stamp(sent(2 * WINDOW, WINDOW))
    assert clock.stamp(scored(2 * WINDOW)) == round(1000 * (1_700_000_000 + jump))


def test_what_is_forgotten_or_not_seen_has_a_time_still() -> None:
    time = Time()
    clock = WallClock(time)
    clock.stamp(started())
    assert clock.stamp(scored(0)) == 1_700_000_000_000
    for run in range(2 * KEPT):
        time.now += 1
        clock.stamp(sent(run, 1))
    oldest = clock.stamp(scored(0))
    assert 1_700_000_000_000 < oldest < 1000 * time.now
    clock.stamp(Restarted(0, "reset"))
    assert clock.stamp(scored(0)) == 1000 * time.now


def test_json_lines_have_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    view = JsonView(sys.stdout)
    for event in (started(), sent(0, WINDOW), scored(0), Notice("here")):
        view.handle(event)
    times = [json.loads(line)["ts"] for line in capsys.readouterr().out.splitlines()]
    assert len(times) == 3 and all(isinstance(ts, int) and ts > 1_600_000_000_000 for ts in times)
    assert times[1] <= times[0] <= times[2]

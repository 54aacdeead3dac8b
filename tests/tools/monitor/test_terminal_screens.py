"""The terminal at several sizes: many channels, lost stretches, the log."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import numpy as np

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tools.monitor.controls import Controls
from tools.monitor.events import (
    Ended,
    Notice,
    SamplesSent,
    Started,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.history import History
from tools.monitor.terminal import panels
from tools.monitor.terminal.app import MonitorApp
from tools.monitor.terminal.trace import trace


def screen_of(history: History, size: tuple[int, int], *keys: str) -> str:
    """Return the screen as text, after some keys were pressed."""

    async def look() -> str:
        app = MonitorApp(history, Controls(), lambda: None)
        async with app.run_test(size=size) as pilot:
            await pilot.press(*keys)
            app._paint()
            await pilot.pause()
            lines = app.screen._compositor.render_strips()
            return "\n".join("".join(segment.text for segment in line) for line in lines)

    return asyncio.run(look())


def eight_channels(*windows: WindowScored | WindowsLost | WindowNotJudged) -> History:
    past = History()
    facts = replace(FakeBoard(reconstructs=False).facts, channels=8)
    names = tuple(f"accelerometer_{axis}" for axis in "abcdefgh")
    of = replace(source().facts, channels=names, units=("g",) * 8, gain=(1.0,) * 8, offset=(0,) * 8)
    past.handle(Started(facts, of, 0))
    waves = np.random.default_rng(1).normal(0, 100, (10 * WINDOW, 8)).astype(np.int16)
    past.handle(SamplesSent(0, waves))
    for window in windows:
        past.handle(window)
    past.handle(Ended(complete=True, reason=""))  # so that the trace goes to its end
    return past


def scored(index: int, flag: bool = False) -> WindowScored:
    return WindowScored(index, index * WINDOW, 2e5 if flag else 5e4, 1e5, flag, 50)


def test_eight_channels_the_threshold_and_the_flag_fit_60_columns_and_15_lines() -> None:
    past = eight_channels(*(scored(n) for n in range(8)), scored(8, flag=True))
    screen = screen_of(past, (60, 15))
    for axis in "abcdefgh":
        assert re.search(rf"acc\w*…\w+_{axis} ↕\d+g│", screen), screen
    assert "threshold 1.0e+05" in screen and "ANOMALY" in screen
    assert "reconstruction" not in screen.replace("no reconstruction", "")


def test_lost_and_unjudged_stretches_are_in_the_scores_and_below_the_trace() -> None:
    lost, rejected = WindowsLost(3, 2, "gap"), WindowNotJudged(5, 5 * WINDOW, "flat")
    past = eight_channels(scored(1), scored(2), lost, rejected, scored(6))
    bottom = panels.scores(past, 40, 5)[-1].plain[:31]
    assert bottom[-4:-1] == "╳╳░" and bottom[-6:-4].strip()
    assert panels.scores_title(past).endswith("· ░ not judged · ╳ lost")
    assert "lost: gap" in trace(past, 150, 20)[-1].plain + trace(past, 150, 20)[-2].plain


def test_a_tall_trace_has_the_time_of_day_below_it() -> None:
    past = eight_channels(*(scored(n) for n in range(10)))
    axis = trace(past, 150, 30)[-1].plain
    assert re.search(r"┴1 s  \d\d:\d\d:\d\d", axis), axis


def test_the_log_opens_over_the_whole_screen_and_escape_closes_it() -> None:
    past = eight_channels(scored(1))
    for n in range(5):
        past.handle(Notice(f"notice {n}, which is longer than a line of this narrow terminal is"))
    opened = screen_of(past, (60, 15), "g")
    assert "notice 4" in opened and "notice 0" in opened and "terminal is" in opened
    assert "threshold" not in opened.splitlines()[-3]
    closed = screen_of(past, (60, 15), "g", "escape")
    assert "threshold 1.0e+05" in closed
    keys = screen_of(past, (80, 24), "h")
    assert "show or hide the keys" in keys
    assert "show or hide the keys" not in screen_of(past, (80, 24), "h", "escape")

"""What a browser saves of what it shows, and the windows of an alarm in its inspector."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tests.support.waiting import PATIENCE, wait_until
from tests.support.web_page import browser, inspected, opened
from tools.monitor.controls import Controls
from tools.monitor.events import (
    AlarmChanged,
    SamplesSent,
    Started,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import serve

__all__ = ["browser"]  # a fixture

WINDOWS, RAISED, CLEARED = 12, 5, 9
COUNTS = source(WINDOWS).counts


@contextmanager
def shown() -> Iterator[str]:
    """A page of a stream with an alarm, a window that is not judged and a lost one."""
    hub, controls = Hub(), Controls()
    view = hub.view("one", controls)
    facts = replace(source().facts, channels=("=ecg",))
    view.handle(Started(replace(FakeBoard().facts, alarm="3 of 5"), facts, 0))
    for index in range(WINDOWS):
        first = index * WINDOW
        view.handle(SamplesSent(first, COUNTS[first : first + WINDOW]))
        if index == 1:
            view.handle(WindowNotJudged(index, first, "flat"))
        elif index == 2:
            view.handle(WindowsLost(index, 1, "gap"))
        else:
            alarm = RAISED <= index < CLEARED
            flag = alarm and index != 7
            view.handle(
                WindowScored(index, first, 2e5 if flag else 5e4, 1e5, flag, 50, alarm=alarm)
            )
        if index in (RAISED, CLEARED):
            view.handle(AlarmChanged(index, first, index == RAISED))
    with serve(hub) as addresses:
        yield addresses.operator


@pytest.mark.browser
def test_the_samples_and_scores_on_the_screen_are_saved_as_csv_and_picture(browser, tmp_path: Path):
    with shown() as url, opened(browser, url) as page:
        page.locator(".flags button").first.wait_for(timeout=PATIENCE * 1000)
        page.focus(".past")
        for _ in range(12):  # all of it
            page.keyboard.press("-")
        page.wait_for_timeout(300)
        with page.expect_download() as csv_download:
            page.click("[data-do=csv]")
        with page.expect_download() as png_download:
            page.click("[data-do=picture]")
        csv_download.value.save_as(tmp_path / "shown.csv")
        png_download.value.save_as(tmp_path / "shown.png")
        assert csv_download.value.suggested_filename.endswith(".csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "shown.csv").read_text())))
    assert rows[0] == ["frame", "time", "'=ecg [mV]", "window", "score", "threshold", "result"]
    assert [int(row[0]) for row in rows[1:]] == list(range(WINDOWS * WINDOW))
    assert np.allclose([float(row[2]) for row in rows[1:]], COUNTS[:, 0] / 200.0)
    begins = {int(row[3]): (int(row[0]), row[6]) for row in rows[1:] if row[3]}
    assert begins[1] == (WINDOW, "not judged: flat") and begins[2] == (2 * WINDOW, "lost: gap")
    assert [begins[k][1] for k in range(5, 9)] == ["anomaly", "anomaly", "normal", "anomaly"]
    assert (tmp_path / "shown.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (tmp_path / "shown.png").stat().st_size > 5000


@pytest.mark.browser
def test_the_alarms_bar_opens_its_windows_in_the_inspector(browser):
    with shown() as url, opened(browser, url) as page:
        page.click("#alarms [data-ask=show]", timeout=PATIENCE * 1000)
        wait_until(lambda: inspected(page) == RAISED)
        title = page.inner_text("#inspector .episode h3")
        assert title == "Alarm, beats 5 to 8: 3 of 4 flagged"
        listed = page.locator("#inspector .episode button")
        assert listed.all_inner_texts() == ["5 ▲", "6 ▲", "7", "8 ▲"]
        listed.nth(2).click()
        wait_until(lambda: inspected(page) == 7)
        page.keyboard.press("ArrowLeft")  # the keys go on working
        wait_until(lambda: inspected(page) == 6)
        for _ in range(2):
            page.keyboard.press("ArrowLeft")
        wait_until(lambda: inspected(page) == 4)
        assert not page.locator("#inspector .episode").is_visible()

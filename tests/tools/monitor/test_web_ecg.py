"""Heartbeats in the browser: ECG paper, marks of R, the usual beat beside one in the inspector."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks
from tests.support.waiting import PATIENCE, wait_until
from tests.support.web_page import browser, opened, rgb, wait_drawn, wait_text
from tools.monitor.controls import Controls
from tools.monitor.events import BoardFacts, SamplesSent, Started, WindowNotJudged, WindowScored
from tools.monitor.theme import LIGHT
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import serve
from tools.recordings.source import SourceFacts

__all__ = ["browser"]  # a fixture

RATE, WINDOW, BEFORE, HOP, SECONDS = 180, 144, 54, 42, 40
MM = 96 / 25.4  # CSS pixels


@contextmanager
def shown(unit: str = "mV", channels: int = 1) -> Iterator[tuple[str, np.ndarray]]:
    """A page of a regular rhythm with one flagged beat and one that is not judged."""
    peaks = regular_peaks(RATE, SECONDS, jitter=0)
    frames = np.repeat(ecg(peaks, RATE, SECONDS * RATE)[:, None], channels, axis=1)
    board = BoardFacts(
        port="line", board="fake", emulated=True, engine="compiled", model="ecg",
        model_hash="0" * 16, window=WINDOW, hop=HOP, channels=channels, rate_hz=RATE,
        threshold=2.0, trained_threshold=2.0, golden_passed=4, golden_total=4,
        span=HOP + 126, cuts_beats=True,
    )  # fmt: skip
    names = tuple(f"ECG {c}" for c in range(channels))
    source = SourceFacts(
        name="rhythm", description="a regular rhythm", simulated=True, frames=len(frames),
        labelled=False, channels=names, units=(unit,) * channels, gain=(200.0,) * channels,
        offset=(0,) * channels, rate_hz=RATE,
    )  # fmt: skip
    hub = Hub()
    view = hub.view("one", Controls())
    view.handle(Started(board, source, 0))
    view.handle(SamplesSent(0, frames))
    for n, peak in enumerate(peaks.tolist()):
        first, slot, interval = peak - BEFORE, peak // HOP, 150 if n else 0
        if n == 3:
            view.handle(WindowNotJudged(slot, first, "mains", peak, interval))
            continue
        score = 4.0 if n == len(peaks) - 2 else 0.5
        beat = WindowScored(slot, first, score, 2.0, score > 2, 50, peak=peak, interval=interval)
        view.handle(beat)
    with serve(hub) as addresses:
        yield addresses.operator, peaks


@pytest.mark.browser
def test_millivolts_of_heartbeats_lie_on_paper_of_25_mm_per_second_and_10_mm_per_mv(browser):
    with shown() as (url, _), opened(browser, url) as page:
        button = page.locator("[data-do=paper]")
        button.wait_for(timeout=PATIENCE * 1000)
        wait_until(lambda: button.get_attribute("aria-pressed") == "true")
        assert page.input_value(".ruler input") == f"{MM:.2f}"
        wait_drawn(page, ".traces canvas", *rgb(LIGHT, "grid-large", "grid-small", "abnormal"))
        width = page.locator(".traces .u-over").bounding_box()["width"]
        # The screen holds as many seconds as paper of its width.
        labels = width / MM / 25
        assert 9 < labels < 12
        height = page.locator(".traces .u-over").bounding_box()["height"]
        assert height == pytest.approx(45 * MM, abs=1)
        # Zooming leaves the paper; the button returns to it.
        page.click("[data-do=in]")
        wait_until(lambda: button.get_attribute("aria-pressed") == "false")
        button.click()
        wait_until(lambda: button.get_attribute("aria-pressed") == "true")
        page.fill(".ruler input", "4.2")
        page.keyboard.press("Enter")
        wait_drawn(page, ".traces canvas", (0xEA, 0xB9, 0xB5))
        over = page.locator(".traces .u-over")
        wait_until(lambda: abs(over.bounding_box()["height"] - 45 * 4.2) <= 1)


@pytest.mark.browser
def test_other_units_have_no_paper(browser):
    with shown(unit="g") as (url, _), opened(browser, url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        assert not page.locator("[data-do=paper]").is_visible()


@pytest.mark.browser
def test_the_inspector_shows_the_wearers_usual_beat_beside_the_flagged_one(browser):
    with shown() as (url, _), opened(browser, url) as page:
        page.locator(".flags button").first.click(timeout=PATIENCE * 1000)
        wait_text(page.locator("#inspector .badge"), "anomaly")
        assert "RR 833 ms" in page.inner_text("#inspector .facts")
        usual = page.inner_text("#inspector .usual")
        assert re.search(r"usual beat of this wearer: the last \d+ that were not flagged", usual)
        wait_drawn(page, "#inspector canvas", (0x1A, 0x1D, 0x21))


@pytest.mark.browser
def test_all_channels_are_drawn(browser):
    with shown(channels=8) as (url, _), opened(browser, url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        assert page.locator(".traces canvas").count() == 8

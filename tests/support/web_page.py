"""Boards that stream to a page, and clients of that page: sockets and Chromium."""

from __future__ import annotations

import base64
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.support.monitor_board import FakeBoard, source
from tests.support.waiting import PATIENCE, wait_until
from tools.monitor.controls import Controls
from tools.monitor.settings import Browser
from tools.monitor.sinks import Broadcast
from tools.monitor.stream import Stream
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import serve

RATE = 400.0  # frames a second: 20 windows


@dataclass
class Served:
    hub: Hub
    url: str
    boards: dict[str, FakeBoard]
    controls: dict[str, Controls]
    viewer_url: str = ""

    @property
    def socket(self) -> str:
        return self.url.replace("http:", "ws:").replace("/?", "/stream?")


@contextmanager
def served(
    names: tuple[str, ...] = ("one",),
    rate: float | None = RATE,
    view: Browser | None = None,
    **facts: Any,
) -> Iterator[Served]:
    """Boards that stream for ever, and a page that shows them."""
    hub = Hub()
    served = Served(hub, "", {}, {})
    threads = []
    for name in names:
        board, controls = FakeBoard(**facts), Controls()
        served.boards[name], served.controls[name] = board, controls
        sinks = Broadcast([hub.view(name, controls)], controls)
        stream = Stream(board, source(repeat=True), controls, sinks, frames_per_second=rate)
        threads.append(threading.Thread(target=stream.run, daemon=True))
    with serve(hub, view) as addresses:
        served.url, served.viewer_url = addresses.operator, addresses.viewer
        for thread in threads:
            thread.start()
        try:
            yield served
        finally:
            for controls in served.controls.values():
                controls.quit("over")
            for thread in threads:
                thread.join(5)


def received(socket, enough: Callable[[list[dict]], object]) -> list[dict]:
    """Messages until there are enough of them."""
    messages = []
    end = time.monotonic() + PATIENCE
    while not enough(messages):
        messages.append(json.loads(socket.recv(timeout=max(end - time.monotonic(), 0))))
    return messages


def events_of(messages: list[dict], key: str = "one") -> list[dict]:
    return [
        e for m in messages for b in m.get("boards", ()) if b["key"] == key for e in b["events"]
    ]


def scored_of(messages: list[dict]) -> list[float | None]:
    return [e["score"] for e in events_of(messages) if e["event"] == "scored"]


def text_of(event: dict) -> str | None:
    return event.get("text")


def frames_in(messages: list[dict]) -> int:
    chunks = [e["counts"] for e in events_of(messages) if e["event"] == "samples"]
    return sum(len(base64.b64decode(chunk)) // 2 for chunk in chunks)


def frames_of(events: list[dict]) -> tuple[int, np.ndarray]:
    """First frame and counts; every chunk must begin where the one before ended."""
    chunks, following, first = [], None, 0
    for event in (e for e in events if e["event"] == "samples"):
        counts = np.frombuffer(base64.b64decode(event["counts"]), "<i2")
        if following is None:
            first = event["first_frame"]
        else:
            assert event["first_frame"] == following
        following = event["first_frame"] + len(counts)
        chunks.append(counts)
    return first, np.concatenate(chunks)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if executable is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def opened(browser, url: str, theme: str = "light"):
    """A page that fails the test on any script error or request to elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: m.type == "error" and problems.append(m.text))
    page.on(
        "request",
        lambda r: r.url.startswith(("http://127.0.0.1:", "data:")) or problems.append(r.url),
    )
    page.goto(url)
    try:
        yield page
        assert problems == []
    finally:
        context.close()


def wait_text(locator, text: str) -> None:
    """The page's own policy forbids evaluating strings in it, so the waiting is done here."""
    wait_until(lambda: locator.inner_text() == text, locator.inner_text)


def pixels(page, selector: str) -> set[tuple[int, int, int]]:
    """Colours of a canvas."""
    values = page.eval_on_selector(
        selector,
        "c => [...new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height)"
        ".data.buffer)].filter((v, i, all) => v >>> 24 === 255 && (i === 0 || v !== all[i - 1]))",
    )
    return {(v & 255, v >> 8 & 255, v >> 16 & 255) for v in map(int, values)}


def rgb(theme: dict[str, str], *names: str) -> list[tuple[int, int, int]]:
    """Colours of a theme as red, green and blue."""
    return [(int(theme[n][1:3], 16), int(theme[n][3:5], 16), int(theme[n][5:7], 16)) for n in names]


def wait_drawn(page, selector: str, *colours: tuple[int, int, int]) -> None:
    wait_until(lambda: set(colours) <= pixels(page, selector), lambda: pixels(page, selector))


def inspected(page) -> int | None:
    """Index of the window in the inspector; None before it is shown."""
    words = page.inner_text("#inspected").split()
    return int(words[1]) if len(words) > 1 else None

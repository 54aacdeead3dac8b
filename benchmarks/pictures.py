"""Take the pictures of the monitor and of the report in docs/images.

    .venv/bin/python -m benchmarks.pictures

streams the test set to the emulated board for half a minute, and draws the views with Chromium.
It needs the bundle, image and report of `vigil demo ecg5000`. Run it when a view has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from tools.checkout import DOCS, ROOT
from tools.monitor.boards.opening import open_board
from tools.monitor.controls import Controls
from tools.monitor.events import Event, View, WindowScored
from tools.monitor.history import History
from tools.monitor.settings import Emulated
from tools.monitor.sinks import Broadcast
from tools.monitor.stream import Stream
from tools.monitor.terminal.app import MonitorApp
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import serve
from tools.recordings.load import of_bundle
from tools.report.png import write_png
from training.bundle import read_bundle

IMAGES = DOCS / "images"
BUNDLE = ROOT / "build" / "ecg5000"
IMAGE = BUNDLE / "firmware" / "emulated.elf"
CELLS = (100, 30)
WIDTH = 960  # of the terminal view, in CSS pixels
WINDOWS = 372  # streamed before the picture: normal and abnormal heartbeats are in view
BEATS_PER_SECOND = 60.0
PICTURES: tuple[tuple[str, Literal["light", "dark"], bool], ...] = (
    ("web", "light", False),
    ("web-flag", "dark", True),
)


class Until:
    """A view that stops after a number of windows, so that every picture shows the same ones."""

    def __init__(self, view: View, windows: int) -> None:
        self._view, self._windows, self.full = view, windows, threading.Event()

    def handle(self, event: Event) -> None:
        """Pass the event on until the view is full."""
        if self.full.is_set():
            return
        self._view.handle(event)
        if isinstance(event, WindowScored) and event.index + 1 >= self._windows:
            self.full.set()

    def close(self) -> None:
        """Do nothing; there is nothing to release."""


@contextlib.contextmanager
def streaming(view: View, controls: Controls, windows: int) -> Iterator[tuple[Stream, Until]]:
    """Stream the test set to an emulated board; `view` shows the first `windows` windows."""
    bundle = read_bundle(BUNDLE)
    source, until = of_bundle(bundle), Until(view, windows)
    with open_board(bundle, source, Emulated(IMAGE), watch=True) as board:
        yield (
            Stream(
                board,
                source,
                controls,
                Broadcast([until], controls),
                frames_per_second=BEATS_PER_SECOND * bundle.manifest.segmenter.hop,
                resume=False,
            ),
            until,
        )


def terminal(windows: int = WINDOWS) -> str:
    """The terminal view after `windows` windows, as SVG."""
    history, controls = History(), Controls()
    with streaming(history, controls, windows) as (stream, until):
        thread = threading.Thread(target=stream.run)
        app = MonitorApp(history, controls, thread.start)

        async def take() -> str:
            async with app.run_test(size=CELLS) as pilot:
                await asyncio.to_thread(until.full.wait, 60)
                await pilot.pause(0.3)
                svg = app.export_screenshot(title="vigil monitor ecg5000")
                controls.quit("picture taken")
                return svg

        svg = asyncio.run(take())
        thread.join()
    return svg


def web(windows: int = WINDOWS) -> None:
    """Take the browser view (light) and the inspector with a flag (dark)."""
    hub, controls = Hub(), Controls()
    with (
        streaming(hub.view("board", controls), controls, windows) as (stream, until),
        serve(hub) as addresses,
        chromium() as browser,
    ):
        thread = threading.Thread(target=stream.run)
        thread.start()
        until.full.wait(60)
        for name, theme, flag in PICTURES:
            context = browser.new_context(
                viewport={"width": 1120, "height": 760},
                color_scheme=theme,
                device_scale_factor=2,
            )
            page = context.new_page()
            page.goto(addresses.operator)
            page.wait_for_timeout(1500)
            if flag:
                page.locator(".flags button").first.click()
                page.wait_for_timeout(300)
            write_png(IMAGES / f"{name}.png", page.screenshot())
            context.close()
        controls.quit("pictures taken")
        thread.join()


def report() -> None:
    """Take the head of the report."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 1290}, color_scheme="light")
        page.goto((BUNDLE / "report.html").as_uri())
        write_png(IMAGES / "report.png", page.screenshot())


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """An installed Chromium, without a window."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def draw(page: str, to: Path, width: int, height: int) -> None:
    """Draw an HTML page as PNG on a transparent background, at two device pixels per CSS pixel."""
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=2)
        tab.set_content(page)
        write_png(to, tab.screenshot(omit_background=True))


def framed(svg: str) -> str:
    """An HTML page with Rich's SVG of a terminal, in local fonts, on a transparent background."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "'DejaVu Sans Mono', monospace")
    # Blocks as high as a line, so that the blocks of two lines touch.
    svg = svg.replace("font-size: 20px", "font-size: 22px")
    svg = svg.replace("font-family: arial", "font-family: 'DejaVu Sans', sans-serif")
    return f"<style>body {{ margin: 0 }} svg {{ display: block; width: 100% }}</style>{svg}"


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of an SVG, in its own coordinates."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None
    return float(box[1]), float(box[2])


if __name__ == "__main__":
    picture = terminal()
    width, height = size_of(picture)
    draw(framed(picture), IMAGES / "monitor.png", WIDTH, round(WIDTH * height / width))
    web()
    report()

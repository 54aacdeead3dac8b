"""Takes the pictures of the monitor in docs/images, from the emulated board at work.

    .venv/bin/python docs/images/take.py

Needs the bundle and image that `vigil build ecg5000` makes, and Chromium (which draws the fonts).
Half a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tools.monitor.boards.opening import open_board
from tools.monitor.controls import Controls
from tools.monitor.events import Event, WindowScored
from tools.monitor.history import History
from tools.monitor.settings import Emulated
from tools.monitor.sinks import Broadcast
from tools.monitor.stream import Stream
from tools.monitor.terminal.app import MonitorApp
from tools.monitor.views import View
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import serve
from tools.recordings.load import of_bundle
from training.bundle import read_bundle

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUNDLE = ROOT / "build" / "ecg5000"
IMAGE = ROOT / "firmware" / ".pio" / "build" / "emulated" / "firmware.elf"
CELLS = (100, 30)
WIDTH = 960  # of a picture, in CSS pixels
WINDOWS = 372  # shown when the picture is taken: heartbeats of both kinds are in sight
BEATS_A_SECOND = 60.0
PICTURES: tuple[tuple[str, Literal["light", "dark"], bool], ...] = (
    ("web", "light", False),
    ("web-flag", "dark", True),
)


class Until:
    """A view that stands still after so many windows, for the picture to be of that moment."""

    def __init__(self, view: View, windows: int) -> None:
        self._view, self._windows, self.full = view, windows, threading.Event()

    def handle(self, event: Event) -> None:
        """Pass it on, until there are enough."""
        if self.full.is_set():
            return
        self._view.handle(event)
        if isinstance(event, WindowScored) and event.index + 1 >= self._windows:
            self.full.set()

    def close(self) -> None:
        """Nothing is held."""


@contextlib.contextmanager
def streaming(view: View, controls: Controls, windows: int) -> Iterator[tuple[Stream, Until]]:
    """The test set on its way to an emulated board, seen by `view` up to so many windows."""
    bundle = read_bundle(BUNDLE)
    source, until = of_bundle(bundle), Until(view, windows)
    with open_board(bundle, source, Emulated(IMAGE), watch=True) as board:
        yield (
            Stream(
                board,
                source,
                controls,
                Broadcast([until], controls),
                frames_per_second=BEATS_A_SECOND * bundle.manifest.segmenter.hop,
                resume=False,
            ),
            until,
        )


def terminal(windows: int = WINDOWS) -> str:
    """The terminal view after so many windows, as SVG."""
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
    """The browser view, light, and a flag under the glass, dark."""
    from playwright.sync_api import sync_playwright

    hub, controls = Hub(), Controls()
    with (
        streaming(hub.view("board", controls), controls, windows) as (stream, until),
        serve(hub) as url,
        sync_playwright() as playwright,
    ):
        thread = threading.Thread(target=stream.run)
        thread.start()
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        until.full.wait(60)
        for name, theme, flag in PICTURES:
            context = browser.new_context(
                viewport={"width": 1120, "height": 760},
                color_scheme=theme,
                device_scale_factor=2,
            )
            page = context.new_page()
            page.goto(url)
            page.wait_for_timeout(1500)
            if flag:
                page.locator(".flags button").first.click()
                page.wait_for_timeout(300)
            page.screenshot(path=HERE / f"{name}.png")
            context.close()
        browser.close()
        controls.quit("pictures taken")
        thread.join()


def chromium() -> str:
    """Where it is."""
    return shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("no Chromium")


def draw(page: str, to: Path, width: int, height: int) -> None:
    """A page of HTML as PNG, twice as fine as its pixels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        subprocess.run(
            [
                chromium(),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-device-scale-factor=2",
                f"--window-size={width},{height}",
                "--default-background-color=00000000",
                f"--screenshot={to}",
                path.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


def framed(svg: str) -> str:
    """Rich's picture of a terminal as a page: local fonts only, on nothing."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "'DejaVu Sans Mono', monospace")
    # Blocks as high as a line, so that those of two lines touch.
    svg = svg.replace("font-size: 20px", "font-size: 22px")
    svg = svg.replace("font-family: arial", "font-family: 'DejaVu Sans', sans-serif")
    return f"<style>body {{ margin: 0 }} svg {{ display: block; width: 100% }}</style>{svg}"


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of an SVG's own coordinates."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None
    return float(found[1]), float(found[2])


if __name__ == "__main__":
    picture = terminal()
    width, height = size_of(picture)
    draw(framed(picture), HERE / "monitor.png", WIDTH, round(WIDTH * height / width))
    web()

"""The terminal view's screen and keys, at any size of terminal."""

# ruff: noqa: F811 (fixtures)

from __future__ import annotations

import asyncio
import math
import re

import pytest

from tests.support.monitor_board import WINDOW, source
from tests.support.watched import history, watched  # noqa: F401 (fixture)
from tools.monitor.controls import Controls, Mark, Reset, SetPaused, SetThreshold
from tools.monitor.events import Event, LinkCounters, SamplesSent
from tools.monitor.history import History
from tools.monitor.terminal.app import KEYS, MonitorApp, Panel, heights


@pytest.mark.parametrize("total", range(0, 80))
def test_the_parts_of_the_screen_add_up(total: int) -> None:
    parts = heights(total)
    shares = (parts.header, parts.trace, parts.scores, parts.below)
    assert all(share >= 0 for share in shares)
    assert sum(shares) + parts.footer <= max(total, 1)
    if total >= 9:
        assert sum(shares) + parts.footer == total and parts.trace >= 3
    if total >= 20:
        assert parts.scores % 2 == 1 and parts.trace >= 6


def test_many_channels_take_the_lines_of_the_scores() -> None:
    assert heights(24, 4) == heights(24) and heights(24, 8).trace - 3 >= 8
    assert heights(50, 8) == heights(50)
    parts = heights(24, 8)
    assert parts.header + parts.trace + parts.below + parts.footer == 24


@pytest.mark.parametrize("size", [(80, 24), (70, 20), (120, 40), (40, 10), (20, 5)])
def test_the_screen_at_every_size(size: tuple[int, int], history: History) -> None:
    async def look() -> list[str]:
        app = MonitorApp(history, Controls(), lambda: None)
        async with app.run_test(size=size) as pilot:
            await pilot.pause(0.2)
            await pilot.resize_terminal(size[0] + 7, size[1] + 3)
            await pilot.pause(0.2)
            await pilot.resize_terminal(*size)
            await pilot.pause(0.2)
            lines = app.screen._compositor.render_strips()
            return ["".join(segment.text for segment in line) for line in lines]

    lines = asyncio.run(look())
    assert len(lines) == size[1]
    assert all(len(line) == size[0] for line in lines)
    screen = "\n".join(lines)
    assert "Vigil" in screen
    if size[1] >= 10:
        assert "ANOMALY" in screen
        assert "quit" in screen
    if size >= (70, 20):
        assert re.search(r"link +healthy", screen)
    if size == (80, 24):
        for words in ("EMULATED", "SIMULATED", "reconstruction", "recall", "log scale", "✓"):
            assert words in screen


def test_keys_become_commands(history: History) -> None:
    controls = Controls()

    async def press() -> None:
        app = MonitorApp(history, controls, lambda: None)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("space", "up", "up", "m", "d", "down", "r", "q")

    asyncio.run(press())
    pause, up, twice, mark, trained, down, reset = controls.take()
    assert (pause, mark, reset) == (SetPaused(), Mark(), Reset())
    assert up.value == pytest.approx(1.05e5)  # type: ignore[union-attr]
    assert twice.value == pytest.approx(1.05**2 * 1e5)  # type: ignore[union-attr]
    assert trained == SetThreshold(1e5)
    assert down.value == pytest.approx(1e5 / 1.05)  # type: ignore[union-attr]
    assert controls.quitting and controls.quit_reason == "by key"
    assert not controls.hurried


def test_who_presses_q_again_waits_for_nothing(history: History) -> None:
    controls = Controls()

    async def press() -> bool:
        app = MonitorApp(history, controls, lambda: None, lambda: False)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("q")
            runs = app.is_running and not controls.hurried
            await pilot.press("ctrl+c")
            return runs and app.return_code == 0

    assert asyncio.run(press())
    assert controls.hurried


def test_samples_alone_draw_the_trace_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.monitor.terminal.app.WHOLE_S", math.inf)
    past, drawn = History(), list[str | None]()
    watched(past)
    render = Panel.render
    monkeypatch.setattr(Panel, "render", lambda panel: (drawn.append(panel.id), render(panel))[1])

    async def look(event: Event) -> set[str | None]:
        app = MonitorApp(past, Controls(), lambda: None)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause(0.3)
            app._paint()
            await pilot.pause(0.3)
            drawn.clear()
            past.handle(event)
            app._paint()
            await pilot.pause(0.3)
        return set(drawn)

    samples = SamplesSent(past.next_frame, source().counts[:WINDOW])
    assert asyncio.run(look(samples)) == {"trace"}
    every = {"header", "trace", "scores", "windows", "facts"}
    assert asyncio.run(look(LinkCounters(sent=5))) == every


def screen_of(app: MonitorApp) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line) for line in lines)


@pytest.mark.parametrize("key", ["question_mark", "h"])
def test_a_key_shows_what_the_keys_do(history: History, key: str) -> None:
    controls = Controls()

    async def press() -> list[str]:
        app, seen = MonitorApp(history, controls, lambda: None), []
        async with app.run_test(size=(80, 24)) as pilot:
            for each in (key, "r", key):
                await pilot.press(each)
                await pilot.pause(0.2)
                seen.append(screen_of(app))
        return seen

    shown, still, hidden = asyncio.run(press())
    for name, does in KEYS:
        for screen in (shown, still):
            assert f"│ {name:<11}{does} " in screen
        assert does not in hidden
    assert list(controls.take()) == [Reset()]  # the other keys work meanwhile

"""The browser view, looked at in Chromium by clicking."""

from __future__ import annotations

import re

import pytest

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tests.support.waiting import PATIENCE, wait_until
from tests.support.web_page import browser, inspected, opened, rgb, served, wait_drawn, wait_text
from tools.monitor.controls import Controls
from tools.monitor.events import (
    AlarmChanged,
    LinkCounters,
    Notice,
    RecordingChanged,
    Severity,
    Started,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.settings import Browser
from tools.monitor.theme import DARK, LIGHT
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import Browsers, command_of, serve

__all__ = ["browser"]  # a fixture


@pytest.mark.browser
def test_trace_scores_and_flags_are_drawn_in_both_themes(browser):
    with served() as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        wait_drawn(page, ".traces canvas", *rgb(LIGHT, "normal", "abnormal", "third"))
        wait_drawn(page, ".scores canvas", *rgb(LIGHT, "normal", "abnormal"))
        page.click("#theme")
        wait_drawn(page, ".traces canvas", *rgb(DARK, "normal", "abnormal"))


@pytest.mark.browser
def test_a_click_on_a_flag_shows_where_the_error_sits(browser):
    with served() as s, opened(browser, s.url, "dark") as page:
        page.locator(".flags button").first.click(timeout=PATIENCE * 1000)
        wait_until(lambda: inspected(page) is not None)
        index = inspected(page)
        assert index is not None
        assert index % 5 == 4  # every fifth is strong
        assert page.locator("#inspector canvas").count() == 2
        assert page.inner_text("#inspector .badge").lower() == "anomaly"
        # The fake board makes zeros of everything, so the error is the signal: worked out here.
        counts = source(repeat=True).take(index * WINDOW, WINDOW)[:, 0].astype(float)
        share = counts**2 / (counts**2).sum()
        shortest = min(
            stop - first
            for first in range(WINDOW)
            for stop in range(first + 1, WINDOW + 1)
            if share[first:stop].sum() >= 0.5
        )
        where = page.inner_text("#inspector .where")
        assert f"Half of the squared difference lies in {shortest} of {WINDOW} samples" in where
        page.keyboard.press("Shift+ArrowLeft")
        if index > 4:
            wait_until(lambda: inspected(page) == index - 5)
        page.keyboard.press("Escape")
        assert not page.locator("#inspector").is_visible()


@pytest.mark.browser
def test_a_model_of_features_alone_shows_the_signal_and_says_why_nothing_else(browser):
    with served(reconstructs=False) as s, opened(browser, s.url) as page:
        page.locator(".flags button").first.click(timeout=PATIENCE * 1000)
        wait_until(lambda: inspected(page) is not None)
        assert page.locator("#inspector canvas").count() == 1
        assert "The model sees features" in page.inner_text("#inspector .where")
        for legend in ("#inspector .legend", ".card .legend"):
            assert "reconstruction" not in page.inner_text(legend)


@pytest.mark.browser
def test_history_scrolls_back_and_the_live_button_returns(browser):
    with served() as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        page.wait_for_timeout(2000)
        box = page.locator(".past").bounding_box()
        page.mouse.click(box["x"] + 4, box["y"] + box["height"] / 2)
        live = page.locator(".zoom .live")
        wait_text(live, "back to live")
        # The first windows are in sight: a click in the trace opens one of them.
        trace = page.locator(".traces .u-over").bounding_box()
        page.mouse.click(trace["x"] + 5, trace["y"] + trace["height"] / 2)
        wait_until(lambda: inspected(page) == 0, lambda: inspected(page))
        page.keyboard.press("Escape")
        live.click()
        wait_text(live, "live")


@pytest.mark.browser
def test_buttons_command_the_board_and_every_client_sees_it(browser):
    with (
        served(("one", "two")) as s,
        opened(browser, s.url) as page,
        opened(browser, s.url) as other,
    ):
        for each in (page, other):
            each.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
            assert each.locator(".card").count() == 2
        card = "[data-key=two] "
        page.click(card + "[data-ask=pause]")
        for each in (page, other):
            each.wait_for_selector(card + ".state[data-state=paused]", timeout=PATIENCE * 1000)
            assert each.inner_text("[data-key=one] .state") == "live"
        page.fill(card + ".threshold input", "123.5")
        page.keyboard.press("Enter")
        wait_until(lambda: other.input_value(card + ".threshold input") == "123.5")
        assert s.boards["two"].threshold == 123.5
        page.click(card + "[data-ask=mark]")
        wait_until(lambda: other.inner_text(card + ".notice").startswith("mark at frame"))


@pytest.mark.browser
def test_a_threshold_that_cannot_be_is_marked_and_not_asked_for(browser):
    with served() as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        box, board = page.locator(".threshold input"), s.boards["one"]
        for text in ("abc", "-1", "1e400", "1,2,3"):
            box.fill(text)
            box.press("Enter")
            assert box.get_attribute("aria-invalid") == "true"
            assert "0 or more" in (box.get_attribute("title") or "")
            box.blur()
            page.wait_for_timeout(300)
            assert box.input_value() == text  # for the user to correct
        assert board.threshold == board.facts.threshold
        box.fill("0,5")
        assert box.get_attribute("aria-invalid") == "false"
        box.press("Enter")
        wait_until(lambda: box.input_value() == "0.5000")  # as the board confirmed it
        assert board.threshold == 0.5
        box.fill("7e")
        box.press("Enter")
        box.fill("")
        box.press("Enter")
        wait_until(lambda: box.input_value() == "0.5000")


@pytest.mark.browser
def test_the_alarm_is_set_like_the_threshold_and_shown_as_the_board_confirmed_it(browser):
    with served(alarm="mean of 8 scores") as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        box = page.locator(".levels input")
        for text in (
            "abc",
            "mean:8",
            "mean:0:1",
            "mean:33:1",
            "count:5:2.5",
            "count:3:5",
            "mean:8:0.9:1",
        ):
            box.fill(text)
            box.press("Enter")
            assert box.get_attribute("aria-invalid") == "true", text
            with pytest.raises(ValueError):
                command_of({"key": "one", "ask": "alarm", "levels": text})
        assert s.boards["one"].levels is None
        box.fill("mean:4:1.5:1.25")
        assert box.get_attribute("aria-invalid") == "false"
        box.press("Enter")
        words = "mean of 4 scores 1.5 x the threshold (cleared below 1.25 x)"
        wait_until(lambda: words in page.inner_text(".counts"))
        assert page.inner_text(".notice") == f"alarm: {words}" and box.input_value() == ""


@pytest.mark.browser
def test_a_board_that_failed_takes_no_commands(browser):
    with served(("one", "two")) as s, opened(browser, s.url) as page:
        s.hub.view("three", Controls()).fail("three: there is no such port")
        page.wait_for_selector("[data-key=two] .flags button", timeout=PATIENCE * 1000)
        s.controls["two"].quit("unplugged")
        # Those of every board; one whose firmware cannot calibrate has no such command.
        commands = " footer :is(button, input):not([data-ask=calibrate], [hidden])"
        for key, on in (("one", True), ("two", False), ("three", False)):
            each = page.locator(f"[data-key={key}]{commands}")
            assert each.count() == 9
            wait_until(lambda on=on, each=each: all(e.is_enabled() == on for e in each.all()))
        # What is there may still be looked at.
        assert page.locator("[data-key=two] .zoom button").first.is_enabled()
        assert page.locator("[data-key=three] .zoom button").first.is_disabled()
        page.locator("[data-key=three] .past").press("+")  # there is nothing to zoom: no error


@pytest.mark.browser
def test_on_a_telephone_a_colour_stands_beside_its_word(browser):
    with served() as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        page.set_viewport_size({"width": 390, "height": 800})
        for swatch in page.locator(".under .legend i").all():
            word = swatch.evaluate(
                "i => { const r = document.createRange(); r.selectNode(i.nextSibling);"
                " const { top, bottom } = r.getBoundingClientRect(); return { top, bottom }; }"
            )
            box = swatch.bounding_box()
            assert word["top"] <= box["y"] <= box["y"] + box["height"] <= word["bottom"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_the_links_counters_are_those_of_the_terminal(browser):
    with served(rate=None) as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        s.controls["one"].quit("enough")
        wait_text(page.locator(".state"), "ended")
        s.hub._boards["one"].handle(LinkCounters(1234, 1000, 1, 2, 3, 4, 1230, 10, 20, 30, 40))
        counts = page.locator(".counts")
        wait_until(lambda: "1\u202f234 sent · 1\u202f000 received" in counts.inner_text())
        assert "11 corrupt · 22 missing 44 resent · 33 repeated" in counts.inner_text()


@pytest.mark.browser
def test_a_board_that_ends_is_shown_and_so_is_a_monitor_that_is_gone(browser):
    with served(("one", "two")) as s, opened(browser, s.url) as page:
        page.wait_for_selector("[data-key=two] .flags button", timeout=PATIENCE * 1000)
        s.controls["two"].quit("unplugged")
        wait_text(page.locator("[data-key=two] .state"), "ended")
        assert page.inner_text("[data-key=one] .state") == "live"
    with served() as s:
        context = browser.new_context()
        page = context.new_page()
        page.goto(s.url)
        wait_text(page.locator("#connection"), "connected")
    wait_until(lambda: "lost" in page.inner_text("#connection"))
    context.close()


@pytest.mark.browser
def test_a_board_is_not_live_once_the_monitor_is_gone(browser):
    hub = Hub()
    view = hub.view("one", Controls())
    view.handle(Started(FakeBoard().facts, source().facts, 0))
    view.handle(RecordingChanged(True, "run.csv"))
    context = browser.new_context()
    page = context.new_page()
    with serve(hub) as addresses:
        page.goto(addresses.operator)
        wait_text(page.locator("[data-key=one] .state"), "live")
        assert page.is_visible("[data-key=one] .badge.recording")
    wait_text(page.locator("[data-key=one] .state"), "monitor lost")
    assert page.is_hidden("[data-key=one] .badge.recording")
    assert page.is_disabled("[data-key=one] [data-ask=reset]")
    context.close()


@pytest.mark.browser
def test_a_board_is_not_live_while_nothing_comes_from_the_monitor(browser, monkeypatch):
    """As when the network fails: no end of the connection arrives."""
    with served() as s, opened(browser, s.url) as page:
        wait_text(page.locator("[data-key=one] .state"), "live")
        with monkeypatch.context() as hanging:
            hanging.setattr(Browsers, "send_news", lambda *_, **__: None)
            wait_text(page.locator("[data-key=one] .state"), "monitor lost")
            assert "silent" in page.inner_text("#connection")
            assert page.is_disabled("[data-key=one] [data-ask=reset]")
        wait_text(page.locator("[data-key=one] .state"), "live")
        assert page.inner_text("#connection") == "connected"


@pytest.mark.browser
def test_a_board_is_not_live_while_its_windows_are_lost(browser):
    hub = Hub()
    view = hub.view("one", Controls())
    view.handle(Started(FakeBoard().facts, source().facts, 0))
    with serve(hub) as addresses, opened(browser, addresses.operator) as page:
        state = page.locator("[data-key=one] .state")
        for event, said in (
            (WindowsLost(0, 2, "lead_off"), "lost: lead_off"),
            (WindowNotJudged(2, 2 * WINDOW, "flat"), "not judged: flat"),
            (WindowsLost(3, 1, "engine"), "lost: engine"),
            (WindowScored(4, 4 * WINDOW, 0.1, 0.5, False, 50), "live"),
        ):
            view.handle(event)
            wait_text(state, said)


@pytest.mark.browser
def test_a_viewers_page_has_no_commands(browser):
    with served() as s, opened(browser, s.viewer_url) as page:
        page.wait_for_selector("[data-key=one] .flags button", timeout=PATIENCE * 1000)
        assert page.inner_text("[data-key=one] .state") == "live"
        assert page.is_disabled("[data-key=one] [data-ask=reset]")
        assert page.is_disabled("[data-key=one] .threshold input")
        assert page.is_enabled("[data-key=one] [data-do=in]")


@pytest.mark.browser
def test_a_page_of_an_earlier_run_says_what_to_open(browser):
    context = browser.new_context()
    page = context.new_page()
    with served() as s:
        page.goto(s.url)
        wait_text(page.locator("#connection"), "connected")
        port = int(s.url.split(":")[2].split("/")[0])
    with served(view=Browser(port)):
        wait_until(lambda: "earlier run" in page.inner_text("#connection"))
    context.close()


@pytest.mark.browser
def test_this_was_normal_asks_the_board_and_shows_its_answer(browser):
    with served() as s, opened(browser, s.url) as page:
        page.locator(".flags button").first.click(timeout=PATIENCE * 1000)
        wait_until(lambda: inspected(page) is not None)
        index, before = inspected(page), s.boards["one"].threshold
        page.click("#inspector [data-go=normal]")
        answer = page.locator("#inspector .answer")
        wait_until(
            lambda: f"beat {index} counts as normal" in answer.inner_text(), answer.inner_text
        )
        assert s.boards["one"].threshold > before
        assert page.locator("[data-ask=renew]").is_hidden()  # the model has no wearer


@pytest.mark.browser
def test_trace_and_strip_take_the_keyboard_and_say_what_they_show(browser):
    with served() as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        for part in (".traces", ".past"):
            slider = page.locator(part)
            wait_until(lambda slider=slider: "live, " in slider.get_attribute("aria-valuetext"))
            slider.press("Home")
            text = slider.get_attribute("aria-valuetext")
            assert "live" not in text and "(0.00 s)" in text  # stream time, beside the time of day
            assert slider.get_attribute("aria-valuenow") == "0"
            slider.press("End")
            wait_until(lambda slider=slider: "live, " in slider.get_attribute("aria-valuetext"))
        page.locator(".traces").press("Enter")
        wait_until(lambda: inspected(page) is not None)


@pytest.mark.browser
def test_a_narrow_touch_screen_shows_all_and_has_targets_of_44_pixels(browser):
    with served(alarm="mean of 8 scores") as s:
        context = browser.new_context(
            viewport={"width": 320, "height": 800}, has_touch=True, is_mobile=True
        )
        page = context.new_page()
        page.goto(s.url)
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        s.hub._boards["one"].handle(AlarmChanged(4, 80, True))
        page.wait_for_selector("#alarms button", timeout=PATIENCE * 1000)
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        # In one look: the list of flags changes with every window.
        small = page.eval_on_selector_all(
            "button, summary, footer input, canvas.past",
            "all => all.filter((e) => e.checkVisibility()).map((e) => [e, "
            "e.getBoundingClientRect()]).filter(([, box]) => box.width < 44 || box.height < 44)"
            ".map(([e]) => e.outerHTML)",
        )
        assert small == []
        context.close()


@pytest.mark.browser
def test_the_log_is_below_the_statistics_with_times_and_opens(browser):
    with served() as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        view = s.hub._boards["one"]
        for n in range(3):
            view.handle(Notice(f"notice {n}", severity=Severity.WARNING))
        wait_until(lambda: page.inner_text(".log .notice") == "notice 2")
        page.click(".log summary")
        entries = page.locator(".log li")
        wait_until(lambda: entries.count() == 3)
        assert re.fullmatch(r"\d\d:\d\d:\d\d\s+⚠ warning: notice 2", entries.first.inner_text())


@pytest.mark.browser
def test_forced_colours_keep_flags_apart_from_the_signal(browser):
    with served() as s:
        context = browser.new_context(forced_colors="active", color_scheme="dark")
        page = context.new_page()
        page.goto(s.url)
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        colour = (
            "name => { const i = document.createElement('i'); i.style.color = name;"
            " document.body.append(i);"
            " return getComputedStyle(i).color.match(/\\d+/g).map(Number); }"
        )
        text, flag = (tuple(page.evaluate(colour, n)) for n in ("CanvasText", "LinkText"))
        assert text != flag
        wait_drawn(page, ".scores canvas", text, flag)
        context.close()

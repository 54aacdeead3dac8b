"""The browser view, looked at in Chromium by clicking, and its server by those without a token."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tests.support.waiting import PATIENCE, wait_until
from tools.monitor.controls import (
    Calibrate,
    Controls,
    ForgetCalibration,
    SetAlarm,
    SetRecording,
    StopCalibration,
)
from tools.monitor.events import LinkCounters, Notice, SamplesSent, Started, WindowScored
from tools.monitor.settings import Browser
from tools.monitor.sinks import Broadcast
from tools.monitor.stream import Stream
from tools.monitor.web import hub as hub_module
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import WRONG_TOKEN, WebError, command_of, serve
from training.bundle.errors import DataError
from training.bundle.manifest import AlarmLevels

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


# --- who may look ---------------------------------------------------------------------------------


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as problem:
        return problem.code


def test_the_page_is_for_those_who_have_the_token():
    with served() as s:
        assert s.url.startswith("http://127.0.0.1:")
        assert status(s.url) == 200
        assert status(s.url.split("?")[0]) == 403
        assert status(s.url + "x") == 403
        assert status(s.url, Host="example.com") == 400  # a foreign name for this machine
        assert status(s.url.split("?")[0] + "files/../server.py") == 404


def test_the_stream_is_for_those_who_have_the_token_and_come_from_the_page():
    with served() as s:
        for address, origin in (
            (s.socket.split("?")[0], None),
            (s.socket + "x", None),
            (s.socket, "http://example.com"),
        ):
            with (
                pytest.raises((InvalidStatus, ConnectionClosed)),
                connect(address, origin=origin) as socket,
            ):
                socket.recv(timeout=PATIENCE)
        with connect(s.socket) as socket:
            assert json.loads(socket.recv(timeout=PATIENCE)) == {"type": "role", "role": "operator"}
            assert json.loads(socket.recv(timeout=PATIENCE))["type"] == "past"


def test_a_page_of_an_earlier_run_is_told_so():
    with served() as s, connect(s.socket + "x") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == WRONG_TOKEN


def test_a_viewer_sees_everything_and_commands_nothing():
    with served() as s:
        viewer = s.viewer_url.replace("http:", "ws:").replace("/?", "/stream?")
        assert status(s.viewer_url) == 200
        with connect(viewer) as looking, connect(s.socket) as operating:
            assert json.loads(looking.recv(timeout=PATIENCE)) == {"type": "role", "role": "viewer"}
            looking.send('{"key": "one", "ask": "mark", "text": "of the viewer"}')
            received(looking, lambda messages: len(scored_of(messages)) > 2)
            operating.send('{"key": "one", "ask": "mark", "text": "of the operator"}')
            messages = received(looking, lambda m: "of the operator" in map(text_of, events_of(m)))
        assert "of the viewer" not in map(text_of, events_of(messages))


def certificate(folder: Path, *parts: str) -> Path:
    """A self-signed certificate and its key in one file, or only some of the two."""
    key, cert = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost "
            f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
        ).split(),
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text("".join({"key": key, "certificate": cert}[p].read_text() for p in parts))
    return both


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl")
def test_the_page_over_tls(tmp_path):
    pem = certificate(tmp_path, "key", "certificate")
    trusted = ssl.create_default_context(cafile=pem)
    with served(view=Browser(host="127.0.0.1", certificate=pem)) as s:
        assert s.url.startswith("https://127.0.0.1:")
        with urllib.request.urlopen(s.url, context=trusted) as answer:
            assert answer.status == 200
        address = s.url.replace("https:", "wss:").replace("/?", "/stream?")
        own = s.url.split("/?")[0]
        with connect(address, ssl=trusted, origin=own) as socket:
            received(socket, scored_of)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl")
@pytest.mark.parametrize("parts", [("certificate",), ("key",), ()])
def test_a_certificate_that_is_not_whole_is_one_clear_line(tmp_path, parts):
    pem = certificate(tmp_path, *parts)
    with (
        pytest.raises(WebError, match=r"both\.pem: not a PEM file") as problem,
        serve(Hub(), Browser(certificate=pem)),
    ):
        pass
    assert "\n" not in str(problem.value)


def test_behind_a_reverse_proxy_only_its_own_pages_connect():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    origin = "https://pumps.example"
    with served(view=Browser(port, origin=origin)) as s:
        assert s.url.startswith(f"{origin}/?token=")
        address = f"ws://127.0.0.1:{port}/stream?{s.url.split('?')[1]}"
        with connect(address, origin=origin) as client:
            received(client, scored_of)
        with (
            pytest.raises((InvalidStatus, ConnectionClosed)),
            connect(address, origin=f"http://127.0.0.1:{port}") as client,
        ):
            client.recv(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"host": "0.0.0.0"}, "without TLS"),
        ({"host": "0.0.0.0", "certificate": Path("absent.pem")}, "no such file"),
        ({"origin": "http://pumps.example"}, "https://NAME"),
        ({"origin": "https://pumps.example/path"}, "https://NAME"),
    ],
)
def test_a_page_for_the_network_in_plain_text_is_refused(view, said):
    with pytest.raises(DataError, match=said):
        Browser(**view)


def test_a_taken_port_is_one_clear_line():
    with served() as s:
        port = int(s.url.split(":")[2].split("/")[0])
        with pytest.raises(WebError, match=f"{port}.*--web-port"), serve(Hub(), Browser(port)):
            pass


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"key": "one"},
        {"key": 1, "ask": "reset"},
        {"key": "one", "ask": "quit"},
        {"key": "one", "ask": "threshold", "value": "1"},
        {"key": "one", "ask": "threshold", "value": float("nan")},
        {"key": "one", "ask": "threshold", "value": int("1" * 401)},
        {"key": "one", "ask": "threshold", "value": 1e300},  # not with a board's 32 bits
        {"key": "one", "ask": "threshold", "value": -1},
        {"key": "one", "ask": "threshold", "value": True},
        {"key": "one", "ask": "pause", "paused": 1},
    ],
)
def test_what_is_no_command_is_refused(message):
    with pytest.raises(ValueError, match="not a command"):
        command_of(message)


def test_nonsense_on_the_socket_disturbs_nobody(capfd):
    long = '{"key": "one", "ask": "threshold", "value": ' + "1" * 401 + "}"
    with served() as s, connect(s.socket) as socket:
        for text in ("", "{", "[1]", '{"key": "two", "ask": "reset"}', "\0" * 1000):
            socket.send(text)
        socket.send(long)
        socket.send("[" * 4000)
        socket.send('{"key": "one", "ask": "mark", "text": "after all that"}')
        received(socket, lambda messages: "after all that" in map(text_of, events_of(messages)))
        received(socket, scored_of)
        assert s.boards["one"].restarts == 1  # the one with which the stream began
        assert s.boards["one"].threshold == s.boards["one"].facts.threshold
    said = capfd.readouterr()
    assert said.out == said.err == ""


def test_a_message_that_is_too_long_for_a_command_ends_that_browser(capfd):
    with served() as s, connect(s.socket) as socket, connect(s.socket) as other:
        socket.send("[" * 100_000)
        with pytest.raises(ConnectionClosed) as closed:
            received(socket, lambda messages: False)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
        received(other, events_of)


def test_bytes_are_refused_quietly(capfd):
    with served() as s, connect(s.socket) as socket, connect(s.socket) as other:
        socket.send(b'{"key": "one", "ask": "reset"}')
        with pytest.raises(ConnectionClosed) as closed:
            received(socket, lambda messages: False)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1003
        received(other, events_of)
        assert s.boards["one"].restarts == 1
    said = capfd.readouterr()
    assert said.out == said.err == ""


# --- what they see --------------------------------------------------------------------------------


def test_every_client_sees_one_stream_and_a_late_one_its_past_with_no_frame_twice():
    with served(rate=4000.0) as s, connect(s.socket) as first:
        both = received(first, lambda messages: frames_in(messages) > 1500)
        late = []
        for _ in range(20):  # joining is where frames could be missed or sent twice
            with connect(s.socket) as socket:
                late.append(received(socket, lambda messages: len(messages) > 3))
        most = max(map(frames_in, late)) - frames_in(both)
        both += received(first, lambda messages: frames_in(messages) >= most)
    start, counts = frames_of(events_of(both))
    assert start == 0
    for messages in late:
        assert [m["type"] for m in messages[:2]] == ["role", "past"]
        assert [m["type"] for m in messages[2:]].count("past") == 0
        begin, seen = frames_of(events_of(messages))
        assert begin == 0 and len(seen) > 1000
        assert (seen == counts[: len(seen)]).all()
    windows = [e["index"] for e in events_of(both) if e["event"] == "scored"]
    assert windows == list(range(len(windows)))


def test_the_past_is_bounded(monkeypatch):
    monkeypatch.setattr(hub_module, "FRAMES", 1000)
    view = Hub().view("one", Controls())
    for first in range(0, 100_000, 100):
        view.handle(SamplesSent(first, np.full((100, 1), first % 30000, np.int16)))
    assert view._past.frames <= 1100
    assert len(view._past.chunks) <= 11


def test_a_score_that_is_no_number_stops_nothing():
    hub = Hub()
    view = hub.view("one", Controls())
    with (
        serve(hub) as addresses,
        connect(addresses.operator.replace("http:", "ws:").replace("/?", "/stream?")) as client,
    ):
        client.recv(timeout=PATIENCE)  # the role
        client.recv(timeout=PATIENCE)  # the past
        view.handle(WindowScored(0, 0, float("nan"), 0.5, False, 50))
        view.handle(WindowScored(1, WINDOW, 0.25, 0.5, False, 50))
        scores = scored_of(received(client, lambda messages: len(scored_of(messages)) == 2))
        assert scores == [None, 0.25]
        view._new.append({"event": "unheard of", "value": float("nan")})
        wait_until(lambda: not view._new)  # a tick that can send nothing
        view.handle(WindowScored(2, 2 * WINDOW, 0.75, 0.5, True, 50))
        assert scored_of(received(client, scored_of)) == [0.75]


def test_a_board_that_fails_is_told_as_ended():
    hub = Hub()
    hub.view("one", Controls()).fail("no board answers on /dev/ttyACM0")
    _, past = hub.news_and_past()
    assert [e["event"] for e in past[0]["events"]] == ["notice", "ended"]


def test_commands_reach_the_board_they_are_for():
    with served(("one", "two")) as s, connect(s.socket) as socket:
        socket.send(json.dumps({"key": "two", "ask": "threshold", "value": 7.5}))
        answer = {"event": "threshold", "value": 7.5}
        received(socket, lambda messages: answer in events_of(messages, "two"))
        assert s.boards["two"].threshold == 7.5
        assert s.boards["one"].threshold == 1e5


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ({"ask": "record", "on": True}, SetRecording(True)),
        ({"ask": "calibrate", "run": True}, Calibrate()),
        ({"ask": "calibrate", "run": False}, StopCalibration()),
        ({"ask": "forget"}, ForgetCalibration()),
        (
            {"ask": "alarm", "levels": "count:5:3:1"},
            SetAlarm(AlarmLevels(kind="count", windows=5, raise_level=3, clear_level=1)),
        ),
    ],
)
def test_a_browser_may_calibrate_the_board_and_set_its_alarm(message, command):
    assert command_of({"key": "one", **message}) == ("one", command)


# --- in Chromium ----------------------------------------------------------------------------------


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


def wait_drawn(page, selector: str, *colours: tuple[int, int, int]) -> None:
    wait_until(lambda: set(colours) <= pixels(page, selector), lambda: pixels(page, selector))


@pytest.mark.browser
def test_trace_scores_and_flags_are_drawn_in_both_themes(browser):
    with served() as s, opened(browser, s.url) as page:
        page.wait_for_selector(".flags button", timeout=PATIENCE * 1000)
        wait_drawn(
            page, ".traces canvas", (0x1F, 0x6F, 0x8B), (0xD4, 0x55, 0x2A), (0x7A, 0x5E, 0xA8)
        )
        wait_drawn(page, ".scores canvas", (0x1F, 0x6F, 0x8B), (0xD4, 0x55, 0x2A))
        page.click("#theme")
        wait_drawn(page, ".traces canvas", (0x5B, 0xB5, 0xD1), (0xFF, 0x8A, 0x5C))


def inspected(page) -> int | None:
    """Index of the window in the inspector; None before it is shown."""
    words = page.inner_text("#inspected").split()
    return int(words[1]) if len(words) > 1 else None


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
        wait_until(lambda: other.inner_text(card + ".notice").startswith("marked"))


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
        for text in ("abc", "mean:8", "mean:0:1", "mean:33:1", "count:5:2.5", "mean:8:0.9:1"):
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
        assert "11 corrupt · 22 missing · 44 resent · 33 repeated" in counts.inner_text()


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
    hub.view("one", Controls()).handle(Started(FakeBoard().facts, source().facts, 0))
    context = browser.new_context()
    page = context.new_page()
    with serve(hub) as addresses:
        page.goto(addresses.operator)
        wait_text(page.locator("[data-key=one] .state"), "live")
    wait_text(page.locator("[data-key=one] .state"), "monitor lost")
    assert page.is_disabled("[data-key=one] [data-ask=reset]")
    context.close()


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


def test_a_late_browser_knows_that_the_board_is_silent():
    hub = Hub()
    view = hub.view("one", Controls())
    view.handle(Notice("the board does not answer", answers=False))
    view.handle(Notice("still waiting"))
    _, past = hub.news_and_past()
    answers = [e["answers"] for e in past[0]["events"] if e["event"] == "notice"]
    assert [a for a in answers if a is not None] == [False]


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

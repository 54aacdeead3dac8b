"""What the server of the browser view sends to its clients, and which commands it takes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from websockets.sync.client import connect

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tests.support.waiting import PATIENCE, wait_until
from tests.support.web_page import (
    events_of,
    frames_in,
    frames_of,
    received,
    scored_of,
    served,
)
from tools.monitor.controls import (
    Calibrate,
    Controls,
    ForgetCalibration,
    SetAlarm,
    SetRecording,
    StopCalibration,
)
from tools.monitor.events import Notice, SamplesSent, Started, WindowScored
from tools.monitor.web import hub as hub_module
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import BACKLOG, Browsers, command_of, serve
from training.bundle.manifest import AlarmLevels


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


def test_a_browser_that_does_not_read_costs_nothing_and_then_skips_to_the_present(monkeypatch):
    hub = Hub()
    view, browsers, made = hub.view("one", Controls()), Browsers(hub), 0
    view.handle(Started(FakeBoard().facts, source().facts, 0))
    whole = hub.news_and_past

    def counted():
        nonlocal made
        made += 1
        return whole()

    monkeypatch.setattr(hub, "news_and_past", counted)
    with browsers.join("viewer") as reads, browsers.join("viewer") as stuck:
        for queue in (reads, stuck):
            assert json.loads(queue.get_nowait())["type"] == "role"
            assert queue.get_nowait() is None and json.loads(browsers.past(queue))["boards"]
        for index in range(4 * BACKLOG):
            view.handle(WindowScored(index, index * WINDOW, 0.25, 0.5, False, 50))
            browsers.send_news()
            assert scored_of([json.loads(reads.get_nowait())]) == [0.25]
        assert (stuck.qsize(), made) == (1, 2)
        assert stuck.get_nowait() is None
        view.handle(WindowScored(index + 1, (index + 1) * WINDOW, 0.75, 0.5, True, 50))
        past = scored_of([json.loads(browsers.past(stuck))])
        assert past == [0.25] * 4 * BACKLOG + [0.75]
        assert scored_of([json.loads(reads.get_nowait())]) == [0.75]
        view.handle(WindowScored(index + 2, (index + 2) * WINDOW, 0.5, 0.5, False, 50))
        browsers.send_news()
        assert scored_of([json.loads(stuck.get_nowait())]) == [0.5]


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
    assert [e["event"] for e in past[0]["events"]] == ["notice", "ended", "log", "log"]


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


def test_a_late_browser_knows_that_the_board_is_silent():
    hub = Hub()
    view = hub.view("one", Controls())
    view.handle(Notice("the board does not answer", answers=False))
    view.handle(Notice("still waiting"))
    _, past = hub.news_and_past()
    answers = [e["answers"] for e in past[0]["events"] if e["event"] == "notice"]
    assert [a for a in answers if a is not None] == [False]

"""A board that is away: who sends on its port, and the request to try again now."""

from __future__ import annotations

import math
import threading

import pytest
import typer

from tests.support.monitor_board import FakeBoard, source
from tests.support.waiting import wait_until
from tools.cli.options import patience, seconds_of
from tools.monitor.boards import strangers
from tools.monitor.boards.strangers import Strangers
from tools.monitor.controls import Controls, Reconnect
from tools.monitor.events import Severity
from tools.monitor.stream import Stream
from tools.monitor.web.server import command_of


class Port:
    """A session's view of a port."""

    port = "/dev/ttyACM0"
    stranger = ""


def test_a_stranger_is_named_once_and_a_board_that_starts_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strangers, "SECONDS", -1.0)
    port = Port()
    watch = Strangers(port)  # type: ignore[arg-type]
    port.stranger = "no Vigil firmware answers on this port; it prints 'Vigil starts'"
    assert watch.notices(away=True) == []  # perhaps a greeting
    assert watch.notices(away=False) == []  # it was
    port.stranger = "no Vigil firmware answers on this port; it prints '$GPGGA'"
    said = [notice for _ in range(5) for notice in watch.notices(away=True)]
    assert [notice.text for notice in said] == [f"/dev/ttyACM0: {port.stranger}"]
    assert said[0].severity is Severity.WARNING
    watch.clear()
    assert [notice for _ in range(5) for notice in watch.notices(away=True)] == said


def test_reconnect_is_asked_for_by_key_and_by_button_and_reaches_a_board_that_is_away() -> None:
    assert command_of({"key": "one", "ask": "reconnect"}) == ("one", Reconnect())
    board, controls = FakeBoard(), Controls()
    board.answers = False
    stream = Stream(board, source(repeat=True), controls, lambda _: None, frames_per_second=100.0)
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    controls.ask(Reconnect())
    wait_until(lambda: board.retries == 1)
    controls.quit("over")
    thread.join(10)


def test_how_long_to_wait_is_seconds_or_for_ever() -> None:
    assert seconds_of("forever") == math.inf and seconds_of("3600") == 3600.0
    assert seconds_of(None) is None and patience(None) is None and patience("2.5") == "2.5"
    for text in ("", "-1", "0", "nan", "1h"):
        with pytest.raises(typer.BadParameter, match="write seconds, such as 3600, or 'forever'"):
            patience(text)

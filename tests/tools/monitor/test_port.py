"""A board as the monitor speaks to it, on a line in memory: begun anew, silent, gone and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.link_line import Line, expected_scores
from tests.support.link_native import BoardConfig
from tests.support.monitor_board import WINDOW, source
from tests.support.noise_bundle import noise_bundle
from tools.link import messages as m
from tools.link.events import Calibrated
from tools.link.session import Session
from tools.link.timeouts import Timeouts
from tools.link.transport import MemoryTransport, PortLostError
from tools.monitor.boards.link_board import LinkBoard
from tools.monitor.controls import Controls, Reset, SetThreshold
from tools.monitor.events import (
    AlarmChanged,
    DriftChanged,
    Ended,
    Event,
    Notice,
    Restarted,
    Started,
    ThresholdChanged,
    WindowScored,
)
from tools.monitor.stream import Stream
from training.bundle.errors import LinkError
from training.bundle.manifest import AlarmLevels

WHAT = source(60)
CONFIG = BoardConfig(window=WINDOW, hop=WINDOW)


def link_board(session: Session, abandon: Callable[[], bool] = lambda: False) -> LinkBoard:
    bundle = noise_bundle(session, WINDOW, WINDOW)
    return LinkBoard(session, bundle, WHAT, False, abandon)


def streamed(board: LinkBoard, controls: Controls, then: Callable[[Event], None]) -> list[Event]:
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        then(event)

    Stream(board, WHAT, controls, emit).run()
    return events


def scored(events: list[Event]) -> list[WindowScored]:
    return [event for event in events if isinstance(event, WindowScored)]


def test_a_stream_is_begun_anew_as_often_as_one_likes() -> None:
    controls, resets = Controls(), 0

    def reset(event: Event) -> None:
        nonlocal resets
        if isinstance(event, WindowScored) and event.index == 10 and resets < 5:
            resets += 1
            controls.ask(Reset())

    events = streamed(link_board(Line(CONFIG).session()), controls, reset)
    began = [at for at, event in enumerate(events) if isinstance(event, Restarted)]
    assert len(began) == 5
    expected = expected_scores(WHAT.counts, WINDOW, WINDOW).tolist()
    # After each reset the windows of the new stream, from the first on, and none of the old one.
    for first, stop in zip([0, *began], [*began, len(events)], strict=True):
        run = scored(events[first:stop])
        assert [window.index for window in run] == list(range(len(run)))
        assert [window.score for window in run] == expected[: len(run)]
    assert len(run) == 60 and events[-1] == Ended(complete=True, reason="")


def test_a_board_that_falls_silent_is_said_and_asked_for_nothing() -> None:
    line, controls = Line(CONFIG), Controls()
    silent = False
    line.drop = lambda data, now: b"" if silent else data

    def hush(event: Event) -> None:
        nonlocal silent
        match event:
            case WindowScored(index=10):
                silent = True
            case Notice(answers=False):
                controls.ask(Reset())
                controls.ask(SetThreshold(0.25))
            case Notice(text=text) if "threshold not set" in text:
                silent = False

    board = link_board(line.session())
    events = streamed(board, controls, hush)
    notices = [event for event in events if isinstance(event, Notice)]
    assert [notice.answers for notice in notices] == [False, None, None, True]
    assert notices[0].text == "the board does not answer; waiting"
    assert notices[1].text == "not reset: the board does not answer"
    assert notices[2].text == "threshold not set: the board does not answer"
    assert notices[3].text.startswith("the board answers again: continuing at frame")
    assert not any(isinstance(event, Restarted | ThresholdChanged) for event in events)
    assert [window.index for window in scored(events)] == list(range(60))


def test_a_port_that_is_lost_during_a_reset_comes_back_to_a_stream_that_runs() -> None:
    line, tries, unplugged = Line(CONFIG), 0, False

    def unplug(data: bytes, now: float) -> bytes:
        if unplugged:
            raise PortLostError("memory: gone")
        return data

    def reopen() -> MemoryTransport:
        nonlocal tries, unplugged
        tries += 1
        if tries < 2:
            raise LinkError("memory: no such port")
        unplugged = False
        line.reboot()
        return line.transport()

    line.drop = unplug
    board = link_board(Session(line.transport(), reopen=reopen))
    board.restart()
    unplugged = True
    while board.answers:
        board.receive(0.01)
    assert board.room() == 0
    board.restart()
    assert board.room() > 0
    notices = [event for event in board.receive(0.01) if isinstance(event, Notice)]
    assert notices[-1] == Notice("the board answers again", answers=True)


def test_an_alarm_is_set_again_though_the_board_is_lost_while_it_is_set() -> None:
    line, lost, tried = Line(CONFIG), False, 0

    def unplug(data: bytes, now: float) -> bytes:
        if lost:
            raise PortLostError("memory: gone")
        return data

    def reopen() -> MemoryTransport:
        nonlocal lost
        lost = False
        return line.transport()

    def set_alarm(_: object) -> None:
        nonlocal lost, tried
        tried += 1
        lost = tried == 2
        session.statistics()

    line.drop = unplug
    session = Session(line.transport(), reopen=reopen)
    board = link_board(session)
    board.restart()
    session.set_alarm = set_alarm  # type: ignore[assignment]
    board.set_alarm(AlarmLevels(kind="count", windows=5, raise_level=3, clear_level=2))
    line.reboot()
    said = [board.receive(0.01) for _ in range(1000)]
    notices = [event.text for events in said for event in events if isinstance(event, Notice)]
    assert notices == [
        "the board was reset: continuing at frame 0",
        "waiting for the port to return: memory: gone",
        "the board answers again: continuing at frame 0",
    ]
    assert tried == 3


def test_an_alarm_that_was_on_is_on_after_the_stream_is_resumed() -> None:
    line = Line(CONFIG)
    board = link_board(line.session())
    board.restart()
    board.send(0, WHAT.counts[: 20 * WINDOW])
    while board._session.next_window < 20:
        board.receive(0.01)
    board.receive(0.01)
    board.close(finished=False)

    session = line.session()
    board = link_board(session)
    board.facts = replace(board.facts, alarm="count")
    state = m.ALARM | m.DRIFT
    session.alarm = lambda: m.Alarm(state=state, window=20)  # type: ignore[method-assign]
    events = streamed(board, Controls(), lambda _: None)
    assert isinstance(events[0], Started) and events[0].resume_frame == 20 * WINDOW
    changes = [event for event in events if isinstance(event, AlarmChanged | DriftChanged)]
    first = 19 * WINDOW
    assert changes[:2] == [AlarmChanged(19, first, True), DriftChanged(19, first, True)]
    first += WINDOW  # what this board reports has no alarm
    assert changes[2:] == [AlarmChanged(20, first, False), DriftChanged(20, first, False)]


def test_a_threshold_is_known_whose_confirmation_was_lost() -> None:
    line = Line(CONFIG)
    session = line.session()
    board = link_board(session)
    board.restart()
    take, line.up.take = line.up.take, lambda now: b""  # type: ignore[method-assign]
    with pytest.raises(LinkError, match="does not answer"):
        board.set_threshold(0.25)
    line.up.take = take  # type: ignore[method-assign]
    events = [event for _ in range(100) for event in board.receive(0.01)]
    assert ThresholdChanged(0.25) in events


class Swap:
    """A line whose board runs another model (windows half as long) once it scored 10 windows."""

    def __init__(self, back: bool) -> None:
        self.line, self.back, self.opened = Line(CONFIG), back, 0

    def session(self, patience: float) -> Session:
        timeouts = replace(Timeouts(), reconnect=0.01, other_model=patience)
        return Session(self.line.transport(), reopen=self.reopen, timeouts=timeouts)

    def reopen(self) -> MemoryTransport:
        self.opened += 1
        if self.back and self.opened == 3:
            self.become(CONFIG)
        return self.line.transport()

    def become(self, config: BoardConfig) -> None:
        self.line.config = config
        self.line.reboot()

    def take(self, event: Event) -> None:
        if isinstance(event, WindowScored) and event.index == 10 and not self.opened:
            self.become(BoardConfig(window=WINDOW // 2, hop=WINDOW // 2))


def test_a_board_that_returns_with_another_model_is_said_once_and_waited_for() -> None:
    swap = Swap(back=True)
    events = streamed(link_board(swap.session(patience=600.0)), Controls(), swap.take)
    notices = [event for event in events if isinstance(event, Notice) and event.answers is not None]
    other = [notice.text for notice in notices if "the board runs" in notice.text]
    assert len(other) == 1 and other[0].startswith("the board runs ")
    assert other[0].endswith("`vigil flash build/noise --port memory`; waiting")
    assert notices[-1].answers and "was reset: continuing at frame" in notices[-1].text
    assert [window.index for window in scored(events)] == list(range(60))
    expected = expected_scores(WHAT.counts, WINDOW, WINDOW).tolist()
    assert [window.score for window in scored(events)] == expected
    assert events[-1] == Ended(complete=True, reason="")


def test_a_board_that_keeps_another_model_ends_the_stream_with_that_reason() -> None:
    swap = Swap(back=False)
    board, events = link_board(swap.session(patience=0.2)), list[Event]()

    def take(event: Event) -> None:
        events.append(event)
        swap.take(event)

    with pytest.raises(LinkError, match=r"`vigil flash build/noise --port memory`$") as failure:
        Stream(board, WHAT, Controls(), take).run()
    assert events[-1] == Ended(complete=False, reason=str(failure.value))
    assert swap.opened > 1 and len(scored(events)) >= 10


@pytest.mark.parametrize("ask", ["restart", "counters", "threshold", "close"])
def test_who_does_not_want_to_wait_for_a_silent_board_does_not(ask: str) -> None:
    line, controls = Line(CONFIG), Controls()
    board = link_board(line.session(), controls.out_of_time)
    board.restart()
    line.drop = lambda data, now: b""
    controls.quit("by key")
    assert not controls.out_of_time()
    controls.hurry()
    before = line.now
    match ask:
        case "restart":
            with pytest.raises(LinkError, match="does not answer"):
                board.restart()
        case "counters":
            assert board.counters() == board.counters()
        case "threshold":
            with pytest.raises(LinkError, match="does not answer"):
                board.set_threshold(0.25)
        case "close":
            board.close(finished=True)
    assert line.now - before < 0.3


def test_a_report_that_is_older_than_the_last_answer_changes_nothing() -> None:
    session = Line(CONFIG).session()
    board = link_board(session)
    board.restart()
    ended = session.calibrate(m.Calibrate(m.CalibrateAction.ASK))
    ended = replace(ended, threshold=0.75, source=m.ThresholdSource.CALIBRATION)
    board.set_threshold(0.25)  # just after the end of a calibration
    session._protocol.events.append(Calibrated(ended))
    events = board.receive(0.01)
    assert not any(isinstance(event, ThresholdChanged) and event.value == 0.75 for event in events)
    assert board.calibration is not None and board.calibration.threshold == 0.25


def test_a_threshold_that_was_set_holds_after_a_reset() -> None:
    board = link_board(Line(CONFIG).session())
    board.restart()
    assert board.set_threshold(0.25) == 0.25
    board.restart()
    board.send(0, WHAT.counts[:WINDOW])
    events: list[Any] = []
    while not events:
        events += board.receive(0.01)
    assert events[0].threshold == np.float32(0.25)

"""The stream: every window of the source is reported once, in order, and every run ends cleanly."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tests.support.waiting import shortest
from tools.monitor.controls import Controls, Mark, Reset, SetPaused, SetThreshold
from tools.monitor.events import (
    Ended,
    Event,
    LinkCounters,
    Marked,
    Notice,
    Paused,
    Restarted,
    SamplesSent,
    Started,
    ThresholdChanged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.pace import Pace
from tools.monitor.stream import Stream
from tools.monitor.summary import Tally
from tools.recordings.source import Source
from training.bundle.errors import LinkError


class Collected(list[Event]):
    def of(self, kind: type) -> list:
        return [event for event in self if isinstance(event, kind)]


def stream_all(
    board: FakeBoard, what: Source, controls: Controls | None = None, **options: object
) -> Collected:
    events = Collected()
    Stream(board, what, controls or Controls(), events.append, **options).run()  # type: ignore
    return events


def test_every_window_is_scored_once_with_its_label() -> None:
    board, what = FakeBoard(), source(30)
    events = stream_all(board, what)
    scored = events.of(WindowScored)
    assert [w.index for w in scored] == list(range(30))
    assert [w.label for w in scored] == [1 if k % 5 == 4 else 0 for k in range(30)]
    assert isinstance(events[0], Started)
    assert events[-1] == Ended(complete=True, reason="")
    sent = np.concatenate([s.counts for s in events.of(SamplesSent)])
    assert np.array_equal(sent, what.counts)
    assert board.closed == 1 and board.finished


def test_overlapping_windows() -> None:
    events = stream_all(FakeBoard(hop=7), source(30, hop=7))
    assert [w.index for w in events.of(WindowScored)] == list(range(30))
    assert events[-1].complete


def test_the_summary_counts_what_happened() -> None:
    board, tally = FakeBoard(), Tally()
    board.lose = {4, 11}
    for event in stream_all(board, source(30)):
        tally.handle(event)
    summary = tally.summary()
    assert (summary.windows, summary.lost, summary.flagged) == (28, 2, 5)
    assert (summary.true_positive, summary.true_negative) == (5, 23)
    assert summary.recall == summary.precision == 1.0
    assert summary.false_alarm_rate == 0.0
    assert summary.mean_microseconds == 50
    assert summary.complete
    assert summary.counters.sent == board.sent


def test_lost_windows_do_not_keep_the_stream_from_ending() -> None:
    board = FakeBoard()
    board.lose = {29}
    events = stream_all(board, source(30))
    assert events.of(WindowsLost) == [WindowsLost(29, 1, "engine")]
    assert events[-1].complete


def test_a_threshold_is_set_on_the_board() -> None:
    controls = Controls()
    controls.ask(SetThreshold(1.0))
    events = stream_all(FakeBoard(), source(10), controls)
    assert events.of(ThresholdChanged) == [ThresholdChanged(1.0)]
    assert all(w.flag and w.threshold == 1.0 for w in events.of(WindowScored))


def test_a_threshold_that_the_board_refuses_is_said_and_nothing_else_happens() -> None:
    controls = Controls()
    controls.ask(SetThreshold(float("nan")))
    events = stream_all(FakeBoard(), source(10), controls)
    (notice,) = events.of(Notice)
    assert notice.text == "threshold not set: /dev/fake: the board refuses it"
    assert not events.of(ThresholdChanged)
    assert events[-1].complete


def test_a_board_with_another_threshold_than_the_bundles_is_said() -> None:
    board = FakeBoard()
    board.facts = replace(board.facts, threshold=5e4)
    (notice,) = stream_all(board, source(2)).of(Notice)
    assert notice.text == "the board's threshold is 5.0e+04, the bundle's is 1.0e+05"


def test_a_number_of_windows() -> None:
    events = stream_all(FakeBoard(hop=7), source(30, hop=7), windows=3)
    assert [w.index for w in events.of(WindowScored)] == [0, 1, 2]
    assert events[-1].complete


@pytest.mark.parametrize("first", [0, 10])
def test_an_unfinished_stream_is_resumed(first: int) -> None:
    board = FakeBoard(resume_frame=first * WINDOW)
    events = stream_all(board, source(30))
    assert events[0].resume_frame == first * WINDOW
    assert [w.index for w in events.of(WindowScored)] == list(range(first, 30))
    assert board.restarts == 0


@pytest.mark.parametrize("options", [{"resume": False}, {"windows": 10}])
def test_a_finished_or_unwanted_stream_is_begun_anew(options: dict[str, object]) -> None:
    board = FakeBoard(resume_frame=10 * WINDOW)
    events = stream_all(board, source(30), **options)
    assert events[0].resume_frame == 0
    assert events.of(WindowScored)[0].index == 0
    assert board.restarts == 1


def test_repeat_goes_round_and_labels_follow() -> None:
    events = stream_all(FakeBoard(), source(5, repeat=True), windows=13)
    labels = [w.label for w in events.of(WindowScored)]
    assert labels == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]


def test_mark_pause_and_reset() -> None:
    controls, board = Controls(), FakeBoard()
    events = Collected()

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, WindowScored) and event.index == 12 and not events.of(Restarted):
            controls.ask(Mark("look"))
            controls.ask(SetPaused(True))
            threading.Timer(0.2, lambda: (controls.ask(Reset()), controls.ask(SetPaused()))).start()

    Stream(board, source(30), controls, emit).run()
    (mark,) = events.of(Marked)
    assert mark.text == "look"
    assert 12 * WINDOW < mark.frame <= 30 * WINDOW
    assert events.of(Paused) == [Paused(True), Paused(False)]
    paused = events.index(Paused(True))
    until = events.index(Restarted(0, "reset"))
    assert not any(isinstance(e, SamplesSent) for e in events[paused:until])
    after = [e.index for e in events[until:] if isinstance(e, WindowScored)]
    assert after == list(range(30))


def test_quitting_parts_politely_and_says_why() -> None:
    controls, board = Controls(), FakeBoard()
    threading.Timer(0.2, lambda: controls.quit("SIGTERM")).start()
    events = stream_all(board, source(5, repeat=True), controls, frames_per_second=500.0)
    assert events[-1] == Ended(complete=False, reason="SIGTERM")
    assert board.closed == 1 and board.finished


def test_a_link_that_fails_ends_the_stream_with_its_error() -> None:
    board = FakeBoard()
    board.fail_at = 300
    events = Collected()
    with pytest.raises(LinkError, match="gone"):
        Stream(board, source(30), Controls(), events.append).run()
    assert events[-1] == Ended(complete=False, reason="/dev/fake: the port is gone")
    assert events.of(LinkCounters)
    assert board.closed == 1 and not board.finished  # what was cut off can be taken up


def test_real_time_is_kept() -> None:
    def stream() -> None:
        stream_all(FakeBoard(), source(15), frames_per_second=600.0)

    assert 0.45 <= shortest(stream, seconds=1.5) < 1.5  # 300 frames: half a second


def test_pace_counts_time_but_no_pauses_and_lets_go_of_a_backlog() -> None:
    now = [0.0]
    pace = Pace(100.0, clock=lambda: now[0])
    assert pace.due(1000) == 0
    now[0] = 0.3
    assert pace.due(1000) == 30
    assert pace.due(8) == 8
    pace.sent(30)
    pace.stop()
    now[0] = 10.3
    assert pace.due(1000) == 0
    pace.resume()
    assert pace.due(1000) == 0
    now[0] = 10.5
    assert pace.due(1000) == 20
    now[0] = 100.0
    assert pace.due(1000) == 50
    assert Pace(None).due(77) == 77
